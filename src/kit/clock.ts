import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from './events.ts';

export interface Clock {
  /** Monotonic milliseconds since the start of this camp command. */
  now(): Ms;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: Ms, signal: AbortSignal): Promise<void>;
}

/**
 * The monotonic clock, counted from the creation of the process that the person started.
 * A detached supervisor gets that moment from its parent (nanoseconds of `process.hrtime`, which all
 * processes of a machine share), so its figures cover the parent's start too.
 */
export function monotonicClock(originNs: bigint = processOriginNs()): Clock {
  return {
    now: () => Number(process.hrtime.bigint() - originNs) / 1e6,
    sleep: (ms, signal) => delay(ms, undefined, { signal }),
  };
}

/** `process.hrtime` at the creation of this process: the loading of Node itself counts. */
export function processOriginNs(): bigint {
  return process.hrtime.bigint() - BigInt(Math.round(performance.now() * 1e6));
}
