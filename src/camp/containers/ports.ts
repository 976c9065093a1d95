import { describeHolder } from '../../kit/ports.ts';
import type { Wanted } from '../../plan/types.ts';
import { builtImageOf } from '../../project/dockerfile.ts';
import { factsOf as factsOfImage } from '../../project/http-port.ts';
import type { ImageFacts } from '../../project/images.ts';
import type { Project, Service } from '../../project/types.ts';
import type { PortLeases } from '../../runtime/native/leases.ts';
import {
  type Publications,
  type Published,
  publicationKeys,
  publicationsOf,
} from '../../runtime/wiring/publications.ts';

export interface PortsAround {
  readonly leases: PortLeases;
  /** Ports of this machine that the project's own containers publish now. */
  readonly ownPorts: ReadonlySet<number>;
  /** Ports of this machine that others listen on. */
  readonly heldPorts: ReadonlySet<number>;
  /** The edge and whoever looks reach containers at their own addresses: nothing has to be published for them. */
  readonly isReachedInside: boolean;
  edgePorts(project: Project): readonly number[];
}

/** Which ports of which container are published where, with what is worth saying about it. */
export async function publish(
  project: Project,
  wanted: Omit<Wanted, 'hashes'>,
  placed: readonly Service[],
  around: PortsAround,
): Promise<Publications> {
  const { leases, ownPorts } = around;
  const published = placed.map((service): Published => {
    const facts = factsOf(service);
    return {
      service,
      replicas: wanted.replicas.get(service.name) ?? service.replicas,
      reached: around.isReachedInside ? [] : reachedPorts(project, wanted, placed, service),
      ...(facts ? { facts } : {}),
    };
  });
  await leases.prepare(publicationKeys(published).filter((key) => !ownPorts.has(leases.peek(key) ?? 0)));
  const edge = new Set(around.edgePorts(project));
  const declared = new Set(placed.flatMap(({ ports }) => ports.flatMap(({ host }) => host ?? [])));
  const reserved = new Set([...declared, ...around.heldPorts]);
  return publicationsOf(published, {
    holderOf(port) {
      if (edge.has(port)) return 'the edge';
      return around.heldPorts.has(port) ? describeHolder(port) : undefined;
    },
    lease(key) {
      const before = leases.peek(key);
      if (before !== undefined && ownPorts.has(before)) return before;
      return leases.lease(key, reserved);
    },
  });
}

/** Ports that routes lead to or processes call, of the service and of those that share its network. */
function reachedPorts(
  project: Project,
  wanted: Pick<Wanted, 'placements'>,
  placed: readonly Service[],
  service: Service,
): readonly number[] {
  const guests = placed.filter(({ container }) => container.networkMode === `service:${service.name}`);
  const callers = [...project.services.values()].filter(({ name }) => wanted.placements.get(name)?.kind === 'process');
  const texts = [project.caddyfile.text, ...callers.flatMap(({ env }) => Object.values(env))];
  return [...new Set([service, ...guests].flatMap(({ name }) => texts.flatMap((text) => namedPorts(text, name))))];
}

/** Ports that a text names of a service: `api:3000`. */
export function namedPorts(text: string, service: string): readonly number[] {
  if (!text.includes(`${service}:`)) return [];
  const escaped = service.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const found = text.matchAll(new RegExp(`(?:^|[\\s/@,=])${escaped}:(\\d+)(?![\\w.])`, 'g'));
  return [...new Set([...found].map((match) => Number(match[1])))];
}

/** What is known of the image that a service runs. */
export function factsOf(service: Service): ImageFacts | undefined {
  return factsOfImage(service, builtImageOf(service));
}
