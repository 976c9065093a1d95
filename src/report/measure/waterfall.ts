import type { MeasureReport } from '../../stopwatch/types.ts';
import { bar, type Chart, type Drawing, gridLine, label, textWidth } from './chart.ts';
import { axisStep, type Bar, barsOf, chainWords } from './facts.ts';
import { html, type Markup } from './markup.ts';
import { amount, counted } from './words.ts';

const rowHeight = 24;
/** Below it a name stands above its bar, not beside it. */
const beside = 560;

/** The phases of the median run on one axis; nothing where there are none. */
export function waterfallChart(report: Pick<MeasureReport, 'phases' | 'criticalChain' | 'project'>): Chart | undefined {
  const bars = barsOf(report);
  const end = Math.max(0, ...bars.map(({ endMs }) => endMs));
  if (end === 0) return undefined;
  const chain = chainWords(report, 'then');
  const critical = chain === '' ? '' : ` The critical chain, which set the total: ${chain}.`;
  return {
    id: 'waterfall',
    title: `Where the time of ${report.project} went until its first request`,
    description: `${counted(bars.length, 'phase')} until ${amount(end, 'ms')}.${critical}`,
    draw: (width) => drawBars(bars, end, width),
  };
}

function drawBars(bars: readonly Bar[], end: number, width: number): Drawing {
  const isBeside = width >= beside;
  const values = 62;
  const names = isBeside ? Math.min(width * 0.34, Math.max(...bars.map((one) => textWidth(one.name))) + 18) : 0;
  const left = isBeside ? names + 10 : 2;
  // the last time of the axis needs half of its own width beyond its line
  const room = width - left - (isBeside ? values : 22);
  const height = isBeside ? rowHeight : rowHeight * 1.55;
  const top = 26;
  const bottom = top + bars.length * height;
  const x = (ms: number): number => left + (ms / end) * room;
  return {
    width,
    height: bottom + 34,
    content: [
      ...axis(end, x, room, top, bottom),
      ...bars.flatMap((one, at) => row(one, x, top + at * height, isBeside ? names : undefined, width)),
      html`<circle class="a" cx="7" cy="${bottom + 21}" r="4"/>`,
      label(
        isBeside ? 'the critical chain: what the first request had to wait for' : 'the critical chain',
        18,
        bottom + 25.5,
        width - 20,
        's',
      ),
    ],
  };
}

function row(
  one: Bar,
  x: (ms: number) => number,
  y: number,
  names: number | undefined,
  width: number,
): readonly Markup[] {
  const took = amount(one.endMs - one.beginMs, 'ms');
  const base = y + 16;
  const look = one.isCritical ? 'a' : 'q';
  const mark = one.isCritical ? [html`<circle class="a" cx="7" cy="${base - 4.5}" r="4"/>`] : [];
  const [barY, thick] = [names === undefined ? y + 22 : y + 5, names === undefined ? 9 : 14];
  const drawn = bar(look, x(one.beginMs), barY, x(one.endMs) - x(one.beginMs), thick);
  const room = names === undefined ? width - 18 - textWidth(took) - 10 : names - 18;
  return [...mark, label(one.name, 18, base, room), drawn, label(took, width - 2, base, 70, 's', 'end')];
}

function axis(end: number, x: (ms: number) => number, room: number, top: number, bottom: number): readonly Markup[] {
  const step = axisStep(end, Math.max(2, Math.floor(room / 95)));
  const lines: Markup[] = [];
  for (let at = 0; at <= end * 1.0001; at += step) {
    const anchor = at === 0 ? 'start' : 'middle';
    lines.push(gridLine(x(at), top - 6, bottom), label(at === 0 ? '0' : amount(at, 'ms'), x(at), 13, 100, 's', anchor));
  }
  return lines;
}
