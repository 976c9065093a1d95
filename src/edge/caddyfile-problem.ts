import type { Problem, Source } from '../kit/failure.ts';
import { nearest } from '../kit/nearest.ts';
import { type Complaint, understand } from './caddy-words.ts';

export interface Text {
  readonly file: string;
  readonly text: string;
}

/** `main` is the Caddyfile; `read` gives the text of an imported file, by the path that Caddy names. */
export interface Texts {
  readonly main: Text;
  read(path: string): Text | undefined;
}

/** A problem of fault `project`, at the word that Caddy complains of; whether more can be looked for behind it. */
export function caddyfileProblem(words: string, texts: Texts): Problem & { readonly isStructural: boolean } {
  const complaint = understand(words);
  const source = locate(complaint, texts);
  const guess = complaint.token === undefined ? undefined : nearest(complaint.token, complaint.candidates);
  return {
    fault: 'project',
    code: 'CADDYFILE_INVALID',
    message: complaint.message,
    hints: [guess === undefined ? complaint.hint : `did you mean "${guess}"?`],
    isStructural: complaint.isStructural === true,
    ...(source ? { source } : {}),
    evidence: [`caddy: ${words.replace(/^adapting config using caddyfile adapter: /, '')}`],
  };
}

/**
 * Caddy gives a line, not always the word's own (inside `handle` it is the closing brace's), and for some
 * errors none: the word is looked for in that line, then upwards, then anywhere.
 */
function locate(complaint: Complaint, texts: Texts): Source | undefined {
  const isMain = complaint.file === undefined || complaint.file === 'Caddyfile';
  const text = isMain ? texts.main : (texts.read(complaint.file ?? '') ?? { file: complaint.file ?? '', text: '' });
  const lines = text.text.split(/\r?\n/);
  const { token, line } = complaint;
  if (token !== undefined) {
    const order = line === undefined ? lines.map((_, i) => i) : upwardsFrom(Math.min(line, lines.length) - 1);
    if (complaint.isAboutLast) order.sort((a, b) => b - a);
    for (const i of order) {
      const col = columnOf(lines[i] ?? '', token);
      if (col !== undefined) return { file: text.file, line: i + 1, col, length: token.length, text: lines[i] ?? '' };
    }
  }
  if (line === undefined) return isMain ? { file: text.file, line: 1, col: 1, text: lines[0] ?? '' } : undefined;
  const own = lines[line - 1] ?? '';
  const col = own.search(/\S/) + 1 || 1;
  return { file: text.file, line, col, length: Math.max(1, own.trim().length), text: own };
}

function upwardsFrom(index: number): number[] {
  return Array.from({ length: index + 1 }, (_, i) => index - i);
}

/** Column of a word that stands alone; comments do not count. */
function columnOf(line: string, token: string): number | undefined {
  const code = line.replace(/(^|\s)#.*$/, '$1');
  for (let at = code.indexOf(token); at >= 0; at = code.indexOf(token, at + 1)) {
    const before = code[at - 1] ?? ' ';
    const after = code[at + token.length] ?? ' ';
    if (/[\s"'`,(:]/.test(before) && (/[\s"'`,):]/.test(after) || /\W$/.test(token))) return at + 1;
  }
  return undefined;
}
