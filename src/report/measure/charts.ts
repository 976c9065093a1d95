import type { Figure, Unit } from '../../stopwatch/types.ts';
import { bar, type Chart, type Drawing, gridLine, label, textWidth } from './chart.ts';
import { axisStep } from './facts.ts';
import { html, type Markup } from './markup.ts';
import { amount } from './words.ts';

const rowHeight = 30;

/** A quantity with its name; `figure` adds its spread and its runs. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly figure?: Figure;
  /** What the eye should go to. */
  readonly isMarked?: boolean;
}

type Words = Pick<Chart, 'id' | 'title' | 'description'>;

/** Bars from nought; where there are runs, their spread as a line over the end of the bar. */
export function barChart(words: Words, rows: readonly Row[], unit: Unit | 'count'): Chart {
  return { ...words, draw: (width) => drawBars(rows, unit, width) };
}

function drawBars(rows: readonly Row[], unit: Unit | 'count', width: number): Drawing {
  const most = Math.max(1e-9, ...rows.map(({ value, figure }) => figure?.max ?? value));
  const names = Math.min(width * 0.5, Math.max(...rows.map(({ name }) => textWidth(name))));
  const values = Math.max(...rows.map(({ value }) => textWidth(amount(value, unit)))) + 8;
  const left = names + 10;
  const room = width - left - values;
  const x = (value: number): number => left + (value / most) * room;
  const content = rows.flatMap(({ name, value, figure, isMarked }, at): readonly Markup[] => {
    const y = at * rowHeight;
    const middle = y + 14;
    const whisker = figure
      ? [
          html`<path class="t" d="M${x(figure.min)} ${middle - 1}H${x(figure.max)}v2H${x(figure.min)}z M${x(figure.min) - 1} ${middle - 5}h2v10h-2z M${x(figure.max) - 1} ${middle - 5}h2v10h-2z"/>`,
        ]
      : [];
    const after = Math.max(x(value), figure ? x(figure.max) : 0) + 6;
    return [
      label(name, 0, y + 18.5, names),
      ...(value === 0 ? [] : [bar(isMarked ? 'a' : 'q', left, y + 6, x(value) - left, 16)]),
      ...whisker,
      label(amount(value, unit), after, y + 18.5, values, 's'),
    ];
  });
  return {
    width,
    height: rows.length * rowHeight + 2,
    content: [gridLine(left, 0, rows.length * rowHeight), ...content],
  };
}

/** Times from milliseconds to minutes on one logarithmic axis: a dot a run, a line from the least to the most, a bar at the median. */
export function spreadChart(words: Words, rows: readonly (Row & { readonly figure: Figure })[]): Chart {
  return { ...words, draw: (width) => drawSpread(rows, width) };
}

const beside = 560;

function drawSpread(rows: readonly (Row & { readonly figure: Figure })[], width: number): Drawing {
  const isBeside = width >= beside;
  const height = isBeside ? rowHeight - 2 : 42;
  const names = isBeside ? Math.min(width * 0.38, Math.max(...rows.map(({ name }) => textWidth(name)))) : 0;
  const left = isBeside ? names + 16 : 6;
  const room = width - left - (isBeside ? 70 : 22);
  // a clock that read nought is drawn at the left end
  const least = bound(Math.min(...rows.map(({ figure }) => figure.min)), Math.floor);
  const most = Math.max(least * 10, bound(Math.max(...rows.map(({ figure }) => figure.max)), Math.ceil));
  const x = (ms: number): number => left + (Math.log(Math.max(ms, least) / least) / Math.log(most / least)) * room;
  const top = 26;
  const bottom = top + rows.length * height;
  const content = rows.flatMap(({ name, value, figure }, at): readonly Markup[] => {
    const y = top + at * height;
    const middle = isBeside ? y + height / 2 : y + 29;
    const base = isBeside ? middle + 4.5 : y + 14;
    return [
      label(name, 0, base, isBeside ? names : width - textWidth(amount(value, 'ms')) - 10),
      html`<line class="ql" stroke-width="2" x1="${x(figure.min)}" x2="${x(figure.max)}" y1="${middle}" y2="${middle}"/>`,
      ...figure.values.map((ms) => html`<circle class="q" cx="${x(ms)}" cy="${middle}" r="3"/>`),
      bar('a', x(value) - 2, middle - 8, 4, 16),
      label(amount(value, 'ms'), width - 2, base, 80, 's', 'end'),
    ];
  });
  return { width, height: bottom + 6, content: [...logAxis(least, most, x, room, top, bottom), ...content] };
}

/** The next of 1, 2, 5, 10, 20, … below or above. */
function bound(value: number, round: (value: number) => number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 0.1)));
  const factors = [1, 2, 5, 10];
  const share = Math.max(value, 0.1) / power;
  const fit =
    round === Math.floor ? factors.findLast((factor) => factor <= share) : factors.find((factor) => factor >= share);
  return (fit ?? 1) * power;
}

function logAxis(
  least: number,
  most: number,
  x: (ms: number) => number,
  room: number,
  top: number,
  bottom: number,
): readonly Markup[] {
  const lines: Markup[] = [];
  let free = Number.NEGATIVE_INFINITY;
  for (let power = 10 ** Math.floor(Math.log10(least)); power <= most * 1.0001; power *= 10) {
    for (const factor of room > 400 ? [1, 2, 5] : [1]) {
      const at = power * factor;
      if (at < least * 0.9999 || at > most * 1.0001) continue;
      const text = at >= 1000 ? `${at / 1000} s` : `${Number(at.toPrecision(3))} ms`;
      lines.push(gridLine(x(at), top - 6, bottom));
      if (x(at) - textWidth(text) / 2 < free) continue;
      const anchor = at === least ? 'start' : 'middle';
      lines.push(label(text, x(at), 13, 80, 's', anchor));
      free = x(at) + textWidth(text) / (anchor === 'start' ? 1 : 2) + 6;
    }
  }
  return lines;
}

/** One value of a history. */
export interface HistoryDot {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly machine: number;
}

/** Values in the order of time, evenly apart; only those of one machine are joined. Machines differ by shape and by colour. */
export function historyChart(
  words: Words,
  dots: readonly HistoryDot[],
  unit: Unit | 'count',
  from: string,
  to: string,
): Chart {
  return { ...words, draw: (width) => drawHistory(dots, unit, from, to, width) };
}

function drawHistory(
  dots: readonly HistoryDot[],
  unit: Unit | 'count',
  from: string,
  to: string,
  width: number,
): Drawing {
  const most = Math.max(unit === 'ms' || unit === 'bytes' ? 1e-9 : 1, ...dots.map(({ max }) => max));
  // what is counted has no halves
  const step = Math.max(unit === 'ms' || unit === 'bytes' ? 0 : 1, axisStep(most, 3));
  const ceiling = Math.ceil(most / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round(ceiling / step) + 1 }, (_, at) => at * step);
  const left = Math.max(...ticks.map((at) => textWidth(amount(at, unit)))) + 8;
  const [top, bottom] = [10, 134];
  const room = width - left - 12;
  const x = (at: number): number => left + 6 + (dots.length === 1 ? room / 2 : (at / (dots.length - 1)) * room) - 3;
  const y = (value: number): number => bottom - (value / ceiling) * (bottom - top);
  const lines = dots.flatMap((dot, at) => {
    const before = dots.slice(0, at).findLastIndex(({ machine }) => machine === dot.machine);
    const one = dots[before];
    const look = `l${dot.machine % 4}`;
    return one
      ? [
          html`<line class="${look}" stroke-width="1.5" x1="${x(before)}" y1="${y(one.median)}" x2="${x(at)}" y2="${y(dot.median)}"/>`,
        ]
      : [];
  });
  const marks = dots.flatMap((dot, at) => [
    ...(dot.min === dot.max
      ? []
      : [
          html`<line class="l${dot.machine % 4}" stroke-width="1.5" x1="${x(at)}" x2="${x(at)}" y1="${y(dot.min)}" y2="${y(dot.max)}"/>`,
        ]),
    machineMark(dot.machine, x(at), y(dot.median)),
  ]);
  const grid = ticks.flatMap((value) => [
    html`<line class="g" x1="${left}" x2="${width}" y1="${y(value)}" y2="${y(value)}"/>`,
    label(value === 0 ? '0' : amount(value, unit), left - 8, y(value) + 4.5, left, 's', 'end'),
  ]);
  const half = (width - left) / 2 - 6;
  const dates = from === to ? [] : [label(to, width, bottom + 20, half, 's', 'end')];
  return {
    width,
    height: bottom + 26,
    content: [...grid, ...lines, ...marks, label(from, left, bottom + 20, half, 's'), ...dates],
  };
}

/** Circle, square, diamond, triangle. */
export function machineMark(machine: number, x: number, y: number): Markup {
  const look = `m${machine % 4}`;
  switch (machine % 4) {
    case 0:
      return html`<circle class="${look}" cx="${x}" cy="${y}" r="4"/>`;
    case 1:
      return html`<rect class="${look}" x="${x - 3.8}" y="${y - 3.8}" width="7.6" height="7.6"/>`;
    case 2:
      return html`<path class="${look}" d="M${x} ${y - 5.2}l5.2 5.2l-5.2 5.2l-5.2 -5.2z"/>`;
    default:
      return html`<path class="${look}" d="M${x} ${y - 5}l5 9h-10z"/>`;
  }
}
