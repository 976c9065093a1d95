import { readText } from '../../kit/files.ts';
import type { Service } from '../../project/types.ts';
import { type Neighbour, processNeighbour, serverNeighbour } from '../wiring/neighbours.ts';
import { namesAskedIn } from '../wiring/rewrite.ts';
import { wiringOf } from '../wiring/wiring.ts';
import { baseEnvironment } from './environment.ts';
import { servicePorts } from './service-ports.ts';
import type { EnvironmentSetup } from './types.ts';

/**
 * The environment that a replica of a service, or a command of it, runs with: its own variables, and where everything
 * that it points at is reached. `running` are the addresses of the processes that are there, by service.
 */
export function serviceEnvironment(
  setup: EnvironmentSetup,
  running: () => ReadonlyMap<string, string>,
): (service: Service, index: number) => Record<string, string> {
  const ports = servicePorts(setup);
  const isServer = (service: Service): boolean => setup.servers?.isServer(service) ?? false;

  const runsHere = (service: Service | undefined): boolean =>
    service !== undefined && (isServer(service) || service.start?.kind === 'command');

  /** Everything that the service may point at. */
  function neighboursOf(service: Service): readonly Neighbour[] {
    const known = new Map(running());
    const containers = setup.containers?.() ?? [];
    // who points at a neighbour without waiting for it may be started first
    const pointedAt = [...namesAskedIn(service.env)].filter((name) => runsHere(setup.serviceOf?.(name)));
    for (const name of [...service.dependsOn.keys(), ...pointedAt])
      if (!known.has(name) && !containers.some((each) => each.name === name))
        known.set(name, `127.0.0.1:${ports.leased(name, 1)}`);
    if (isServer(service)) known.set(service.name, `127.0.0.1:${ports.portOf(service, 1)}`);
    return [...[...known].map(([name, address]) => neighbour(name, address)), ...containers];
  }

  function neighbour(name: string, address: string): Neighbour {
    const service = setup.serviceOf?.(name);
    const found = processNeighbour(name, address, service?.hints?.aliases);
    return service && isServer(service) ? serverNeighbour(found, service, setup.factsOf?.(service)) : found;
  }

  /** A command of a server's own service finds the server as one that depends on it does. */
  function wired(service: Service): Record<string, string> {
    const client = isServer(service)
      ? { ...service, dependsOn: new Map([[service.name, 'service_started' as const]]) }
      : service;
    return wiringOf(client, neighboursOf(service), readSecret);
  }

  /** A secret of the compose file that a server is told of by its path in the container. */
  function readSecret(of: Neighbour, path: string): string | undefined {
    const file = setup.serviceOf?.(of.name)?.server?.secrets[path];
    return (file === undefined ? undefined : readText(file)) ?? setup.readSecret?.(of, path);
  }

  /** Where psql and its like are, for a service that has a PostgreSQL of this machine. */
  function serverFolders(service: Service): readonly string[] {
    return [service.name, ...service.dependsOn.keys()].flatMap((name) => {
      const found = setup.serviceOf?.(name);
      if (found?.server?.name !== 'postgres' || !isServer(found)) return [];
      return setup.servers?.programOf(found)?.bin ?? [];
    });
  }

  return (service, index) => {
    const path = [...(service.start?.kind === 'command' ? service.start.path : []), ...serverFolders(service)];
    return {
      ...baseEnvironment(setup.ownEnv, path, { ...setup, replica: `${service.name}:${index}` }),
      ...setup.sharedEnv(),
      HOST: '127.0.0.1',
      SERVICE: service.name,
      PYTHONUNBUFFERED: '1',
      ...wired(service),
      PORT: String(ports.portOf(service, index)),
    };
  };
}
