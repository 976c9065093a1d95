import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../kit/events.ts';
import { type Admin, jsonOf } from './admin.ts';
import { objectsOf } from './json.ts';
import type { NameServer } from './name-server.ts';
import { dialsOf } from './names.ts';

const pollMs: Ms = 10;

/**
 * Resolves when Caddy has no request in flight to the address, or after `deadlineMs`; an edge that does not answer has
 * none. An address that Caddy may have looked up has to be forgotten first.
 */
export async function drain(
  admin: Admin,
  names: NameServer | undefined,
  address: string,
  deadlineMs: Ms,
  signal: AbortSignal,
): Promise<void> {
  await names?.forgotten(address, signal);
  const deadline = performance.now() + deadlineMs;
  while (performance.now() < deadline) {
    if ((await inFlight(admin, address, signal)) === 0) return;
    await delay(pollMs, undefined, { signal });
  }
}

async function inFlight(admin: Admin, address: string, signal: AbortSignal): Promise<number> {
  try {
    const answer = await admin.ask('GET', '/reverse_proxy/upstreams', { timeoutMs: 1000, signal });
    const dials = dialsOf(address);
    const upstreams = objectsOf(jsonOf(answer)).filter((each) => dials.includes(String(each.address)));
    return upstreams.reduce((sum, each) => sum + Number(each.num_requests ?? 0), 0);
  } catch {
    signal.throwIfAborted();
    return 0;
  }
}
