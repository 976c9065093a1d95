import type { Endpoint } from '../../kit/events.ts';
import type { Service } from '../../project/types.ts';
import type { ContainerDetail } from './engine/types.ts';

/** How this machine can reach a container whose networks publish nothing. */
export interface Directly {
  /** The engine's bridges are this machine's. */
  readonly isLocalLinux: boolean;
  /** The port that routes lead to. */
  readonly httpPort: number | undefined;
}

/**
 * Where a container is reached from this machine: its published TCP ports; all of them where it shares the host's
 * network; its own address where all its networks are `internal`, on which an engine publishes nothing.
 */
export function endpointsOf(
  service: Service,
  replica: string,
  container: ContainerDetail,
  directly: Directly,
): readonly Endpoint[] {
  const found = new Map<number, Endpoint>();
  // the engine gives no names on this network
  const own = isOnBridge(container.networkMode) ? ownAddress(container) : undefined;
  for (const { containerPort, address } of addressesOf(service, container, directly)) {
    if (found.has(containerPort)) continue;
    const inside = own === undefined ? {} : { inside: `${own}:${containerPort}` };
    found.set(containerPort, { service: service.name, replica, address, containerPort, ...inside });
  }
  return [...found.values()];
}

/** The engine's own bridge instead of networks of the project (`network_mode: bridge`). */
export function isOnBridge(networkMode: string | undefined): boolean {
  return networkMode === 'bridge' || networkMode === 'default';
}

interface Reached {
  readonly containerPort: number;
  readonly address: string;
}

function addressesOf(service: Service, container: ContainerDetail, directly: Directly): readonly Reached[] {
  const declared = service.ports.filter((one) => one.protocol === 'tcp').map((one) => one.container);
  if (container.networkMode === 'host') {
    const exposed = container.exposedPorts.filter((one) => one.endsWith('/tcp')).map((one) => Number.parseInt(one, 10));
    return at('127.0.0.1', [...declared, ...service.expose, ...exposed]);
  }
  const published = container.ports.filter(
    (one) => one.protocol === 'tcp' && one.hostPort > 0 && !one.hostIp.includes(':'),
  );
  if (published.length > 0 || !directly.isLocalLinux)
    return published.map(({ containerPort, hostPort }) => ({ containerPort, address: `127.0.0.1:${hostPort}` }));
  const own = ownAddress(container);
  if (own === undefined) return [];
  return at(own, directly.httpPort === undefined ? declared : [directly.httpPort, ...declared]);
}

/** Its address on a network of the engine, which only a machine that has those networks reaches. */
export function ownAddress({ networks }: ContainerDetail): string | undefined {
  return Object.values(networks).find(({ address }) => address !== '')?.address;
}

function at(host: string, ports: readonly number[]): readonly Reached[] {
  return ports.map((port) => ({ containerPort: port, address: `${host}:${port}` }));
}

/** The one that requests are meant for: the HTTP port, else the first. */
export function mainEndpoint(endpoints: readonly Endpoint[], httpPort: number | undefined): Endpoint | undefined {
  return endpoints.find((one) => one.containerPort === httpPort) ?? endpoints[0];
}
