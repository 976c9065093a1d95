import type { Endpoint } from '../kit/events.ts';
import { countOf } from '../plan/replica-counts.ts';
import type { ObservedReplica, RuntimeKind, Wanted } from '../plan/types.ts';
import type { Project } from '../project/types.ts';
import type { NativeRuntime } from '../runtime/native/types.ts';
import type { ReplicaView, Runtime } from '../runtime/types.ts';
import type { ProcessPort } from '../runtime/wiring/gateway.ts';
import type { ContainerHost } from './containers/host.ts';
import { factsOf } from './containers/ports.ts';

/** Where a service listens in a container that says nothing else (DESIGN section 2). */
const defaultContainerPort = 8080;

/** The replicas of a project, whatever they run in: processes and containers seen as one. */
export class Replicas {
  readonly processes: NativeRuntime;
  readonly containers: ContainerHost;

  constructor(processes: NativeRuntime, containers: ContainerHost) {
    this.processes = processes;
    this.containers = containers;
  }

  all(): readonly ReplicaView[] {
    return [...this.processes.replicas(), ...(this.containers.running?.replicas() ?? [])];
  }

  async observe(signal: AbortSignal): Promise<readonly ObservedReplica[]> {
    return [...(await this.processes.observe(signal)), ...((await this.containers.running?.observe(signal)) ?? [])];
  }

  runtime(kind: RuntimeKind): Runtime {
    return kind === 'container' ? this.containers.runtime() : this.processes;
  }

  /** Where the edge reaches a replica that is there, which need not be where this machine does. */
  endpointsOf({ service, index, endpoints }: ReplicaView, wanted: Wanted | undefined): readonly Endpoint[] {
    const found = wanted?.services.get(service);
    if (!found || wanted?.placements.get(service)?.kind !== 'container') return endpoints;
    return this.containers.endpointsOf(found, index, wanted.edge, endpoints);
  }

  /** The endpoints that are to be served: replicas that are wanted, known before they listen. */
  wantedEndpoints(wanted: Wanted): readonly Endpoint[] {
    const running = new Map(this.all().map((replica) => [replica.id, replica.endpoints]));
    return idsOf(wanted).flatMap(({ service, index, id, kind }) => {
      const found = running.get(id) ?? [];
      if (kind === 'container') return this.containers.endpointsOf(service, index, wanted.edge, found);
      const address = `127.0.0.1:${this.processes.portOf(service, index)}`;
      return found.length > 0 ? found : [{ service: service.name, replica: id, address }];
    });
  }

  /** Replicas in containers that are not ready, of services with several: the only one is asked in any case. */
  unready(wanted: Wanted): ReadonlySet<string> {
    const replicas = this.containers.running?.replicas() ?? [];
    const ready = new Set(replicas.filter(({ state }) => state.at === 'ready').map(({ id }) => id));
    return new Set(
      idsOf(wanted).flatMap(({ id, kind, count }) => (kind === 'container' && count > 1 && !ready.has(id) ? [id] : [])),
    );
  }

  /** Processes that listen, by their first replica, as containers know them: by the port that the files name. */
  listening(project: Project | undefined): ReadonlyMap<string, ProcessPort> {
    return new Map(
      this.processes.replicas().flatMap(({ service, index, state, endpoints: [endpoint] }) => {
        if (index !== 1 || state.at !== 'ready' || !endpoint) return [];
        const { hostname, port } = new URL(`tcp://${endpoint.address}`);
        const host = hostname.replace(/^\[|\]$/g, '');
        const found = project?.services.get(service);
        const { expose = [], hints } = found ?? {};
        const containerPort = (found?.server && factsOf(found)?.port) ?? expose[0] ?? defaultContainerPort;
        return [[service, { port: Number(port), host, containerPort, aliases: hints?.aliases ?? [] }] as const];
      }),
    );
  }
}

/** Every replica that is wanted. */
function idsOf(wanted: Wanted) {
  return [...wanted.placements].flatMap(([name, { kind }]) => {
    const service = wanted.services.get(name);
    if (!service || (kind !== 'process' && kind !== 'container' && kind !== 'server')) return [];
    const count = countOf(name, wanted);
    return Array.from({ length: count }, (_, i) => ({ service, index: i + 1, id: `${name}:${i + 1}`, kind, count }));
  });
}
