import type { Ms } from '../kit/events.ts';
import type { ConfigurationReport, Size } from '../project/types.ts';

export type { ConfigurationFile, ConfigurationReport, Size } from '../project/types.ts';

/** The shape of `camp measure --json`; its schema is docs/measure.schema.json. Keys are a contract: additive changes only. */
export interface MeasureReport {
  readonly schema: 1;
  readonly project: string;
  readonly domain: string;
  /** RFC 3339; when the measuring began. */
  readonly time: string;
  /** Runs that were asked for; each metric has the values that it was given. */
  readonly runs: number;
  readonly machine: Machine;
  /** Of camp, node, caddy, and of whatever else took part. */
  readonly versions: Readonly<Record<string, string>>;
  readonly metrics: readonly Metric[];
  /** Of the first requests: each routed service by itself, in the order of the routes. */
  readonly services: readonly ServiceFigures[];
  /** Of the run whose time to first request is the median. */
  readonly phases: readonly MeasuredPhase[];
  readonly criticalChain: readonly MeasuredPhase[];
  readonly configuration: ConfigurationReport | null;
  readonly comparison: ComparisonReport | null;
  readonly whatIf: SplitCost | null;
  readonly budgets: readonly BudgetResult[];
  /** What makes a figure less than it seems: a busy machine, a warm engine. */
  readonly notes: readonly string[];
}

export interface Machine {
  readonly platform: string;
  readonly release: string;
  readonly arch: string;
  readonly cpus: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  /** Of the last minute, when the measuring began and when it ended. */
  readonly loadAverage: readonly [number, number];
}

export const metricIds = [
  'timeToFirstRequestMs',
  'coldTimeToFirstRequestMs',
  'timeToReadyMs',
  'timeToFirstTraceMs',
  'timeToFirstMessageMs',
  'timeToReloadMs',
  'reloadFailedRequests',
  'timeToRecoverMs',
  'recoverFailedRequests',
  'timeToRecoverTwoReplicasMs',
  'recoverTwoReplicasFailedRequests',
  'timeToAddServiceMs',
  'timeToScaleMs',
  'timeToStopMs',
  'memoryBytes',
] as const;
export type MetricId = (typeof metricIds)[number];
export type Unit = 'ms' | 'bytes' | 'requests';

/** One thing that is measured; `subject` says of which service, where that is not the whole project. */
export type Metric = {
  readonly id: MetricId;
  readonly subject?: string;
  /** The language of the subject, where the figure depends on it. */
  readonly language?: string;
} & (
  | ({ readonly status: 'measured'; readonly unit: Unit } & Figure)
  | { readonly status: 'not-applicable'; readonly reason: string }
  | { readonly status: 'failed'; readonly reason: string; readonly code: string }
);

/** A quantity that was taken several times; min and max are its spread. */
export interface Figure {
  /** In the order in which they were taken. */
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface ServiceFigures {
  readonly name: string;
  readonly placement: string;
  readonly language: string | null;
  readonly firstRequestMs: Figure | null;
  /** Of the cold starts; null where there were none. */
  readonly coldFirstRequestMs: Figure | null;
  readonly readyMs: Figure | null;
  /** HTTP status of its first answer; null where it is not routed. */
  readonly status: number | null;
}

export interface MeasuredPhase {
  readonly phase: string;
  readonly subject: string;
  readonly beginMs: Ms;
  readonly endMs: Ms;
}

export const servers = ['camp', 'caddy', 'nginx', 'apache', 'compose'] as const;
export type ServerKind = (typeof servers)[number];

/** One way to serve the project's site. */
export interface Contender {
  readonly server: ServerKind;
  /** Absent where it is not installed. */
  readonly version: string | null;
  /** `served`: started, asked and timed; `checked`: its own checker accepts the files; `rendered`: neither was possible. */
  readonly status: 'served' | 'checked' | 'rendered' | 'failed';
  /** Why it is no more than that. */
  readonly reason: string | null;
  readonly files: readonly { readonly path: string; readonly lines: number }[];
  readonly size: Size;
  readonly steps: readonly string[];
  readonly timeToFirstRequestMs: Figure | null;
  /** Requests that were made to it and to the others alike: what was asked, and whether it was answered as by camp's edge. */
  readonly probes: readonly { readonly name: string; readonly isPassed: boolean; readonly detail: string }[];
}

export interface ComparisonReport {
  readonly contenders: readonly Contender[];
  /** The rows of the table: lines, extra steps, time, syntax, decisions, potential for errors, maintenance, documentation. */
  readonly rows: readonly ComparisonRow[];
}

export interface ComparisonRow {
  readonly name: string;
  /** How its values were come by. */
  readonly derivation: string;
  readonly values: Readonly<Partial<Record<ServerKind, string>>>;
}

export interface BudgetResult {
  /** As it was written: `ttfr=3s`. */
  readonly expression: string;
  readonly status: 'met' | 'exceeded' | 'within-noise' | 'not-measured';
  /** In the unit of the metric; null where there is none. */
  readonly value: number | null;
  readonly limit: number | null;
  readonly unit: Unit | 'count';
  /** One line for a person: by how much, since when. */
  readonly message: string;
}

/** What one service more, or a module that becomes one, costs. */
export interface SplitCost {
  readonly of: string;
  /** Network hops on the way of a request to it. */
  readonly hops: number;
  /** Per request, over a call within one process. */
  readonly millisecondsPerCall: Figure | null;
  readonly memoryBytes: Figure | null;
  readonly lines: number;
  readonly movingParts: { readonly before: number; readonly after: number };
  /** What parts at 99.9 % each leave, all of them needed: 0.999^n. */
  readonly availability: { readonly before: number; readonly after: number };
}
