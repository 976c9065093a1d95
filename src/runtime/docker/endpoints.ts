import type { Endpoint } from '../../kit/events.ts';
import type { Service } from '../../project/types.ts';
import type { ContainerDetail } from './engine/types.ts';

/** Where a container is reached from this machine: its published TCP ports, or all of them where it shares the host's network. */
export function endpointsOf(service: Service, replica: string, container: ContainerDetail): readonly Endpoint[] {
  const found = new Map<number, Endpoint>();
  for (const { containerPort, hostPort } of portsOf(service, container))
    if (!found.has(containerPort))
      found.set(containerPort, {
        service: service.name,
        replica,
        address: `127.0.0.1:${hostPort}`,
        containerPort,
      });
  return [...found.values()];
}

function portsOf(
  service: Service,
  container: ContainerDetail,
): readonly { readonly containerPort: number; readonly hostPort: number }[] {
  if (container.networkMode !== 'host')
    return container.ports.filter((one) => one.protocol === 'tcp' && one.hostPort > 0 && !one.hostIp.includes(':'));
  const own = service.ports.filter((one) => one.protocol === 'tcp').map((one) => one.container);
  const exposed = container.exposedPorts.filter((one) => one.endsWith('/tcp')).map((one) => Number.parseInt(one, 10));
  return [...own, ...service.expose, ...exposed].map((port) => ({ containerPort: port, hostPort: port }));
}

/** The one that requests are meant for: the HTTP port, else the first. */
export function mainEndpoint(endpoints: readonly Endpoint[], httpPort: number | undefined): Endpoint | undefined {
  return endpoints.find((one) => one.containerPort === httpPort) ?? endpoints[0];
}
