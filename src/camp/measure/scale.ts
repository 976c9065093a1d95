import type { Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import type { Bench } from './bench.ts';
import { notApplicable, type Reading } from './readings.ts';
import type { Routed } from './subjects.ts';

/** How long requests may go past the new replica. */
const deadlineMs: Ms = 15_000;

/**
 * From the start of `camp scale` to the first answer of the replica that is more; it stays. A route may prefer one replica, or send
 * each client to the same: then there is no such answer.
 */
export async function scaleToTwo(bench: Bench, routed: Routed): Promise<{ readonly reading: Reading }> {
  const load = bench.load(routed);
  try {
    const before = await load.until(() => true, 5000, bench.signal);
    if (!before) return fail('service', 'NOT_READY', `${routed.name} does not answer at ${routed.url}`);
    const old = new Set(load.served.map(({ upstream }) => upstream));
    const beganMs = performance.now();
    await bench.camp('scale', `${routed.name}=2`);
    const answer = await load.until(({ upstream }) => upstream !== '' && !old.has(upstream), deadlineMs, bench.signal);
    if (!answer)
      return {
        reading: notApplicable(`its second replica was there, but no request reached it within ${deadlineMs / 1000} s`),
      };
    const served = await load.stop();
    const first = served.filter((one) => one.isSuccess && one.upstream !== '' && !old.has(one.upstream));
    return { reading: Math.min(...first.map(({ answeredMs }) => answeredMs)) - beganMs };
  } finally {
    await load.stop();
  }
}
