import type {
  BudgetResult,
  Contender,
  Figure,
  Machine,
  MeasuredPhase,
  MeasureReport,
  Metric,
  MetricId,
  ServerKind,
  Unit,
} from '../../stopwatch/types.ts';
import { sizeOf } from '../down.ts';
import { clean } from './text.ts';

/** Each metric in words, and what its clock begins and ends with; the exact definition is in docs/metrics.md. */
export const metricWords: Readonly<Record<MetricId, { readonly name: string; readonly meaning: string }>> = {
  timeToFirstRequestMs: {
    name: 'time to first request',
    meaning: 'camp up is started → every routed service has answered over verified HTTPS',
  },
  coldTimeToFirstRequestMs: {
    name: 'time to first request, cold',
    meaning: 'the same with no caches, no local CA and nothing installed',
  },
  timeToReadyMs: { name: 'time to ready', meaning: 'camp up is started → the last service is ready' },
  timeToFirstTraceMs: {
    name: 'time to first trace',
    meaning: 'camp up is started → a request can be followed by its id through the edge and a service',
  },
  timeToFirstMessageMs: {
    name: 'time to first message',
    meaning: 'a request that publishes is answered → a consumer has handled its message',
  },
  timeToReloadMs: { name: 'time to reload', meaning: 'a source file is saved → the first answer of the new code' },
  reloadFailedRequests: {
    name: 'requests failed, reloading',
    meaning: 'of a hundred a second while new code took over',
  },
  timeToRecoverMs: {
    name: 'time to recover',
    meaning: 'the only replica is killed: the longest time without a success',
  },
  recoverFailedRequests: {
    name: 'requests failed, recovering',
    meaning: 'of a hundred a second until the only replica was back',
  },
  timeToRecoverTwoReplicasMs: {
    name: 'time to recover, two replicas',
    meaning: 'one of two replicas is killed: the longest time without a success',
  },
  recoverTwoReplicasFailedRequests: {
    name: 'requests failed, two replicas',
    meaning: 'of a hundred a second until both replicas were back',
  },
  timeToAddServiceMs: {
    name: 'time to add a service',
    meaning: 'camp add service is started → its first answer through the edge',
  },
  timeToScaleMs: { name: 'time to scale', meaning: 'camp scale is started → the second replica answers' },
  timeToStopMs: { name: 'time to stop', meaning: 'camp down is started → no process of the project is left' },
  memoryBytes: { name: 'memory', meaning: 'what the services, the edge and camp use once all is up' },
};

/** `time to reload orders (node)` */
export function metricName(metric: Pick<Metric, 'id' | 'subject' | 'language'>): string {
  // a report may be of a camp that knows more than this one
  const name = metricWords[metric.id]?.name ?? metric.id;
  const language = metric.language === undefined ? '' : ` (${metric.language})`;
  return metric.subject === undefined ? name : `${name}: ${metric.subject}${language}`;
}

/** A quantity with its unit, with as many digits as mean something: `93 ms`, `1.24 s`, `2 min 5 s`, `212 MB`. */
export function amount(value: number, unit: Unit | 'count'): string {
  if (unit === 'bytes') return sizeOf(value);
  if (unit === 'ms') return duration(value);
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

function duration(ms: number): string {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_995) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `1.23 s – 1.29 s`; what never differed is said so. */
export function spread(figure: Figure, unit: Unit, dash = '–'): string {
  if (figure.min === figure.max) return `always ${amount(figure.min, unit)}`;
  return `${amount(figure.min, unit)} ${dash} ${amount(figure.max, unit)}`;
}

/** `1 line`, `3 lines` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const phaseWords: Readonly<Record<string, string>> = {
  load: 'read the files',
  observe: 'look at the machine',
  plan: 'plan',
  provision: 'fetch',
  install: 'install',
  build: 'build',
  create: 'create containers',
  prepare: 'prepare data',
  start: 'start',
  awaitReady: 'until ready',
  startEdge: 'start the edge',
  route: 'route',
  drain: 'drain',
  stop: 'stop',
  'first-request': 'first request',
};

/** Subjects that the phase has named already. */
const implied: ReadonlySet<string> = new Set(['files', 'machine', 'steps', 'edge']);

/** `orders until ready`, `orders 2 until ready`, `route` */
export function phaseName({ phase, subject }: Pick<MeasuredPhase, 'phase' | 'subject'>): string {
  const words = phaseWords[phase] ?? phase;
  if (implied.has(subject)) return words;
  const [, name = subject, number] = /^(.*?)(?::(\d+))?$/s.exec(subject) ?? [];
  return clean(`${name.replace(/^tool:/, '')}${number === undefined || number === '1' ? '' : ` ${number}`} ${words}`);
}

export const serverNames: Readonly<Record<ServerKind, string>> = {
  camp: 'camp',
  caddy: 'Caddy alone',
  nginx: 'nginx',
  apache: 'Apache',
  compose: 'Compose',
};

export const contenderWords: Readonly<Record<Contender['status'], string>> = {
  served: 'served and timed',
  checked: 'checked only',
  rendered: 'written only',
  failed: 'failed',
};

export const budgetWords: Readonly<Record<BudgetResult['status'], string>> = {
  met: 'met',
  exceeded: 'exceeded',
  'within-noise': 'within the noise',
  'not-measured': 'not measured',
};

/** `linux 6.8.0 x64, 2 × AMD EPYC 7763, 8.2 GB` */
export function machineWords(machine: Machine): string {
  const { platform, release, arch, cpus, cpu, memoryBytes } = machine;
  return clean(`${platform} ${release} ${arch}, ${cpus} × ${cpu || 'unknown processor'}, ${sizeOf(memoryBytes)}`);
}

/** `0.42 → 1.18` */
export function loadWords({ loadAverage: [before, after] }: Machine): string {
  return `${before.toFixed(2)} → ${after.toFixed(2)}`;
}

/** `2026-03-14 09:26 UTC`; a time that is none as it was given. */
export function timeWords(time: string): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? clean(time) : `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** 0.99302 → `99.302 %` */
export function percent(share: number): string {
  return `${(share * 100).toFixed(3)} %`;
}

/** `camp 0.1.0, node v24.21.0` */
export function versionWords(versions: MeasureReport['versions']): string {
  return Object.entries(versions)
    .map(([name, version]) => clean(`${name} ${version}`))
    .join(', ');
}

/** How often was measured; the configuration is counted, not run. */
export function runsWords({ runs, metrics, comparison, whatIf }: MeasureReport): string {
  if (metrics.length === 0 && !comparison && !whatIf) return 'the configuration alone';
  return `${counted(runs, 'run')} of each measurement`;
}
