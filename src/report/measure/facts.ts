import type {
  ConfigurationReport,
  Figure,
  MeasuredPhase,
  MeasureReport,
  Metric,
  MetricId,
  ServerKind,
  Size,
  SplitCost,
  Unit,
} from '../../stopwatch/types.ts';
import { clean } from './text.ts';
import { amount, counted, metricWords, percent, phaseName, serverNames, spread } from './words.ts';

/** What the reports have in common, whatever they are written in: which facts, in which order. */

export type Measured = Extract<Metric, { status: 'measured' }>;
export type Missing = Exclude<Metric, { status: 'measured' }>;

export function measuredOf(report: MeasureReport): readonly Measured[] {
  return report.metrics.filter((metric) => metric.status === 'measured');
}

export function missingOf(report: MeasureReport): readonly Missing[] {
  return report.metrics.filter((metric) => metric.status !== 'measured');
}

/** `not applicable: no service has a route`; of a failed one with its code. */
export function missingWords(metric: Missing): string {
  const reason = clean(metric.reason);
  return metric.status === 'failed' ? `failed: ${reason} (${clean(metric.code)})` : `not applicable: ${reason}`;
}

export interface Headline {
  readonly name: string;
  readonly value: string;
  /** Its spread, or what it is the sum of. */
  readonly detail: string;
}

const headlineIds: readonly MetricId[] = [
  'timeToFirstRequestMs',
  'coldTimeToFirstRequestMs',
  'timeToReloadMs',
  'timeToRecoverMs',
];

/** The figures that one looks for first; of a metric with several subjects the slowest. */
export function headlines(report: MeasureReport): readonly Headline[] {
  const times = headlineIds.flatMap((id) => {
    const all = measuredOf(report).filter((metric) => metric.id === id);
    const slowest = all.reduce<Measured | undefined>((a, b) => (a && a.median >= b.median ? a : b), undefined);
    if (!slowest) return [];
    const of = slowest.subject === undefined ? '' : `${clean(slowest.subject)}, `;
    const { name } = metricWords[id];
    return [{ name, value: amount(slowest.median, slowest.unit), detail: of + spread(slowest, slowest.unit) }];
  });
  const { configuration } = report;
  if (!configuration) return times;
  return [
    ...times,
    {
      name: 'lines written by hand',
      value: String(configuration.handWritten.lines),
      detail: `${configuration.generated.lines} generated`,
    },
    { name: 'moving parts', value: String(configuration.movingParts.length), detail: 'that run once it is up' },
  ];
}

/** A metric, its median, its spread and its runs; of one without a figure the reason. */
export interface MetricRow {
  readonly metric: Metric;
  readonly median: string;
  readonly spread: string;
  readonly runs: number;
}

export function metricRow(metric: Measured): MetricRow {
  return {
    metric,
    median: amount(metric.median, metric.unit),
    spread: spread(metric, metric.unit),
    runs: metric.values.length,
  };
}

/** One bar of the waterfall. */
export interface Bar {
  readonly name: string;
  readonly beginMs: number;
  readonly endMs: number;
  readonly isCritical: boolean;
}

/** The phases in the order in which they began; those of the critical chain are marked. */
export function barsOf(report: Pick<MeasureReport, 'phases' | 'criticalChain'>): readonly Bar[] {
  const key = ({ phase, subject, beginMs, endMs }: MeasuredPhase): string =>
    JSON.stringify([phase, subject, beginMs, endMs]);
  const critical = new Set(report.criticalChain.map(key));
  return [...report.phases]
    .sort((a, b) => a.beginMs - b.beginMs || a.endMs - b.endMs)
    .map((phase) => ({
      name: phaseName(phase),
      beginMs: phase.beginMs,
      endMs: Math.max(phase.beginMs, phase.endMs),
      isCritical: critical.has(key(phase)),
    }));
}

/** What the critical chain added, link by link: `orders-db until ready 322 ms → orders start 29 ms`. */
export function chainWords(report: Pick<MeasureReport, 'criticalChain'>, arrow = '→'): string {
  let before = 0;
  const links: string[] = [];
  const [first] = report.criticalChain;
  if (first && first.beginMs >= 5) {
    before = first.beginMs;
    links.push(`start of camp ${amount(first.beginMs, 'ms')}`);
  }
  for (const phase of report.criticalChain) {
    const ms = Math.max(0, phase.endMs - before);
    before = Math.max(before, phase.endMs);
    if (ms >= 5) links.push(`${phaseName(phase)} ${amount(ms, 'ms')}`);
  }
  return links.join(` ${arrow} `);
}

/** A step of an axis that people can read, so that about `wanted` of them reach `most`: 1, 2 or 5 times a power of ten. */
export function axisStep(most: number, wanted: number): number {
  const rough = Math.max(most, Number.MIN_VALUE) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
}

export const sizeColumns: readonly { readonly key: Exclude<keyof Size, 'files'>; readonly name: string }[] = [
  { key: 'lines', name: 'lines' },
  { key: 'statements', name: 'statements' },
  { key: 'directives', name: 'directives' },
  { key: 'securityDecisions', name: 'security' },
  { key: 'concepts', name: 'concepts' },
];

/** The sums below the files. */
export function totals(configuration: ConfigurationReport): readonly (readonly [string, Size])[] {
  return [
    ['hand-written', configuration.handWritten],
    ['generated', configuration.generated],
    ['all', configuration.total],
  ];
}

/** The servers that a comparison has, in its own order. */
export function comparedServers(report: MeasureReport): readonly ServerKind[] {
  return report.comparison?.contenders.map(({ server }) => server) ?? [];
}

export function serverName(server: ServerKind): string {
  return serverNames[server] ?? clean(server);
}

/** What a split costs, each line with its figure. */
export function splitRows(cost: SplitCost): readonly (readonly [string, string])[] {
  const range = (figure: Figure | null, unit: Unit): string =>
    figure === null ? 'not measured' : `${amount(figure.median, unit)} (${spread(figure, unit)})`;
  return [
    ['hops on the way of a request', String(cost.hops)],
    ['per call, over a call within one process', range(cost.millisecondsPerCall, 'ms')],
    ['memory', range(cost.memoryBytes, 'bytes')],
    ['configuration', counted(cost.lines, 'line')],
    ['moving parts', `${cost.movingParts.before} → ${cost.movingParts.after}`],
    [
      'availability, with 99.9 % for each part',
      `${percent(cost.availability.before)} → ${percent(cost.availability.after)}`,
    ],
  ];
}
