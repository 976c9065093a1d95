import type { MeasureReport } from '../../stopwatch/types.ts';
import { paint, type Style } from '../style.ts';
import { displayWidth, pad, truncate, wrap } from '../width.ts';
import { axisStep, type Bar, barsOf } from './facts.ts';
import { amount } from './words.ts';

const indent = '  ';
const widest = 120;

/**
 * A line a phase: its name, its bar on a common axis, how long it took. Those of the critical chain are drawn full
 * and have a mark before their name, so that it is seen without colours too.
 */
export function drawWaterfall(
  report: Pick<MeasureReport, 'phases' | 'criticalChain'>,
  style: Style,
): readonly string[] {
  const bars = barsOf(report);
  const end = Math.max(0, ...bars.map(({ endMs }) => endMs));
  if (end === 0) return [];
  const { full, light, mark, ellipsis } = style.hasUnicode
    ? { full: '█', light: '░', mark: '●', ellipsis: '…' }
    : { full: '#', light: '-', mark: '*', ellipsis: '...' };
  const width = Math.min(style.width, widest);
  const names = Math.min(Math.max(...bars.map(({ name }) => displayWidth(name))), Math.floor(width * 0.4));
  const room = Math.max(10, width - indent.length - 2 - names - 1 - 9);
  const line = (bar: Bar): string => {
    const [from, to] = cellsOf(bar, end, room);
    const drawn = ' '.repeat(from) + (bar.isCritical ? full : light).repeat(to - from);
    const name = pad(truncate(bar.name, names, ellipsis), names);
    const ms = amount(bar.endMs - bar.beginMs, 'ms').padStart(8);
    const before = bar.isCritical ? paint(style, 'accent', mark) : ' ';
    const tone = bar.isCritical ? 'accent' : 'dim';
    return `${indent}${before} ${name} ${paint(style, tone, drawn)}${' '.repeat(room - to)} ${ms}`;
  };
  const margin = ' '.repeat(indent.length + 2 + names + 1);
  const legend = `${mark} the critical chain: what the first request had to wait for`;
  return [
    ...bars.map(line),
    margin + paint(style, 'dim', axis(end, room)),
    ...wrap(legend, style.width - indent.length).map((words) => indent + paint(style, 'dim', words)),
  ];
}

/** From which column to which: at least one, so that a short phase is seen. */
function cellsOf(bar: Bar, end: number, room: number): readonly [number, number] {
  const from = Math.min(room - 1, Math.floor((bar.beginMs / end) * room));
  const to = Math.min(room, Math.max(from + 1, Math.round((bar.endMs / end) * room)));
  return [from, to];
}

/** The times below the columns where they are; a time that would touch the one before it is left out. */
function axis(end: number, room: number): string {
  const step = axisStep(end, Math.max(1, Math.floor(room / 12)));
  let text = '';
  for (let at = 0; at <= end; at += step) {
    const label = at === 0 ? '0' : amount(at, 'ms');
    const column = Math.round((at / end) * room);
    if (column + label.length > room) break;
    if (column === 0 || column > text.length) text = text.padEnd(column) + label;
  }
  return text;
}
