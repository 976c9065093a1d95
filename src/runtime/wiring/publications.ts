import type { ImageFacts } from '../../project/images.ts';
import type { Port, Service } from '../../project/types.ts';
import type { Publication } from '../types.ts';

type Protocol = Publication['protocol'];

/** A service that runs in containers, and what of it must be reachable from this machine. */
export interface Published {
  readonly service: Service;
  readonly replicas: number;
  /** Container ports that routes lead to or processes call; declared ones are published anyway. */
  readonly reached: readonly Port[];
  readonly facts?: ImageFacts;
}

/** This machine's ports, looked at before: deciding looks at nothing. */
export interface HostPorts {
  /** Who listens there, in words; undefined where it is free or this project's own container. */
  holderOf(port: Port, protocol: Protocol): string | undefined;
  /** The port that a key has had before, else a free one; undefined where none is free. */
  lease(key: string): Port | undefined;
}

/** What differs from the file, to be said. */
export type PortNote =
  | {
      readonly kind: 'moved';
      readonly service: string;
      readonly from: Port;
      /** Absent where the engine chooses, because there are several replicas. */
      readonly to?: Port;
      readonly holder: string;
    }
  | { readonly kind: 'narrowed'; readonly service: string; readonly port: Port; readonly address: string };

export interface Publications {
  readonly byService: ReadonlyMap<string, readonly Publication[]>;
  readonly notes: readonly PortNote[];
}

const loopback = /^(?:127\.|::1$|0:0:0:0:0:0:0:1$|localhost$)/;

/** The key under which a port is kept between runs. */
function publicationKey(service: string, containerPort: Port): string {
  return `${service}:1:${containerPort}`;
}

/** Keys that `publicationsOf` may lease: look at them first. */
export function publicationKeys(published: readonly Published[]): readonly string[] {
  return published.flatMap((one) =>
    one.replicas > 1
      ? []
      : [...new Set(portsOf(one).map(({ container }) => publicationKey(one.service.name, container)))],
  );
}

/**
 * Which ports of which container are published on 127.0.0.1, and where. A declared port keeps its number unless somebody
 * has it, a service before it among them; ports in `reached`, and the own port of a known backing service, get one that
 * stays the same between runs.
 */
export function publicationsOf(published: readonly Published[], host: HostPorts): Publications {
  const notes: PortNote[] = [];
  const given = new Map<string, string>();
  const claim = (port: Port, protocol: Protocol, service: string): string | undefined => {
    const key = `${port}/${protocol}`;
    const holder = host.holderOf(port, protocol) ?? (given.has(key) ? `service "${given.get(key)}"` : undefined);
    if (holder === undefined) given.set(key, service);
    return holder;
  };
  const byService = new Map<string, readonly Publication[]>();
  for (const one of published) byService.set(one.service.name, publish(one, host, claim, notes));
  return { byService, notes };
}

type Claim = (port: Port, protocol: Protocol, service: string) => string | undefined;

interface Wish {
  readonly container: Port;
  readonly host?: Port;
  readonly address?: string;
  readonly protocol: Protocol;
}

/** Declared ports first, so that they get the numbers that the file says. */
function portsOf({ service, reached, facts }: Published): readonly Wish[] {
  // its ports are those of another network, or of this machine already
  if (service.hints?.networkMode && !/^(?:bridge|default)$/.test(service.hints.networkMode)) return [];
  const own = facts && facts.port > 0 && facts.scheme !== 'http' && facts.scheme !== 'fcgi' ? [facts.port] : [];
  const declared: readonly Wish[] = service.ports.filter(({ container }) => container > 0);
  const known = new Set(declared.filter(({ protocol }) => protocol === 'tcp').map(({ container }) => container));
  const more = [...new Set([...reached, ...own])].filter((port) => !known.has(port));
  return [...declared, ...more.map((container) => ({ container, protocol: 'tcp' as const }))];
}

function publish(one: Published, host: HostPorts, claim: Claim, notes: PortNote[]): readonly Publication[] {
  const { name } = one.service;
  const found = new Map<string, Publication>();
  for (const wish of portsOf(one)) {
    const { container: containerPort, protocol, host: written, address } = wish;
    if (address && !loopback.test(address))
      notes.push({ kind: 'narrowed', service: name, port: written ?? containerPort, address });
    // the same port for IPv4 and IPv6 loopback is one publication
    if (written !== undefined && found.has(`${containerPort}/${protocol}/${written}`)) continue;
    const hostPort = one.replicas > 1 ? undefined : placed(wish, name, host, claim, notes);
    if (one.replicas > 1 && written !== undefined)
      notes.push({ kind: 'moved', service: name, from: written, holder: `${one.replicas} replicas` });
    const kept = hostPort !== undefined && hostPort === written ? written : '';
    found.set(`${containerPort}/${protocol}/${kept}`, {
      containerPort,
      protocol,
      ...(hostPort === undefined ? {} : { hostPort }),
    });
  }
  return [...found.values()];
}

function placed(wish: Wish, service: string, host: HostPorts, claim: Claim, notes: PortNote[]): Port | undefined {
  const { container, host: written, protocol } = wish;
  const holder = written === undefined ? undefined : claim(written, protocol, service);
  if (written !== undefined && holder === undefined) return written;
  const to = host.lease(publicationKey(service, container));
  if (written !== undefined && holder !== undefined)
    notes.push({ kind: 'moved', service, from: written, ...(to === undefined ? {} : { to }), holder });
  return to;
}

/** One line for people. */
export function sayPortNote(note: PortNote): string {
  switch (note.kind) {
    case 'narrowed':
      return `port ${note.port} of ${note.service} is published on 127.0.0.1 only, not on ${note.address}`;
    case 'moved': {
      if (note.to === undefined)
        return `port ${note.from} of ${note.service} is published on a port for each replica: ${note.holder} cannot share it`;
      return `port ${note.from} of ${note.service} is published on ${note.to}: ${note.from} is taken by ${note.holder}`;
    }
  }
}
