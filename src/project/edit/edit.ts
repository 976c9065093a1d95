import type { Problem, Source } from '../../kit/failure.ts';

/** What an edit of a user's file comes to. Applied a second time it is always `unchanged`. */
export type Edit = { readonly text: string } | { readonly unchanged: true } | { readonly problem: Problem };

/** The position of an offset as line and column, with the line itself. */
export function sourceAt(file: string, text: string, offset: number, length = 1): Source {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  const begin = before.lastIndexOf('\n') + 1;
  const end = text.indexOf('\n', begin);
  const shown = text.slice(begin, end < 0 ? text.length : end).replace(/\r$/, '');
  return { file, line, col: offset - begin + 1, length: Math.max(1, length), text: shown };
}

export function problemAt(source: Source, code: string, message: string, hint: string): { readonly problem: Problem } {
  return { problem: { fault: 'project', code, message, hints: [hint], source } };
}

/** The line end that a text uses; the first one decides, a text without any gets `\n`. */
export function lineEndOf(text: string): '\n' | '\r\n' {
  const first = text.indexOf('\n');
  return first > 0 && text[first - 1] === '\r' ? '\r\n' : '\n';
}

/** Offset just behind the line that holds `offset`: behind its line end, or the end of the text. */
export function behindLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}

/** Puts whole lines at an offset where a line begins (or the text ends, with or without a line end). */
export function insertLines(text: string, offset: number, lines: readonly string[]): string {
  const lineEnd = lineEndOf(text);
  const isOpen = offset > 0 && text[offset - 1] !== '\n' && !(offset === 1 && text.startsWith('\uFEFF'));
  const added = isOpen ? lineEnd + lines.join(lineEnd) : lines.map((line) => line + lineEnd).join('');
  return text.slice(0, offset) + added + text.slice(offset);
}
