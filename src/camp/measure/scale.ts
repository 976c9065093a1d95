import type { Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import type { Bench } from './bench.ts';
import type { Routed } from './subjects.ts';

/** From the start of `camp scale` to the first answer of the replica that is more; it stays. */
export async function scaleToTwo(bench: Bench, routed: Routed): Promise<Ms> {
  const load = bench.load(routed);
  try {
    const before = await load.until(() => true, 5000, bench.signal);
    if (!before) return fail('service', 'NOT_READY', `${routed.name} does not answer at ${routed.url}`);
    const old = new Set(load.served.map(({ upstream }) => upstream));
    const beganMs = performance.now();
    await bench.camp('scale', `${routed.name}=2`);
    const answer = await load.until(({ upstream }) => upstream !== '' && !old.has(upstream), 30_000, bench.signal);
    if (!answer) return fail('service', 'NOT_BALANCED', `no request reached the second replica of ${routed.name}`);
    const served = await load.stop();
    const first = served.filter((one) => one.isSuccess && one.upstream !== '' && !old.has(one.upstream));
    return Math.min(...first.map(({ answeredMs }) => answeredMs)) - beganMs;
  } finally {
    await load.stop();
  }
}
