import { tokenize } from '../edit/caddy-tokens.ts';
import { isKnownWord } from './concepts.ts';
import type { Statement } from './types.ts';

interface Row {
  readonly words: readonly string[];
  /** The row ends in a brace that opens a block. */
  readonly opens: boolean;
  /** The row begins with one that closes a block. */
  readonly closes: boolean;
  readonly line: number;
}

/** A statement of a Caddyfile with its place among the others. */
export interface CaddyStatement extends Statement {
  /** 0 for the addresses of a site, a snippet's name, the block of global options; else at least 1. */
  readonly depth: number;
  /** Words in their order, `word` among them, without the brace. */
  readonly words: readonly string[];
  /** From 1; of the brace that closes its block, else its own line. */
  readonly lastLine: number;
}

/** The statements of a Caddyfile, those in blocks behind the one that the block belongs to. */
export function caddyStatements(text: string): readonly CaddyStatement[] {
  const rows = rowsIn(text);
  // a file without braces is one site, whose address is the first row
  const hasBlocks = rows.some(({ opens }) => opens);
  const found: (CaddyStatement & { lastLine: number })[] = [];
  const open: (CaddyStatement & { lastLine: number })[] = [];
  for (const { words, opens, closes, line } of rows) {
    if (closes) {
      const block = open.pop();
      if (block) block.lastLine = line;
      continue;
    }
    const [first = '', second = ''] = words;
    const level = hasBlocks ? open.length : Math.min(found.length, 1);
    // what begins with a directive is no site: the text is imported into one
    const depth = level === 0 && isKnownWord('caddyfile', first) ? 1 : level;
    const parent = open.at(-1)?.word;
    // `@name path /x` is a matcher of the kind `path`
    const word = depth > 0 && first.startsWith('@') ? second : first;
    const rest = words.slice(word === first ? 1 : 2).join(' ');
    const statement = { word, rest, line, lastLine: line, depth, words, ...(parent ? { parent } : {}) };
    found.push(statement);
    if (opens) open.push(statement);
  }
  return found;
}

/** Words that begin a line inside of a block: directives, subdirectives, options, kinds of matchers. */
export function isDirective({ word, depth }: CaddyStatement): boolean {
  return depth > 0 && word !== '' && !word.startsWith('{');
}

function rowsIn(text: string): readonly Row[] {
  const read = tokenize(text);
  if ('misread' in read) return plainRows(text);
  const rows: Row[] = [];
  const lineOf = lineCounter(text);
  for (let from = 0; from < read.tokens.length; ) {
    const first = read.tokens[from];
    let to = from + 1;
    while (read.tokens[to] && read.tokens[to]?.row === first?.row) to++;
    const tokens = read.tokens.slice(from, to);
    const last = tokens.at(-1);
    const opens = last?.text === '{' && !last.isQuoted;
    const words = (opens ? tokens.slice(0, -1) : tokens).map((token) => token.text);
    const closes = first?.text === '}' && !first.isQuoted;
    rows.push({ words, opens, closes, line: lineOf(first?.start ?? 0) });
    from = to;
  }
  return rows;
}

/** As far as a text can be read in which a quote is never closed. */
function plainRows(text: string): readonly Row[] {
  return text.split('\n').flatMap((row, i) => {
    const words = row.trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith('#')) return [];
    const opens = words.at(-1) === '{';
    return { words: opens ? words.slice(0, -1) : words, opens, closes: words[0] === '}', line: i + 1 };
  });
}

/** Lines, from 1, of offsets that are asked for in their order. */
export function lineCounter(text: string): (offset: number) => number {
  let line = 1;
  let next = text.indexOf('\n');
  return (offset) => {
    while (next >= 0 && next < offset) {
      line++;
      next = text.indexOf('\n', next + 1);
    }
    return line;
  };
}
