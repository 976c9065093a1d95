import { historyChart, machineMark } from './charts.ts';
import { type History, type Point, periodWords, type Series } from './history.ts';
import { html, type Markup, name, nothing } from './markup.ts';
import { figure, folded, half, lead, type Section, table } from './page-parts.ts';
import { amount, counted, timeWords } from './words.ts';

/** The most values that a chart shows; more of them could not be told apart. */
const mostPoints = 60;

/** The figures of earlier runs, a small chart for each; nothing where none were kept. */
export function historySection({ series, machines, skipped }: History): Section | undefined {
  if (series.length === 0 && skipped === 0) return undefined;
  const drawn = series.filter(({ points }) => points.length > 1);
  const alone = series.length - drawn.length;
  const words = [
    'What camp kept in .camp/metrics.jsonl, oldest at the left, evenly apart.',
    machines.length > 1 ? 'Only values of the same machine are joined.' : '',
    alone > 0 ? `${counted(alone, 'metric has', 'metrics have')} one value only, and no chart yet.` : '',
    skipped > 0 ? `${counted(skipped, 'line')} could not be read and ${skipped === 1 ? 'was' : 'were'} left out.` : '',
  ];
  return {
    id: 'history',
    title: 'History',
    content: [
      lead(words.filter((text) => text !== '').join(' ')),
      drawn.length === 0 ? nothing : legend(machines),
      html`<div class="pair">${drawn.map((one, at) => chart(one, at, machines))}</div>`,
    ],
  };
}

function legend(machines: readonly string[]): Markup {
  return html`<ul class="legend">${machines.map(
    (machine, at) =>
      html`<li><svg width="14" height="14" aria-hidden="true">${machineMark(at, 7, 7)}</svg><span>${machineName(at)}: ${name(machine)}</span></li>`,
  )}</ul>`;
}

/** A, B, … Z, then by number. */
function machineName(at: number): string {
  return at < 26 ? String.fromCharCode(65 + at) : `${at + 1}`;
}

function chart(series: Series, at: number, machines: readonly string[]): Markup {
  const points = series.points.slice(-mostPoints);
  const left = series.points.length - points.length;
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return nothing;
  const latest = `latest ${amount(last.median, series.unit)}, machine ${machineName(last.machine)}`;
  const description = `${periodWords(points)}; ${latest}.${left > 0 ? ` ${left} older ones are not shown.` : ''}`;
  const drawn = historyChart(
    { id: `history-${at}`, title: series.name, description },
    points,
    series.unit,
    timeWords(first.time).slice(0, 10),
    timeWords(last.time).slice(0, 10),
  );
  return html`<div>${figure(drawn, half, series.name)}${folded(
    `${counted(points.length, 'value')} of ${series.name}`,
    pointTable(series, points, machines),
  )}</div>`;
}

function pointTable({ name: of, unit }: Series, points: readonly Point[], machines: readonly string[]): Markup {
  const rows = points.toReversed().map((point) => ({
    cells: [
      timeWords(point.time),
      amount(point.median, unit),
      point.min === point.max ? '–' : `${amount(point.min, unit)} – ${amount(point.max, unit)}`,
      machines.length > 1 ? machineName(point.machine) : 'A',
      point.version === '' ? '–' : name(point.version),
    ],
  }));
  const columns = [
    { name: 'Time' },
    { name: 'Median', kind: 'figure' },
    { name: 'Least – most', kind: 'figure' },
    { name: 'Machine' },
    { name: 'camp' },
  ] as const;
  return table(`${of}, newest first`, columns, rows);
}
