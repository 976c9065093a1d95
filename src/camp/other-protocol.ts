import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint, Ms } from '../kit/events.ts';
import { probeHttp } from '../runtime/probe.ts';

/** A program that has only just begun may hang up on its first callers. */
const firstLookMs: Ms = 3000;
const betweenMs: Ms = 1000;
const looks = 3;

/**
 * Resolves when something listens there that does not speak HTTP: it answers in other words or hangs up, each time.
 * Never, where it is silent or speaks HTTP; rejects only with the signal's reason.
 */
export async function speaksOtherwise(endpoint: () => Endpoint | undefined, signal: AbortSignal): Promise<void> {
  await delay(firstLookMs, undefined, { signal });
  for (let seen = 0; seen < looks; ) {
    const found = endpoint();
    seen = found && (await isOther(found)) ? seen + 1 : 0;
    await delay(betweenMs, undefined, { signal });
  }
}

async function isOther({ address }: Endpoint): Promise<boolean> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  const { said } = await probeHttp({ host, port: Number(address.slice(at + 1)) }, '/', 2000);
  return said === 'the port is open' || / (?:ECONNRESET|socket hang up)$/.test(said);
}
