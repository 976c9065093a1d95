import type { Statement } from './types.ts';

/** What is in one physical line outside of quotes and comments. */
export interface Marks {
  ends: number;
  opens: number;
  closes: number;
}

/** In these blocks the first words are data. */
const tables = new Set(['map', 'types', 'geo', 'split_clients']);

/** For each physical line how many `;`, `{` and `}` it has. */
export function nginxMarks(text: string): readonly Marks[] {
  const marks: Marks[] = [{ ends: 0, opens: 0, closes: 0 }];
  for (const { mark } of pieces(text)) {
    const last = marks.at(-1);
    if (mark === '\n') marks.push({ ends: 0, opens: 0, closes: 0 });
    else if (last && mark === ';') last.ends++;
    else if (last && mark === '{') last.opens++;
    else if (last && mark === '}') last.closes++;
  }
  return marks;
}

/** The directives of an nginx configuration. */
export function nginxStatements(text: string): readonly Statement[] {
  const found: Statement[] = [];
  const parents: string[] = [];
  let [line, words, begin] = [1, [] as string[], 1];
  for (const { mark, word } of pieces(text)) {
    if (mark === '\n') line++;
    else if (word !== undefined) {
      if (words.length === 0) begin = line;
      words.push(word);
    } else if (mark === '}') {
      parents.pop();
      words = [];
    } else if (mark !== undefined) {
      const [first = '', ...rest] = words;
      const parent = parents.at(-1);
      if (first && !tables.has(parent ?? ''))
        found.push({ word: first, rest: rest.join(' '), line: begin, ...(parent ? { parent } : {}) });
      if (mark === '{') parents.push(first);
      words = [];
    }
  }
  return found;
}

/** Words (without quotes) and marks in their order; a word may hold line breaks, which come before it. */
function* pieces(text: string): Generator<{ readonly mark?: string; readonly word?: string }> {
  let at = 0;
  while (at < text.length) {
    const ch = text[at] ?? '';
    if (ch === '\n' || ch === ';' || ch === '{' || ch === '}') {
      at++;
      yield { mark: ch };
    } else if (/\s/.test(ch)) at++;
    else if (ch === '#') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else {
      const end = endOfWord(text, at);
      const word = text.slice(at, end);
      if (word.includes('\n')) for (const _ of word.matchAll(/\n/g)) yield { mark: '\n' };
      yield { word: isQuote(word[0]) ? word.slice(1, -1) : word };
      at = end;
    }
  }
}

function endOfWord(text: string, start: number): number {
  const quote = text[start];
  const isQuoted = isQuote(quote);
  let at = isQuoted ? start + 1 : start;
  for (; at < text.length; at++) {
    const ch = text[at] ?? '';
    if (ch === '\\') at++;
    else if (isQuoted ? ch === quote : /[\s;{}]/.test(ch)) {
      if (isQuoted) return at + 1;
      // a variable: ${name}
      if (ch !== '{' || text[at - 1] !== '$') return Math.max(at, start + 1);
      while (at + 1 < text.length && text[at] !== '}' && text[at] !== '\n') at++;
    }
  }
  return text.length;
}

function isQuote(ch: string | undefined): boolean {
  return ch === '"' || ch === "'";
}
