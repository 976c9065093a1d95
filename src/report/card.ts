import type { Failure, Source } from '../kit/failure.ts';
import { sanitise } from './sanitise.ts';
import { paint, type Style, symbolsOf } from './style.ts';
import { displayWidth, pad, truncate, wrap } from './width.ts';

export type Severity = 'error' | 'warning';

const indent = '  ';

/** All failures as cards, one below the other. */
export function renderFailures(failures: readonly Failure[], style: Style): string {
  return failures.map((failure) => renderCard(failure, style, 'error')).join('\n');
}

/** Warnings have the same shape. */
export function renderWarnings(failures: readonly Failure[], style: Style): string {
  return failures.map((failure) => renderCard(failure, style, 'warning')).join('\n');
}

/**
 * What, where, the text itself, proof, what to do, the code. On a terminal no line is wider than it; elsewhere
 * the first line is `file:line:column: severity CODE message`, so that editors and grep find it.
 */
export function renderCard(failure: Failure, style: Style, severity: Severity): string {
  const head = style.isTty ? headline(failure, style, severity) : plainHeadline(failure, severity);
  const lines = [...head, ...excerpt(failure.source, style), ...evidence(failure, style), ...foot(failure, style)];
  return lines.join('\n');
}

function headline(failure: Failure, style: Style, severity: Severity): readonly string[] {
  const tone = severity === 'error' ? 'bad' : 'warn';
  const [first = '', ...rest] = wrap(oneLine(failure.message), style.width - 2);
  return [
    `${paint(style, tone, symbolsOf(style)[tone])} ${paint(style, 'bold', first)}`,
    ...rest.map((line) => indent + paint(style, 'bold', line)),
  ];
}

function plainHeadline(failure: Failure, severity: Severity): readonly string[] {
  const where = failure.source ? position(failure.source) : 'camp';
  return [`${where}: ${severity} ${failure.code} ${oneLine(failure.message)}`];
}

function position({ file, line, col }: Source): string {
  return `${file}:${line}:${col}`;
}

/** `compose.yaml:12:9   - dbb` and the underline below; without the line's text, or where it is too narrow, the position alone. */
function excerpt(source: Source | undefined, style: Style): readonly string[] {
  if (!source) return [];
  const where = position(source);
  const gutter = indent + where + indent;
  const room = style.width - displayWidth(gutter);
  if (source.text === undefined || room < 20) return style.isTty ? clipped(where, style) : [];
  const { text, before, length } = around(source.text, source.col, source.length ?? 1, room, symbolsOf(style).ellipsis);
  return [
    indent + paint(style, 'accent', where) + indent + text,
    ' '.repeat(displayWidth(gutter) + before) + paint(style, 'bad', '~'.repeat(length)),
  ];
}

function clipped(where: string, style: Style): readonly string[] {
  return wrap(where, style.width - indent.length).map((line) => indent + paint(style, 'accent', line));
}

/** The part of a line that shows the column, and where the underline goes, in columns of the terminal. */
function around(
  line: string,
  col: number,
  length: number,
  room: number,
  ellipsis: string,
): { text: string; before: number; length: number } {
  const clean = line.replace(/[\t\x00-\x1f\x7f-\x9f]/g, ' ').trimEnd();
  const at = Math.min(col - 1, clean.length);
  const isFar = displayWidth(clean.slice(0, at)) > room - 15;
  const begin = isFar ? Math.max(0, at - 10) : 0;
  const shown = (isFar ? ellipsis : '') + clean.slice(begin);
  const before = displayWidth((isFar ? ellipsis : '') + clean.slice(begin, at));
  const marked = Math.max(1, displayWidth(clean.slice(at, at + length)) || length);
  return { text: truncate(shown, room, ellipsis), before, length: Math.max(1, Math.min(marked, room - before)) };
}

function evidence(failure: Failure, style: Style): readonly string[] {
  const bar = paint(style, 'dim', symbolsOf(style).bar);
  return (failure.evidence ?? []).flatMap((text) =>
    text.split('\n').map((line) => {
      const clean = sanitise(line, false).replaceAll('\t', '  ');
      return `${indent}${bar} ${style.isTty ? truncate(clean, style.width - 4, symbolsOf(style).ellipsis) : clean}`.trimEnd();
    }),
  );
}

/** The hints, and the code at the right of the last one where it fits. Off a terminal the code is in the first line. */
function foot(failure: Failure, style: Style): readonly string[] {
  const lines = failure.hints.flatMap((hint) => {
    const [first = '', ...rest] = wrap(oneLine(hint), style.width - indent.length - 5);
    return [`${indent}fix: ${first}`, ...rest.map((line) => `${indent}     ${line}`)];
  });
  if (!style.isTty) return lines.map((line) => emphasise(line, style));
  const last = lines.pop() ?? '';
  const code = failure.code.slice(0, style.width);
  const room = style.width - displayWidth(code);
  const tail =
    displayWidth(last) + 2 <= room
      ? [emphasise(pad(last, room), style) + paint(style, 'dim', code)]
      : [emphasise(last, style), ' '.repeat(room) + paint(style, 'dim', code)];
  return [...lines.map((line) => emphasise(line, style)), ...tail];
}

function emphasise(line: string, style: Style): string {
  const text = line.slice(indent.length + 'fix: '.length);
  return line.startsWith(`${indent}fix: `) ? `${indent}${paint(style, 'good', 'fix:')} ${text}` : line;
}

function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim();
}
