import { CampError } from '../../kit/failure.ts';
import { figureOf } from '../../stopwatch/statistics.ts';
import type { Metric, MetricId, Unit } from '../../stopwatch/types.ts';

/** What one run says of one metric: a number, or why there is none. */
export type Reading = number | NotApplicable;

export interface NotApplicable {
  readonly notApplicable: string;
}

export function notApplicable(reason: string): NotApplicable {
  return { notApplicable: reason };
}

export interface Subject {
  readonly name: string;
  readonly language?: string;
}

interface Row {
  readonly id: MetricId;
  readonly subject: Subject | undefined;
  readonly values: number[];
  without?: { readonly status: 'not-applicable'; readonly reason: string };
  failure?: { readonly status: 'failed'; readonly reason: string; readonly code: string };
}

/** Collects the readings of all runs. A metric that has failed in one run has failed: the good runs alone would flatter it. */
export class Readings {
  readonly #rows = new Map<string, Row>();

  add(id: MetricId, reading: Reading, subject?: Subject): void {
    const row = this.#row(id, subject);
    if (typeof reading === 'number') row.values.push(Math.round(reading * 10) / 10);
    else row.without = { status: 'not-applicable', reason: reading.notApplicable };
  }

  fail(id: MetricId, error: unknown, subject?: Subject): void {
    const [first] = error instanceof CampError ? error.failures : [];
    if (!first) throw error;
    this.#row(id, subject).failure ??= { status: 'failed', reason: first.message, code: first.code };
  }

  /** Whether there is no sense in trying it again. */
  isSettled(id: MetricId, subject?: Subject): boolean {
    const row = this.#rows.get(keyOf(id, subject));
    return row?.failure !== undefined || row?.without !== undefined;
  }

  get metrics(): readonly Metric[] {
    return [...this.#rows.values()].map(metricOf);
  }

  #row(id: MetricId, subject: Subject | undefined): Row {
    const key = keyOf(id, subject);
    const row = this.#rows.get(key) ?? { id, subject, values: [] };
    this.#rows.set(key, row);
    return row;
  }
}

function keyOf(id: MetricId, subject: Subject | undefined): string {
  return `${id} ${subject?.name ?? ''}`;
}

function metricOf({ id, subject, values, without, failure }: Row): Metric {
  const about = {
    id,
    ...(subject ? { subject: subject.name } : {}),
    ...(subject?.language === undefined ? {} : { language: subject.language }),
  };
  if (failure) return { ...about, ...failure };
  if (without) return { ...about, ...without };
  return { ...about, status: 'measured', unit: unitOf(id), ...figureOf(values) };
}

function unitOf(id: MetricId): Unit {
  if (id.endsWith('Ms')) return 'ms';
  return id.endsWith('Bytes') ? 'bytes' : 'requests';
}
