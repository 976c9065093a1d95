import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../kit/events.ts';
import { type Admin, jsonOf } from './admin.ts';
import { objectsOf } from './json.ts';

const pollMs: Ms = 10;

/** Resolves when Caddy has no request in flight to the address, or after `deadlineMs`; an edge that does not answer has none. */
export async function drain(admin: Admin, address: string, deadlineMs: Ms, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (performance.now() < deadline) {
    if ((await inFlight(admin, address, signal)) === 0) return;
    await delay(pollMs, undefined, { signal });
  }
}

async function inFlight(admin: Admin, address: string, signal: AbortSignal): Promise<number> {
  try {
    const answer = await admin.ask('GET', '/reverse_proxy/upstreams', { timeoutMs: 1000, signal });
    const upstream = objectsOf(jsonOf(answer)).find((each) => each.address === address);
    return Number(upstream?.num_requests ?? 0);
  } catch {
    signal.throwIfAborted();
    return 0;
  }
}
