import type { Observed, ObservedReplica, PlanOptions, Wanted } from './types.ts';

/** Why a replica must be started: undefined where what is there is what is wanted. */
export function startCause(
  running: ObservedReplica | undefined,
  want: Wanted,
  have: Observed,
  options: PlanOptions,
): string | undefined {
  if (!running) return 'no replica running';
  const stale = staleCause(running, want, have, options);
  if (running.isRunning || running.hasCompleted) return stale;
  return stale ?? 'it has ended';
}

/** Why a replica that is there must go: undefined where it is what is wanted. */
export function staleCause(
  { service, configHash, runtime }: ObservedReplica,
  want: Wanted,
  have: Observed,
  options: PlanOptions,
): string | undefined {
  if (configHash !== want.hashes.get(service)) return 'its configuration changed';
  if (runtime === 'container' && have.builds.has(service)) return 'its image is built anew';
  return options.recreate === 'always' ? 'asked to restart' : undefined;
}
