/** A word of a Caddyfile. */
export interface Token {
  /** Without its quotes. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Counts logical lines: a line that ends in a backslash, and lines inside quotes, do not begin a new one. */
  readonly row: number;
  readonly isQuoted: boolean;
}

export interface Misread {
  readonly offset: number;
  readonly message: string;
}

export type Tokens = { readonly tokens: readonly Token[] } | { readonly misread: Misread };

/**
 * Cuts a Caddyfile into words as Caddy does: double quotes with \" inside, backquotes, heredocs,
 * comments where a word could begin, `{$NAME:default}` as part of one word.
 * https://caddyserver.com/docs/caddyfile/concepts
 */
export function tokenize(text: string): Tokens {
  const tokens: Token[] = [];
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let row = 0;
  while (at < text.length) {
    const continued = /^\\\r?\n/.exec(text.slice(at, at + 3));
    if (continued) {
      at += continued[0].length;
    } else if (text[at] === '\n') {
      row++;
      at++;
    } else if (isSpace(text[at])) {
      at++;
    } else if (text[at] === '#') {
      while (at < text.length && text[at] !== '\n') at++;
    } else {
      const word = wordAt(text, at);
      if ('message' in word) return { misread: word };
      tokens.push({ ...word, start: at, row });
      at = word.end;
    }
  }
  return { tokens };
}

type Word = Pick<Token, 'text' | 'end' | 'isQuoted'>;

function wordAt(text: string, start: number): Word | Misread {
  const quote = text[start];
  if (quote === '"' || quote === '`') return quotedAt(text, start, quote);
  const heredoc = /^<<([A-Za-z0-9_-]+)\r?\n/.exec(text.slice(start, start + 200));
  if (heredoc?.[1]) return heredocAt(text, start, start + heredoc[0].length, heredoc[1]);
  let end = start;
  while (end < text.length && !isSpace(text[end]) && !/^\\\r?\n/.test(text.slice(end, end + 3))) {
    const placeholder = text.startsWith('{$', end) ? /^\{\$[^}\n]*\}/.exec(text.slice(end, end + 1000)) : null;
    end += placeholder ? placeholder[0].length : 1;
  }
  return { text: text.slice(start, end), end, isQuoted: false };
}

function quotedAt(text: string, start: number, quote: '"' | '`'): Word | Misread {
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === quote) return { text: value, end: at + 1, isQuoted: true };
    if (quote === '"' && text[at] === '\\' && text[at + 1] === '"') at++;
    value += text[at];
  }
  return { offset: start, message: `the quote ${quote} is never closed` };
}

function heredocAt(text: string, start: number, body: number, marker: string): Word | Misread {
  for (let line = body; line < text.length; ) {
    const next = text.indexOf('\n', line);
    const content = text.slice(line, next < 0 ? text.length : next);
    const indent = content.length - content.trimStart().length;
    if (content.startsWith(marker, indent) && !/^[A-Za-z0-9_-]/.test(content.slice(indent + marker.length)))
      return { text: text.slice(body, line), end: line + indent + marker.length, isQuoted: true };
    if (next < 0) break;
    line = next + 1;
  }
  return { offset: start, message: `the heredoc <<${marker} is never closed` };
}

function isSpace(ch: string | undefined): boolean {
  return ch !== undefined && /\s/.test(ch);
}
