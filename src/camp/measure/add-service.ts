import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import type { Bench } from './bench.ts';

/** A name that no project has. */
export const addedName = 'measured';
const deadlineMs: Ms = 60_000;

/** From the start of `camp add service` to the first 2xx of the new service through the edge, of a project that runs. */
export async function addService(bench: Bench): Promise<Ms> {
  const beganMs = performance.now();
  await bench.camp('add', 'service', addedName);
  const deadline = beganMs + deadlineMs;
  while (performance.now() < deadline) {
    const { services } = await bench.status();
    const url = services.find(({ name }) => name === addedName)?.url;
    const asked = url ? await bench.asker.ask(url) : undefined;
    if (asked && asked.status >= 200 && asked.status < 300) {
      await bench.tail.settle([asked.id]);
      if (bench.tail.entry(asked.id)?.upstreamStatus === asked.status) return asked.answeredMs - beganMs;
    }
    await delay(5, undefined, { signal: bench.signal });
  }
  return fail('service', 'NOT_READY', 'the added service did not answer within 60 s');
}
