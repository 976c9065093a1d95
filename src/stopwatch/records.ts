import type { Figure, Machine, MeasureReport, MetricId, Unit } from './types.ts';

/** What of a machine decides how fast it is, and does not say whose it is. */
export type MachineFacts = Omit<Machine, 'loadAverage'>;

/** All files together, hand-written and generated: what moved from one to the other has not become less. */
export interface CountedConfiguration {
  readonly files: number;
  readonly lines: number;
  readonly statements: number;
  readonly directives: number;
  readonly securityDecisions: number;
  readonly concepts: number;
  readonly steps: number;
  readonly movingParts: number;
}
export type Counted = keyof CountedConfiguration;
export const counted = [
  'files',
  'lines',
  'statements',
  'directives',
  'securityDecisions',
  'concepts',
  'steps',
  'movingParts',
] as const satisfies readonly Counted[];

/** The figures that later ones are compared with; `measure.baseline.json` of a project. */
export interface Baseline {
  readonly schema: 1;
  /** RFC 3339. */
  readonly time: string;
  readonly machine: MachineFacts;
  readonly versions: Readonly<Record<string, string>>;
  readonly configuration: CountedConfiguration | null;
  readonly metrics: readonly BaselineMetric[];
}

export interface BaselineMetric {
  readonly id: MetricId;
  readonly subject?: string;
  readonly unit: Unit;
  readonly figure: Figure;
}

/** One line of `.camp/metrics.jsonl` that `camp measure` wrote. */
export interface MeasureRecord {
  readonly schema: 1;
  readonly kind: 'measure';
  /** RFC 3339. */
  readonly time: string;
  /** What git had checked out, in hex; absent where there is no git. */
  readonly commit?: string;
  readonly metrics: readonly RecordedMetric[];
  /** Without what the camp that wrote it did not count. */
  readonly configuration: Partial<CountedConfiguration> | null;
  /** What `--what-if` measured, where it was asked for. */
  readonly split?: { readonly millisecondsPerCall: Spread | null; readonly memoryBytes: Spread | null };
  readonly machine: MachineFacts;
  readonly versions: Readonly<Record<string, string>>;
}

export type Spread = Pick<Figure, 'median' | 'min' | 'max'>;
export interface RecordedMetric extends Spread {
  readonly id: MetricId;
  readonly subject?: string;
}

export function baselineOf({ time, machine, versions, configuration, metrics }: MeasureReport): Baseline {
  return {
    schema: 1,
    time,
    machine: factsOf(machine),
    versions,
    configuration: configuration && countedOf(configuration),
    metrics: metrics.flatMap((metric) =>
      metric.status === 'measured'
        ? { ...subjectOf(metric), unit: metric.unit, figure: pick(metric, ['values', 'median', 'min', 'max']) }
        : [],
    ),
  };
}

export function recordOf(report: MeasureReport, commit: string | undefined): MeasureRecord {
  const { time, machine, versions, configuration, metrics, whatIf } = report;
  return {
    schema: 1,
    kind: 'measure',
    time,
    ...(commit === undefined ? {} : { commit }),
    metrics: metrics.flatMap((metric) =>
      metric.status === 'measured' ? { ...subjectOf(metric), ...spreadOf(metric) } : [],
    ),
    configuration: configuration && countedOf(configuration),
    ...(whatIf
      ? {
          split: {
            millisecondsPerCall: whatIf.millisecondsPerCall && spreadOf(whatIf.millisecondsPerCall),
            memoryBytes: whatIf.memoryBytes && spreadOf(whatIf.memoryBytes),
          },
        }
      : {}),
    machine: factsOf(machine),
    versions,
  };
}

/** Totals of a configuration. */
export function countedOf({
  total,
  steps,
  movingParts,
}: NonNullable<MeasureReport['configuration']>): CountedConfiguration {
  const { files, lines, statements, directives, securityDecisions, concepts } = total;
  return {
    ...{ files, lines, statements, directives, securityDecisions, concepts },
    ...{ steps: steps.length, movingParts: movingParts.length },
  };
}

/** Whether times of the one say anything about times of the other. */
export function isSameMachine(one: Partial<MachineFacts>, other: Partial<MachineFacts>): boolean {
  return (['platform', 'arch', 'cpu', 'cpus'] as const).every((fact) => one[fact] === other[fact]);
}

/** `8 x AMD EPYC, linux x64`. */
export function machineWords({ cpus, cpu, platform, arch }: MachineFacts): string {
  return `${cpus} x ${cpu || 'unknown processor'}, ${platform} ${arch}`;
}

function factsOf(machine: Machine): MachineFacts {
  return pick(machine, ['platform', 'release', 'arch', 'cpus', 'cpu', 'memoryBytes']);
}

function spreadOf(figure: Spread): Spread {
  return pick(figure, ['median', 'min', 'max']);
}

function subjectOf({ id, subject }: { readonly id: MetricId; readonly subject?: string }) {
  return { id, ...(subject === undefined ? {} : { subject }) };
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}
