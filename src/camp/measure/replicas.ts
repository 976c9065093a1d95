import { CampError } from '../../kit/failure.ts';
import type { MetricId } from '../../stopwatch/types.ts';
import type { Bench } from './bench.ts';
import type { Part } from './parts.ts';
import { notApplicable, type Reading, type Readings, type Subject } from './readings.ts';
import { recover } from './recover.ts';
import { scaleToTwo } from './scale.ts';
import type { Routed } from './subjects.ts';

export interface ReplicasSetup {
  readonly parts: ReadonlySet<Part>;
  readonly readings: Readings;
  onStep(words: string): void;
}

type Pair = readonly [time: MetricId, failed: MetricId];
const atOne: Pair = ['timeToRecoverMs', 'recoverFailedRequests'];
const atTwo: Pair = ['timeToRecoverTwoReplicasMs', 'recoverTwoReplicasFailedRequests'];

/**
 * Kills a replica of a program that has one, gives it a second one, and kills one of the two. The files may say another number:
 * it has that again at the end.
 */
export async function measureReplicas(setup: ReplicasSetup, bench: Bench, program: Routed | undefined): Promise<void> {
  const { parts, readings, onStep } = setup;
  const asked: readonly MetricId[] = [
    ...(parts.has('recover') ? [...atOne, ...atTwo] : []),
    ...(parts.has('scale') ? (['timeToScaleMs'] as const) : []),
  ];
  const subject = program && subjectOf(program);
  if (!program) for (const id of asked) readings.add(id, notApplicable('no program is reached through the edge'));
  if (!program || asked.every((id) => readings.isSettled(id, subject))) return;
  const { name } = program;
  const declared = (await bench.replicasOf(name)).length;
  if (declared !== 1) {
    const reading = await outcome(bench, async () => void (await bench.camp('scale', `${name}=1`)));
    if (reading !== undefined) return settle(readings, asked, reading, subject);
  }
  if (parts.has('recover')) await measureRecovery(setup, bench, program, atOne);
  const later = asked.filter((id) => !atOne.includes(id) && !readings.isSettled(id, subject));
  if (later.length === 0) return;
  onStep(`second replica of ${name}`);
  const ofScale = await outcome(bench, async () => {
    const { reading } = await scaleToTwo(bench, program);
    if (parts.has('scale')) readings.add('timeToScaleMs', reading, subject);
  });
  if (ofScale !== undefined) return settle(readings, later, ofScale, subject);
  if (parts.has('recover')) await measureRecovery(setup, bench, program, atTwo);
  await bench.camp('scale', `${name}=${declared}`);
}

/** Without words where the work was done; what its files forbid is not applicable; everything else is an error. */
async function outcome(
  bench: Bench,
  work: () => Promise<void>,
): Promise<{ readonly reading: Reading } | { readonly error: unknown } | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    bench.signal.throwIfAborted();
    const [first] = error instanceof CampError ? error.failures : [];
    const isForbidden = first?.fault === 'project' || first?.fault === 'usage';
    return isForbidden ? { reading: notApplicable(first.message) } : { error };
  }
}

function settle(
  readings: Readings,
  ids: readonly MetricId[],
  found: { readonly reading: Reading } | { readonly error: unknown },
  subject: Subject | undefined,
): void {
  for (const id of ids)
    if ('error' in found) readings.fail(id, found.error, subject);
    else readings.add(id, found.reading, subject);
}

async function measureRecovery(
  { readings, onStep }: ReplicasSetup,
  bench: Bench,
  program: Routed,
  [timeId, failedId]: Pair,
): Promise<void> {
  const subject = subjectOf(program);
  if (readings.isSettled(timeId, subject)) return;
  onStep(`recovery of ${program.name}`);
  try {
    const { ms, failedRequests } = await recover(bench, program);
    readings.add(timeId, ms, subject);
    readings.add(failedId, failedRequests, subject);
  } catch (error) {
    bench.signal.throwIfAborted();
    settle(readings, [timeId, failedId], { error }, subject);
  }
}

export function subjectOf({ name, language }: Subject): Subject {
  return { name, ...(language ? { language } : {}) };
}
