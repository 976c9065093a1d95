import type { Endpoint } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import { hashOf } from '../../kit/hash.ts';
import type { RuntimeKind, Wanted } from '../../plan/types.ts';
import { declaredPorts } from '../../project/http-port.ts';
import type { ImageFacts } from '../../project/images.ts';
import { powersOf } from '../../project/powers.ts';
import { httpPortsOf } from '../../project/routes.ts';
import { at, plainOf } from '../../project/tree.ts';
import type { ComposeProject, Project, Service } from '../../project/types.ts';
import { isOnBridge } from '../../runtime/docker/endpoints.ts';
import type { BuiltImage } from '../../runtime/docker/image-records.ts';
import type { ContainerWish, EdgeWish } from '../../runtime/docker/types.ts';
import {
  gatewayHost,
  type Neighbour,
  neighboursOfContainer,
  neighboursOfProcess,
  type PlacementsView,
} from '../../runtime/wiring/neighbours.ts';
import { sayPortNote } from '../../runtime/wiring/publications.ts';
import { containerWiringOf } from '../../runtime/wiring/wiring.ts';
import { type EdgeAround, edgeWish } from './edge-wish.ts';
import { builtImage } from './images.ts';
import { factsOf, namedPorts, type PortsAround, publish } from './ports.ts';

/** What the containers of a project are to be, computed before any of them is created. */
export interface Wishes {
  readonly projectId: string;
  /** There are processes beside the containers. */
  readonly isMixed: boolean;
  readonly containers: readonly ContainerWish[];
  readonly edge?: EdgeWish;
  readonly images: readonly BuiltImage[];
  /** What differs from the files, to be said. */
  readonly notes: readonly { readonly service: string; readonly message: string }[];
  /** Where a replica will be reached from the edge, as far as that is known before it runs. */
  endpointsOf(service: string, index: number, edge: RuntimeKind): readonly Endpoint[];
  /** The containers as a process reaches them; `published` knows what runs already. */
  neighbours(published: (service: string, containerPort: number) => number | undefined): readonly Neighbour[];
}

export interface WishesAround extends PortsAround, EdgeAround {
  /** Where a process of a service listens, or will. */
  portOf(service: Service, index: number): number;
}

/** Keys of a service that do not change what its container is. */
const withoutEffect = new Set(['depends_on', 'develop', 'profiles', 'scale', 'x-camp']);

/**
 * What a container is created of; another hash means that it is stale. Host ports do not count: a scaled service
 * publishes other ones, and that is no reason to stop a replica that serves.
 */
function containerHash(compose: ComposeProject, wish: Omit<ContainerWish, 'hash' | 'replicas'>): string {
  const written = plainOf(at(compose.tree, 'services', wish.service.name)) as Record<string, unknown>;
  const own = Object.fromEntries(Object.entries(written).filter(([key]) => !withoutEffect.has(key)));
  const { deploy } = own as { deploy?: { replicas?: unknown } };
  if (deploy) own['deploy'] = { ...deploy, replicas: undefined };
  const around = ['networks', 'volumes', 'configs', 'secrets'].map((key) => plainOf(at(compose.tree, key)));
  return hashOf({
    own,
    around,
    env: wish.service.env,
    ports: wish.ports.map(({ containerPort, protocol }) => [containerPort, protocol]),
    environment: wish.environment,
    extraHosts: wish.extraHosts,
  });
}

/** What each container is to be created of, and where it will be reached. */
export async function wishesFor(
  project: Project,
  wanted: Omit<Wanted, 'hashes'>,
  around: WishesAround,
): Promise<Wishes> {
  const { compose } = project;
  if (!compose)
    fail('project', 'NO_COMPOSE_FILE', `${project.dir} has no compose.yaml that could say what a container is`, {
      hints: ['camp init', 'camp up'],
    });
  const placed = [...wanted.placements].flatMap(([name, { kind }]) =>
    kind === 'container' ? (wanted.services.get(name) ?? []) : [],
  );
  const seen = viewOf(project, wanted, around);
  const replicasOf = (service: Service): number => wanted.replicas.get(service.name) ?? service.replicas;
  const { byService, notes } = await publish(project, wanted, placed, around);
  const neighbours = neighboursOfContainer(seen);
  const containers = placed.map((service): ContainerWish => {
    const ports = byService.get(service.name) ?? [];
    const wish = { service, ports, ...containerWiringOf(service, neighbours) };
    const httpPort = namedPorts(project.caddyfile.text, service.name)[0] ?? seen.httpPort(service.name)?.port;
    return {
      ...wish,
      replicas: replicasOf(service),
      hash: containerHash(compose, wish),
      ...(httpPort === undefined ? {} : { httpPort }),
    };
  });
  const byName = new Map(containers.map((wish) => [wish.service.name, wish]));
  return {
    projectId: project.id,
    isMixed:
      placed.length > 0 && [...wanted.placements.values()].some(({ kind }) => kind === 'process' || kind === 'server'),
    containers,
    notes: [
      ...placed.flatMap((service) => {
        const may = powersOf(compose, service);
        return may.length > 0 ? [{ service: service.name, message: `${service.name} ${may.join(', ')}` }] : [];
      }),
      ...notes.map((note) => ({ service: note.service, message: sayPortNote(note) })),
    ],
    images: placed.flatMap((service) => builtImage(compose, service) ?? []),
    ...(wanted.edge === 'container' ? { edge: edgeWish(project, placed, around) } : {}),
    neighbours(published) {
      const view: PlacementsView = {
        ...seen,
        containerPorts: (name) => (byName.get(name)?.ports ?? []).map((one) => one.containerPort),
        publishedPort: (name, port) =>
          published(name, port) ?? byName.get(name)?.ports.find((one) => one.containerPort === port)?.hostPort,
      };
      return neighboursOfProcess(view).filter(({ kind }) => kind === 'container');
    },
    endpointsOf(name, index, edge) {
      const service = byName.get(name)?.service;
      if (!service) return [];
      const host = networkOf(service);
      const replica = `${name}:${index}`;
      if (edge === 'container') {
        const owner = byName.get(host ?? name)?.service ?? service;
        if (isOnBridge(owner.container.networkMode)) return []; // its address is known when it runs
        const inside = host === 'host' ? gatewayHost : containerName(compose, owner, index);
        return insidePorts(project, service).map((port) => ({
          service: name,
          replica,
          address: `${inside}:${port}`,
          containerPort: port,
        }));
      }
      // what shares another's network is reached where that one is
      const ports =
        host === 'host'
          ? insidePorts(project, service).map((port) => ({ containerPort: port, hostPort: port, protocol: 'tcp' }))
          : (byName.get(host ?? name)?.ports ?? []);
      return ports.flatMap(({ containerPort, hostPort, protocol }): readonly Endpoint[] => {
        if (protocol !== 'tcp' || hostPort === undefined) return [];
        return [{ service: name, replica, address: `127.0.0.1:${hostPort}`, containerPort }];
      });
    },
  };
}

/** Whose network a service uses instead of its own: `host`, or the name of a service. */
function networkOf({ container: { networkMode } }: Service): string | undefined {
  return networkMode === 'host' ? 'host' : /^service:(.+)$/.exec(networkMode ?? '')?.[1];
}

/** Ports of a service where it is: those that a route names, and those that it says itself. */
function insidePorts(project: Project, service: Service): readonly number[] {
  return [...new Set([...namedPorts(project.caddyfile.text, service.name), ...declaredPorts(service)])];
}

/** Where services are, for those who have to reach them; what has to be read from the disk for that is read once. */
function viewOf(
  project: Project,
  wanted: Pick<Wanted, 'placements'>,
  around: { portOf(service: Service, index: number): number },
): PlacementsView {
  const http = httpPortsOf([...project.services.values()]);
  const facts = new Map<Service, ImageFacts | undefined>();
  return {
    services: project.services,
    placementOf: (name) => wanted.placements.get(name)?.kind,
    processPort(name) {
      const service = project.services.get(name);
      return service && around.portOf(service, 1);
    },
    publishedPort: () => undefined,
    containerPorts: () => [],
    httpPort: (name) => http.get(name),
    factsOf(service) {
      if (!facts.has(service)) facts.set(service, factsOf(service));
      return facts.get(service);
    },
  };
}

/** As Compose names it (docker/compose pkg/compose/convergence.go). */
function containerName(compose: ComposeProject, { name, container }: Service, index: number): string {
  return container.name ?? `${compose.name}-${name}-${index}`;
}
