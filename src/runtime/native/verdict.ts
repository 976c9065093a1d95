import { setTimeout as delay } from 'node:timers/promises';
import type { ChildExit } from '../../kit/child.ts';
import type { Ms, ReplicaState } from '../../kit/events.ts';
import type { Failure } from '../../kit/failure.ts';
import { crashLoop } from '../backoff.ts';
import type { EndedRun, Restarts } from '../restarts.ts';
import { crashLoopFailure, knownCause } from './failures.ts';
import type { ReplicaSpec } from './replica-spec.ts';

/** What follows from the end of a process that nobody asked for. */
export type Verdict =
  | { readonly at: 'again'; readonly why: string }
  | { readonly at: 'over'; readonly state: ReplicaState };

/** Its last lines may still be in the pipe. */
const lastLinesMs: Ms = 20;

/** Decides what an exit means; a run that counts towards a crash loop is counted. */
export async function verdictOf(
  exit: ChildExit,
  run: EndedRun,
  around: { readonly spec: ReplicaSpec; readonly restarts: Restarts; readonly tail: readonly string[] },
): Promise<Verdict> {
  const { spec, restarts, tail } = around;
  const isFinished = spec.isOneShot || (run.readyFor === undefined && exit.code === 0);
  if (isFinished) return { at: 'over', state: { at: 'exited', ...exit } };
  // clients of a program that has served wait at the edge: it is started again at once
  const isHopeful = exit.signal !== null || (!spec.server && run.readyFor !== undefined);
  const cause = isHopeful ? undefined : await causeOf(spec, tail);
  if (cause) return { at: 'over', state: { at: 'crash-loop', failure: cause } };
  restarts.countEnd(run);
  if (restarts.ofLate() < crashLoop.starts)
    return { at: 'again', why: exit.signal ? `was ended by ${exit.signal}` : `ended with code ${exit.code}` };
  await delay(lastLinesMs);
  return { at: 'over', state: { at: 'crash-loop', failure: crashLoopFailure(spec, exit, tail) } };
}

/** What it ended of, where that is known and another start would not help. */
async function causeOf(spec: ReplicaSpec, tail: readonly string[]): Promise<Failure | undefined> {
  await delay(lastLinesMs);
  return knownCause(spec, tail);
}
