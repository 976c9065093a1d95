import { resolve } from 'node:path';
import { containerShape } from '../edge/container-shape.ts';
import type { Endpoint } from '../kit/events.ts';
import { fail } from '../kit/failure.ts';
import { hashOf } from '../kit/hash.ts';
import { describeHolder, listeners } from '../kit/ports.ts';
import type { RuntimeKind, Wanted } from '../plan/types.ts';
import { type ImageFacts, imageFacts } from '../project/images.ts';
import { httpPortsOf } from '../project/routes.ts';
import { at, plainOf } from '../project/tree.ts';
import type { ComposeProject, Project, Service } from '../project/types.ts';
import type { BuiltImage } from '../runtime/docker/image-records.ts';
import type { ContainerWish, EdgeWish } from '../runtime/docker/types.ts';
import type { PortLeases } from '../runtime/native/leases.ts';
import type { Publication } from '../runtime/types.ts';
import {
  type Neighbour,
  neighboursOfContainer,
  neighboursOfProcess,
  type PlacementsView,
} from '../runtime/wiring/neighbours.ts';
import {
  type Publications,
  type Published,
  publicationKeys,
  publicationsOf,
  sayPortNote,
} from '../runtime/wiring/publications.ts';
import { containerWiringOf } from '../runtime/wiring/wiring.ts';

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

export interface WishesAround {
  readonly leases: PortLeases;
  /** Ports of this machine that the project's own containers publish now. */
  readonly ownPorts: ReadonlySet<number>;
  readonly runDir: string;
  readonly storage: string;
  edgePorts(project: Project): readonly number[];
  /** Where a process of a service listens, or will. */
  portOf(service: Service, index: number): number;
}

/** Keys of a service that do not change what its container is. */
const withoutEffect = new Set(['depends_on', 'develop', 'profiles', 'scale', 'x-camp']);

/**
 * What a container is created of; another hash means that it is stale. Host ports do not count: a scaled service
 * publishes other ones, and that is no reason to stop a replica that serves.
 */
export function containerHash(compose: ComposeProject, wish: Omit<ContainerWish, 'hash' | 'replicas'>): string {
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

/** Ports of a service that an upstream of the Caddyfile names: `api:3000`. */
export function routedPorts({ caddyfile }: Project, service: string): readonly number[] {
  const escaped = service.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const found = caddyfile.text.matchAll(new RegExp(`(?:^|[\\s/])${escaped}:(\\d+)(?![\\w.])`, 'g'));
  return [...new Set([...found].map((match) => Number(match[1])))];
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
  const http = httpPortsOf([...project.services.values()]);
  const replicasOf = (service: Service): number => wanted.replicas.get(service.name) ?? service.replicas;
  const { byService, notes } = await publish(project, placed, replicasOf, around);
  const neighbours = neighboursOfContainer(viewOf(project, wanted, around));
  const containers = placed.map((service): ContainerWish => {
    const ports = byService.get(service.name) ?? [];
    const wish = { service, ports, ...containerWiringOf(service, neighbours) };
    const httpPort = routedPorts(project, service.name)[0] ?? http.get(service.name)?.port;
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
    isMixed: placed.length > 0 && [...wanted.placements.values()].some(({ kind }) => kind === 'process'),
    containers,
    notes: notes.map((note) => ({ service: note.service, message: sayPortNote(note) })),
    images: placed.flatMap((service) => builtImage(compose, service) ?? []),
    ...(wanted.edge === 'container' ? { edge: edgeWish(project, placed, around) } : {}),
    neighbours(published) {
      const view: PlacementsView = {
        ...viewOf(project, wanted, around),
        containerPorts: (name) => (byName.get(name)?.ports ?? []).map((one) => one.containerPort),
        publishedPort: (name, port) =>
          published(name, port) ?? byName.get(name)?.ports.find((one) => one.containerPort === port)?.hostPort,
      };
      return neighboursOfProcess(view).filter(({ kind }) => kind === 'container');
    },
    endpointsOf(name, index, edge) {
      const wish = byName.get(name);
      if (!wish) return [];
      const replica = `${name}:${index}`;
      const address = ({ containerPort, hostPort }: Publication): string | undefined =>
        edge === 'container'
          ? `${containerName(compose, wish.service, index)}:${containerPort}`
          : hostPort === undefined
            ? undefined
            : `127.0.0.1:${hostPort}`;
      return wish.ports.flatMap((port): readonly Endpoint[] => {
        const found = port.protocol === 'tcp' ? address(port) : undefined;
        return found ? [{ service: name, replica, address: found, containerPort: port.containerPort }] : [];
      });
    },
  };
}

/** Which ports are published where, with what is worth saying about it. */
async function publish(
  project: Project,
  placed: readonly Service[],
  replicasOf: (service: Service) => number,
  around: WishesAround,
): Promise<Publications> {
  const { leases, ownPorts } = around;
  const published = placed.map((service): Published => {
    const facts = factsOf(service);
    return {
      service,
      replicas: replicasOf(service),
      reached: routedPorts(project, service.name),
      ...(facts ? { facts } : {}),
    };
  });
  await leases.prepare(publicationKeys(published).filter((key) => !ownPorts.has(leases.peek(key) ?? 0)));
  const edge = new Set(around.edgePorts(project));
  const taken = new Set(listeners().map(({ port }) => port));
  return publicationsOf(published, {
    holderOf(port) {
      if (edge.has(port)) return 'the edge';
      return taken.has(port) && !ownPorts.has(port) ? describeHolder(port) : undefined;
    },
    lease(key) {
      const before = leases.peek(key);
      return before !== undefined && ownPorts.has(before) ? before : leases.lease(key);
    },
  });
}

function factsOf({ image, build }: Service): ImageFacts | undefined {
  return image === undefined || build ? undefined : imageFacts(image);
}

/** What `build:` says of a service's image, and under which name it will be there. */
function builtImage(compose: ComposeProject, { name, image, build }: Service): BuiltImage | undefined {
  if (!build) return undefined;
  const written = plainOf(at(compose.tree, 'services', name, 'build'));
  const { dockerfile_inline: inline, additional_contexts: contexts } = (typeof written === 'object' ? written : {}) as {
    dockerfile_inline?: string;
    additional_contexts?: Record<string, string>;
  };
  return {
    service: name,
    ref: image ?? `${compose.name}-${name}`,
    build: {
      context: build.context,
      ...(build.dockerfile === undefined ? {} : { dockerfile: build.dockerfile }),
      ...(inline === undefined ? {} : { inline }),
      ...(contexts === undefined || Array.isArray(contexts) ? {} : { contexts }),
      more: written,
    },
  };
}

/** Where services are, for those who have to reach them. */
export function viewOf(
  project: Project,
  wanted: Pick<Wanted, 'placements'>,
  around: { portOf(service: Service, index: number): number },
): PlacementsView {
  const http = httpPortsOf([...project.services.values()]);
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
    factsOf,
  };
}

/** As Compose names it (docker/compose pkg/compose/convergence.go). */
function containerName(compose: ComposeProject, { name, container }: Service, index: number): string {
  return container.name ?? `${compose.name}-${name}-${index}`;
}

const edgeServiceName = 'camp-edge';

/** The container of the edge: in the place of the project's own edge service, or beside the others; on every network of what it leads to. */
function edgeWish(project: Project, placed: readonly Service[], around: WishesAround): EdgeWish {
  const own = [...project.services.values()].find((service) => service.isEdge);
  const shape = containerShape({ projectDir: project.dir, runDir: around.runDir, storage: around.storage });
  return {
    service: own?.name ?? edgeServiceName,
    image: shape.image,
    ports: around.edgePorts(project),
    networks: [...new Set(placed.flatMap((service) => service.container.networks))],
    mounts: shape.mounts.map((mount) => ({ ...mount, readOnly: true })),
    tmpfs: shape.tmpfs,
    sysctls: shape.sysctls,
    workingDir: resolve(project.dir),
    command: shape.command,
  };
}
