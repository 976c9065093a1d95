import type { MetricId, Unit } from '../../stopwatch/types.ts';
import { clean } from './text.ts';
import { metricName, metricWords, timeWords } from './words.ts';

/** One value in time; `min` and `max` are those of its runs, and equal it where there was one only. */
export interface Point {
  /** RFC 3339 */
  readonly time: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Which of the history's machines it comes from. */
  readonly machine: number;
  /** Of camp; empty where it was not told. */
  readonly version: string;
}

export interface Series {
  readonly name: string;
  readonly unit: Unit | 'count';
  /** Oldest first. */
  readonly points: readonly Point[];
}

export interface History {
  /** Measured figures in the order of the reports, then the configuration, then each `up`. */
  readonly series: readonly Series[];
  /** In words, in the order in which they first appear. Only values of one machine may be joined by a line. */
  readonly machines: readonly string[];
  /** Lines that are none of a record, or of a camp that writes them in another way. */
  readonly skipped: number;
}

interface Line {
  readonly kind: string;
  readonly time: string;
  readonly machine: string;
  readonly version: string;
  readonly record: Readonly<Record<string, unknown>>;
}

interface Value {
  readonly key: string;
  readonly name: string;
  readonly unit: Unit | 'count';
  readonly figure: Pick<Point, 'median' | 'min' | 'max'>;
}

/**
 * Reads the lines of a project's metrics.jsonl (schema 1). What one `up` took is a series of its own: it is one start, timed by
 * camp itself, in whatever state the caches were, and no median of runs. A `converge` starts nothing that could be
 * compared, and is left out without being counted as broken.
 */
export function readHistory(lines: Iterable<string>): History {
  const read: Line[] = [];
  let skipped = 0;
  for (const text of lines) {
    if (text.trim() === '') continue;
    const line = lineOf(text);
    if (line) read.push(line);
    else skipped++;
  }
  read.sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  const machines = [...new Set(read.filter(({ kind }) => kind !== 'converge').map(({ machine }) => machine))];
  return { series: seriesOf(read, machines), machines, skipped };
}

function seriesOf(lines: readonly Line[], machines: readonly string[]): readonly Series[] {
  const found = new Map<string, { name: string; unit: Unit | 'count'; points: Point[] }>();
  for (const { record, kind, time, machine, version } of lines) {
    for (const { key, name, unit, figure } of valuesOf(kind, record)) {
      const series = found.get(key) ?? { name, unit, points: [] };
      series.points.push({ time, ...figure, machine: machines.indexOf(machine), version });
      found.set(key, series);
    }
  }
  return [...found].sort(([a], [b]) => rank(a) - rank(b)).map(([, series]) => series);
}

/** Measured figures in the order of the reports, then the configuration, then each `up`. */
function rank(key: string): number {
  const [kind = '', id = ''] = key.split(' ');
  const ids = Object.keys(metricWords);
  if (kind === 'measure') return ids.indexOf(id);
  return ids.length + (kind === 'configuration' ? 0 : 1);
}

function lineOf(text: string): Line | undefined {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(record) || record['schema'] !== 1) return undefined;
  const { kind, time, machine, versions } = record;
  if (kind !== 'up' && kind !== 'converge' && kind !== 'measure') return undefined;
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time)) || !isRecord(machine)) return undefined;
  if (kind === 'measure' && !Array.isArray(record['metrics'])) return undefined;
  const camp = isRecord(versions) && typeof versions['camp'] === 'string' ? clean(versions['camp']) : '';
  return { kind, time, machine: machineOf(machine), version: camp, record };
}

/** What must be alike for two values to be of the same machine: not its kernel, which is renewed, and not its load. */
function machineOf({ platform, arch, cpus, cpu }: Readonly<Record<string, unknown>>): string {
  return clean(`${String(platform)} ${String(arch)}, ${String(cpus)} × ${String(cpu)}`);
}

function valuesOf(kind: string, record: Readonly<Record<string, unknown>>): readonly Value[] {
  if (kind === 'converge') return [];
  if (kind === 'up') {
    const ms = record['timeToFirstRequestMs'];
    if (!isQuantity(ms)) return [];
    return [{ key: 'up', name: 'each camp up: first request', unit: 'ms', figure: { median: ms, min: ms, max: ms } }];
  }
  return [...(record['metrics'] as readonly unknown[]).flatMap(metricOf), ...configurationOf(record['configuration'])];
}

function metricOf(value: unknown): readonly Value[] {
  if (!isRecord(value)) return [];
  const { id, subject, median, min, max } = value;
  if (typeof id !== 'string' || !isMetricId(id)) return [];
  if (!isQuantity(median) || !isQuantity(min) || !isQuantity(max) || min > median || median > max) return [];
  const of = typeof subject === 'string' ? { subject } : {};
  return [
    {
      key: `measure ${id} ${of.subject ?? ''}`,
      name: metricName({ id, ...of }),
      unit: unitOf(id),
      figure: { median, min, max },
    },
  ];
}

function configurationOf(value: unknown): readonly Value[] {
  if (!isRecord(value)) return [];
  return (['lines', 'directives'] as const).flatMap((key) => {
    const count = value[key];
    const figure = { median: Number(count), min: Number(count), max: Number(count) };
    return isQuantity(count)
      ? [{ key: `configuration ${key}`, name: `${key}, all files`, unit: 'count' as const, figure }]
      : [];
  });
}

function unitOf(id: MetricId): Unit {
  if (id === 'memoryBytes') return 'bytes';
  return id.endsWith('Requests') ? 'requests' : 'ms';
}

function isMetricId(id: string): id is MetricId {
  return Object.hasOwn(metricWords, id);
}

function isQuantity(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `12 values from 2026-02-10 08:00 UTC to 2026-03-14 09:26 UTC` */
export function periodWords(points: readonly Point[]): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return 'no values';
  if (points.length === 1) return `one value, ${timeWords(first.time)}`;
  return `${points.length} values from ${timeWords(first.time)} to ${timeWords(last.time)}`;
}
