import { dockerfileExtras } from './dockerfile-rows.ts';
import { nginxMarks } from './nginx.ts';
import type { TextKind } from './types.ts';
import { yamlSums } from './yaml-rows.ts';

/** What one physical line counts for. */
export interface Row {
  /** From 1. */
  readonly line: number;
  /** Logical lines; blank lines and comments have no row. */
  readonly lines: number;
  /** Of these, those that say something: what only closes a block says nothing. */
  readonly statements: number;
}

/** Characters that a line may have. */
export const widest = 100;

/**
 * The rows of a text. A physical line counts once, more where it is longer than 100 characters (its indentation
 * included), and as often as its parts would if each had a line to itself: entries in braces and brackets, commands
 * joined by `;` and `&&`, several `;` of nginx, several variables of one ENV. Linear in the length of the text.
 */
export function rowsOf(kind: TextKind, text: string): readonly Row[] {
  const sums =
    kind === 'compose' || kind === 'yaml'
      ? yamlSums(text, (part, indent) => countOf(kind, part.trim(), indent))
      : undefined;
  const extras = kind === 'dockerfile' ? dockerfileExtras(text, (part) => countOf(kind, part)) : undefined;
  const marks = kind === 'nginx' ? nginxMarks(text) : undefined;
  const rows: Row[] = [];
  for (const [i, row] of physicalLines(text).entries()) {
    const line = row.trim();
    if (line === '' || line.startsWith('#')) continue;
    const mark = marks?.[i];
    const joined = mark ? mark.ends + mark.opens + mark.closes : (sums?.[i] ?? 0);
    const lines = Math.max(countOf(kind, row), joined) + (extras?.get(i) ?? 0) + (kind === 'env' ? breaks(line) : 0);
    const closing = isClosing(kind, line) ? lines : (mark?.closes ?? 0);
    rows.push({ line: i + 1, lines, statements: Math.max(0, lines - closing) });
  }
  return rows;
}

/** Without what ends a line, and without a byte order mark. */
export function physicalLines(text: string): readonly string[] {
  return (text.startsWith('\uFEFF') ? text.slice(1) : text).split('\n');
}

/** Logical lines of one line that is neither blank nor a comment, as far as its characters tell. */
function countOf(kind: TextKind, line: string, indent = 0): number {
  const parts = kind === 'nginx' ? 0 : partsOf(kind, line).filter((part) => /[\p{L}\p{N}]/u.test(part)).length;
  return Math.max(1, Math.ceil((indent + lengthOf(line.trimEnd())) / widest), parts);
}

/** What is joined in a line. Caddy and Apache join nothing by `;`: in quotes it is part of a header's value. */
function partsOf(kind: TextKind, line: string): readonly string[] {
  if (kind !== 'caddyfile' && kind !== 'apache') return line.split(/;|&&/);
  return outsideQuotes(line).split(';');
}

/** A line with `x` for each quoted text. */
function outsideQuotes(line: string): string {
  let outside = '';
  for (let at = 0; at < line.length; at++) {
    const quote = line[at] ?? '';
    if (quote !== '"' && quote !== '`') {
      outside += quote;
      continue;
    }
    at++;
    while (at < line.length && line[at] !== quote) at += line[at] === '\\' && quote === '"' ? 2 : 1;
    outside += 'x';
  }
  return outside;
}

/** In characters, not in halves of them. */
function lengthOf(line: string): number {
  return line.length - (line.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0);
}

/** Line breaks that are written as `\n` between double quotes: an env file may carry a whole text so. */
function breaks(line: string): number {
  const quoted = /^[^=]*=\s*"(.*)$/.exec(line)?.[1];
  return (
    quoted
      ?.split(/\\n/)
      .slice(1)
      .filter((part) => /[\p{L}\p{N}]/u.test(part)).length ?? 0
  );
}

function isClosing(kind: TextKind, line: string): boolean {
  if (kind === 'apache' && /^<\/[^<>]*>$/.test(line)) return true;
  if (kind === 'shell' && /^(?:fi|done|esac);?$/.test(line)) return true;
  return /^[\])}][\])},;\s]*$/.test(line);
}
