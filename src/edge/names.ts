import { isIPv4 } from 'node:net';
import { isObject, type Json, type JsonObject, objectsOf } from './json.ts';

/** A zone for private use (ICANN, 2024): no name of it leads anywhere else. */
const zone = 'camp.internal.';
/** Addresses in a label: SRV records name their targets, they do not number them. */
const addressLabel = /^(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})$/;
const label = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/i;

/** The name that Caddy asks for the replicas by; undefined where it would be none. */
export function askedName(parts: readonly string[]): string | undefined {
  const labels = parts.flatMap((part) => part.split('.'));
  const name = [...labels, zone].join('.');
  return labels.every((one) => label.test(one)) && name.length < 250 ? name : undefined;
}

/** Where a replica is, as an SRV record says it. */
export interface Target {
  /** With its last dot: nothing is appended to it. */
  readonly host: string;
  readonly port: number;
  /** It is one of camp's own names, which nobody else knows. */
  readonly isOwn: boolean;
}

/** `127.0.0.1:4001` or `shop-api-2:8080`; undefined for what no SRV record can say. */
export function targetOf(address: string): Target | undefined {
  const [, host = '', digits] = /^([^:/]+):(\d+)$/.exec(address) ?? [];
  const port = Number(digits);
  if (!(port > 0 && port < 65_536)) return undefined;
  if (isIPv4(host)) return { host: `${host.replaceAll('.', '-')}.${zone}`, port, isOwn: true };
  const isName = /[a-z]/i.test(host) && host.length < 250 && host.split('.').every((one) => label.test(one));
  return isName ? { host: `${host}.`, port, isOwn: false } : undefined;
}

/** The address that a name of `targetOf` stands for. */
export function addressOf(name: string): string | undefined {
  if (!name.endsWith(`.${zone}`)) return undefined;
  const numbers = addressLabel.exec(name.slice(0, -zone.length - 1))?.slice(1);
  const address = numbers?.join('.') ?? '';
  return isIPv4(address) ? address : undefined;
}

/** What Caddy's admin endpoint may call an address: as it is, or as it was looked up. */
export function dialsOf(address: string): readonly string[] {
  const target = targetOf(address);
  if (!target) return [address];
  const dial = `${target.host}:${target.port}`;
  return [address, dial, `tcp4/${dial}`];
}

/**
 * How long Caddy takes an answer for the truth; a lookup that fails (the visitor has gone meanwhile) lets it take the
 * last one for as long again.
 */
export const refreshMs = 50;

/**
 * Caddy asks for the replicas each `refreshMs`, if requests come. The sources are a list of one because then no
 * request that is tried again asks anew: with many of them waiting there would be no end of questions
 * (reverse_proxy resets the cache of an `srv` at each retry, of a `multi` it cannot).
 */
export function askingFor(name: string, resolver: string, isOwn: boolean): JsonObject {
  const source = {
    source: 'srv',
    name,
    refresh: `${refreshMs}ms`,
    grace_period: `${2 * refreshMs}ms`,
    resolver: { addresses: [resolver] },
    ...(isOwn ? { dial_network: 'tcp4' } : {}),
  };
  return { source: 'multi', sources: [source] };
}

/** Whether a reverse_proxy gets its upstreams from camp. */
export function asksForReplicas(handler: JsonObject): boolean {
  return sourcesOf(handler.dynamic_upstreams).some(({ name }) => typeof name === 'string' && name.endsWith(`.${zone}`));
}

function sourcesOf(value: Json | undefined): JsonObject[] {
  return isObject(value) ? objectsOf(value.sources) : [];
}
