import type { Project } from '../../project/types.ts';
import type { UpReport } from '../../report/types.ts';
import { figureOf } from '../../stopwatch/statistics.ts';
import type { Figure, MeasuredPhase, ServiceFigures } from '../../stopwatch/types.ts';
import type { Routed } from './subjects.ts';
import { languageOf } from './subjects.ts';

/** Of all runs the one whose time to first request is the median: its phases belong together, medians of phases would not. */
export function medianRun(reports: readonly UpReport[]): UpReport | undefined {
  const timed = reports.filter((one) => one.timeToFirstRequestMs !== null);
  const sorted = timed.toSorted((one, other) => (one.timeToFirstRequestMs ?? 0) - (other.timeToFirstRequestMs ?? 0));
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** Each service by itself, over all runs. */
export function serviceFigures(
  reports: readonly UpReport[],
  project: Project,
  routed: readonly Routed[],
  cold: readonly UpReport[],
): readonly ServiceFigures[] {
  const answered = (of: readonly UpReport[], name: string): Figure | null =>
    figure(of.flatMap(({ phases }) => endsOf(phases, 'first-request', name)));
  return ((reports.at(-1) ?? cold.at(-1))?.services ?? []).map(({ name, placement }) => ({
    name,
    placement,
    language: languageOf(project.services.get(name)) ?? null,
    firstRequestMs: answered(reports, name),
    coldFirstRequestMs: answered(cold, name),
    readyMs: figure(reports.flatMap(({ services }) => services.find((one) => one.name === name)?.readyMs ?? [])),
    status: routed.find((one) => one.name === name)?.status ?? null,
  }));
}

function endsOf(phases: readonly MeasuredPhase[], phase: string, subject: string): readonly number[] {
  return phases.filter((one) => one.phase === phase && one.subject === subject).map(({ endMs }) => endMs);
}

function figure(values: readonly number[]): Figure | null {
  return values.length > 0 ? figureOf(values) : null;
}

/** From the start of camp until the last service was ready. */
export function readyMsOf({ services }: UpReport): number | undefined {
  const times = services.flatMap(({ readyMs }) => readyMs ?? []);
  return times.length > 0 ? Math.max(...times) : undefined;
}
