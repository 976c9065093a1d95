import { isIP } from 'node:net';
import type { Port, PublishedPort } from '../types.ts';

interface Range {
  readonly first: Port;
  readonly last: Port;
}

/** A reason in plain words where the text is no such thing. */
export type Unusable = { readonly why: string };

/** `[[address:]host:]container[/protocol]`, each port also a range (compose-spec, 05-services, ports, short syntax). */
export function parsePorts(text: string): readonly PublishedPort[] | Unusable {
  const [main = '', protocolName = 'tcp', ...rest] = text.split('/');
  const protocol = protocolName.toLowerCase();
  if (rest.length > 0 || !['tcp', 'udp', 'sctp'].includes(protocol))
    return { why: `"${text.slice(main.length + 1)}" is not tcp or udp` };
  const cut = splitAddress(main);
  if ('why' in cut) return cut;
  const container = parseRange(cut.container);
  if (!container) return { why: notPort(cut.container) };
  if (container.first === 0) return { why: 'there is no port 0 in a container' };
  const host = cut.host === undefined || cut.host === '' ? undefined : parseRange(cut.host);
  if (cut.host && !host) return { why: notPort(cut.host) };
  return pair(container, host, cut.address, protocol);
}

/** Pairs the ports of two ranges; a single container port takes the first of the host's range. */
export function pair(
  container: Range,
  host: Range | undefined,
  address: string | undefined,
  protocol: string,
): readonly PublishedPort[] | Unusable {
  const count = container.last - container.first;
  if (host && count > 0 && host.last - host.first !== count) return { why: 'the two ranges differ in length' };
  // sctp has no listener that camp could route to; it keeps its place as what is nearest
  const known = protocol === 'tcp' ? 'tcp' : 'udp';
  return Array.from({ length: count + 1 }, (_, i) => ({
    container: container.first + i,
    ...(host ? { host: host.first + i } : {}),
    ...(address === undefined ? {} : { address }),
    protocol: known,
  }));
}

interface Cut {
  readonly container: string;
  readonly host?: string;
  readonly address?: string;
}

function splitAddress(main: string): Cut | Unusable {
  const bracketed = /^\[([^\]]*)\]:([^:]*):([^:]*)$/.exec(main);
  const parts = main.split(':');
  if (!bracketed && parts.length > 3) return { why: 'there are more than three parts; an IPv6 address goes in [ ]' };
  const [address, host, container = ''] = bracketed
    ? bracketed.slice(1)
    : [...Array<undefined>(3 - parts.length), ...parts];
  if (address && isIP(address) === 0) return { why: `"${address}" is not an IP address` };
  return { container, ...(host === undefined ? {} : { host }), ...(address ? { address } : {}) };
}

/** `80` or `80-89`. */
export function parseRange(text: string): Range | undefined {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!found) return undefined;
  const first = Number(found[1]);
  const last = found[2] === undefined ? first : Number(found[2]);
  return first <= last && last <= 65535 ? { first, last } : undefined;
}

function notPort(text: string): string {
  return text === '' ? 'the container port is missing' : `"${text}" is not a port from 0 to 65535`;
}
