import type { Ms } from '../kit/events.ts';

const firstMs: Ms = 100;
const mostMs: Ms = 10_000;

/**
 * The pause before start number `attempt` (1 is the first restart): 100 ms doubling to 10 s, with up to a
 * fifth taken off at random so that replicas that died together do not come back together.
 */
export function backoffMs(attempt: number, random: () => number = Math.random): Ms {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 20));
  return Math.round(full * (1 - random() / 5));
}

/** Five starts within a minute are a crash loop. */
export const crashLoop = { starts: 5, windowMs: 60_000 as Ms } as const;

/** After so long in ready state a replica counts as sound again. */
export const soundAfterMs: Ms = 10_000;
