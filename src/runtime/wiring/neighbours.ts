import type { ImageFacts } from '../../project/images.ts';
import type { Port, Service } from '../../project/types.ts';

/** A service as another one reaches it. */
export interface Neighbour {
  readonly name: string;
  /** Other names that Compose gives it. */
  readonly aliases: readonly string[];
  readonly kind: 'process' | 'container';
  /** `127.0.0.1` from a process, `host.docker.internal` from a container. */
  readonly host: string;
  /** By the port inside its container, the one to dial. Empty for a process: it listens on one, whatever is asked for. */
  readonly ports: ReadonlyMap<Port, Port>;
  /** The one to dial where no port is named. */
  readonly mainPort?: Port;
  /** `https` where its main port speaks TLS. */
  readonly scheme: 'http' | 'https';
  /** What is known about its image. */
  readonly facts?: ImageFacts;
  /** What its container is told, credentials among it: never shown. */
  readonly env: Readonly<Record<string, string>>;
  /** What it is started with: a password may stand there. */
  readonly command: readonly string[];
}

/** The name under which a container reaches this machine. */
export const gatewayHost = 'host.docker.internal';
const loopback = '127.0.0.1';

/** Where services are, as the composition root knows it. */
export interface PlacementsView {
  readonly services: ReadonlyMap<string, Service>;
  placementOf(service: string): 'process' | 'container' | 'server' | 'static' | 'edge' | undefined;
  /** Where the first replica of a process listens on this machine, or will. */
  processPort(service: string): Port | undefined;
  /** Where a port of the first replica's container is published on this machine. */
  publishedPort(service: string, containerPort: Port): Port | undefined;
  /** Ports in its container that are published. */
  containerPorts(service: string): readonly Port[];
  /** Where it speaks HTTP in its container. */
  httpPort(service: string): { readonly port: Port; readonly scheme: 'http' | 'https' } | undefined;
  factsOf(service: Service): ImageFacts | undefined;
}

/** What a process, or a container in this machine's own network, reaches: everything, on loopback. */
export function neighboursOfProcess(view: PlacementsView): readonly Neighbour[] {
  return [...view.services.values()].flatMap((service) => {
    switch (view.placementOf(service.name)) {
      case 'process':
      case 'server':
        return processOf(service, view, loopback);
      case 'container':
        return [containerOf(service, view)];
      default:
        return [];
    }
  });
}

/** What a container cannot reach by Compose's names: the processes, by the host gateway. */
export function neighboursOfContainer(view: PlacementsView): readonly Neighbour[] {
  return [...view.services.values()].flatMap((service) => {
    const placement = view.placementOf(service.name);
    return placement === 'process' || placement === 'server' ? processOf(service, view, gatewayHost) : [];
  });
}

/** A process that listens at `host:port`. */
export function processNeighbour(name: string, address: string, aliases: readonly string[] = []): Neighbour {
  const colon = address.lastIndexOf(':');
  return {
    name,
    aliases,
    kind: 'process',
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
    ports: new Map(),
    mainPort: Number(address.slice(colon + 1)),
    scheme: 'http',
    env: {},
    command: [],
  };
}

function processOf(service: Service, view: PlacementsView, host: string): readonly Neighbour[] {
  const port = view.processPort(service.name);
  if (port === undefined) return [];
  const found = processNeighbour(service.name, `${host}:${port}`, service.hints?.aliases);
  return [view.placementOf(service.name) === 'server' ? serverNeighbour(found, service, view.factsOf(service)) : found];
}

/** A server of this machine: it listens where a process does, and is spoken to as what its image is. */
export function serverNeighbour(process: Neighbour, service: Service, facts: ImageFacts | undefined): Neighbour {
  if (!facts || process.mainPort === undefined) return process;
  return {
    ...process,
    ports: new Map([[facts.port, process.mainPort]]),
    facts,
    env: service.env,
    command: service.hints?.command ?? [],
  };
}

function containerOf(service: Service, view: PlacementsView): Neighbour {
  const facts = view.factsOf(service);
  const http = view.httpPort(service.name);
  const ports = new Map<Port, Port>();
  for (const port of view.containerPorts(service.name)) {
    const published = view.publishedPort(service.name, port);
    if (published !== undefined) ports.set(port, published);
  }
  const isBacking = facts !== undefined && facts.scheme !== 'http' && facts.scheme !== 'https';
  const main = isBacking ? facts.port : (http?.port ?? facts?.port ?? [...ports.keys()][0]);
  const mainPort = main === undefined ? undefined : ports.get(main);
  return {
    name: service.name,
    aliases: service.hints?.aliases ?? [],
    kind: 'container',
    host: loopback,
    ports,
    ...(mainPort === undefined ? {} : { mainPort }),
    scheme: http?.scheme ?? 'http',
    ...(facts ? { facts } : {}),
    env: service.env,
    command: service.hints?.command ?? [],
  };
}

/** `127.0.0.1:4173`, `[::1]:4173` */
export function addressOf(host: string, port: Port): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
