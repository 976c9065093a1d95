import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import type { Bench } from './bench.ts';
import type { Routed } from './subjects.ts';

export interface Recovery {
  /** The longest time without a success, from the kill until all replicas were there again. */
  readonly ms: Ms;
  readonly failedRequests: number;
}

const deadlineMs: Ms = 60_000;
const afterwardsMs: Ms = 300;

/** Kills one replica (-9) under a hundred requests a second, and waits until there are as many as before. */
export async function recover(bench: Bench, routed: Routed): Promise<Recovery> {
  const before = await bench.replicasOf(routed.name);
  const [victim] = before;
  if (victim === undefined) fail('service', 'NOT_READY', `${routed.name} has no replica that could be killed`);
  const load = bench.load(routed);
  try {
    if (!(await load.until(() => true, 5000, bench.signal)))
      fail('service', 'NOT_READY', `${routed.name} does not answer at ${routed.url}`);
    await delay(200, undefined, { signal: bench.signal });
    const killedMs = performance.now();
    await bench.kill(victim, routed);
    await untilAllAreBack(bench, routed, before);
    const next = await load.until(({ sentMs }) => sentMs > killedMs, deadlineMs, bench.signal);
    if (!next) fail('service', 'NOT_RECOVERED', `${routed.name} did not answer within 60 s after a replica was killed`);
    await delay(afterwardsMs, undefined, { signal: bench.signal });
    const served = (await load.stop()).filter(({ answeredMs }) => answeredMs >= killedMs);
    return {
      ms: longestGap(
        killedMs,
        served.filter(({ isSuccess }) => isSuccess).map(({ answeredMs }) => answeredMs),
        Math.max(...served.map(({ answeredMs }) => answeredMs)),
      ),
      failedRequests: served.filter(({ isSuccess }) => !isSuccess).length,
    };
  } finally {
    await load.stop();
  }
}

async function untilAllAreBack(bench: Bench, { name }: Routed, before: readonly string[]): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (performance.now() < deadline) {
    const now = await bench.replicasOf(name);
    if (now.length === before.length && !now.includes(before[0] ?? '') && (await bench.isReady(name))) return;
    await delay(10, undefined, { signal: bench.signal });
  }
  fail('service', 'NOT_RECOVERED', `${name} did not come back within 60 s after a replica was killed`, {
    hints: [`camp logs ${name}`],
  });
}

/** Between two successes: the first counted from the kill, the last to the last answer of all, which may have been a failure. */
export function longestGap(fromMs: Ms, answeredMs: readonly Ms[], untilMs: Ms): Ms {
  const times = [fromMs, ...[...answeredMs].sort((one, other) => one - other), untilMs];
  return Math.max(...times.slice(1).map((time, at) => time - (times[at] ?? time)));
}
