import type { Edge, Route } from '../edge/types.ts';
import type { Endpoint, Ms } from '../kit/events.ts';
import { fail } from '../kit/failure.ts';
import type { Handlers, RuntimeKind, Steps } from '../plan/types.ts';
import type { Project, Service } from '../project/types.ts';
import { clearLeftovers } from '../runtime/native/leftovers.ts';
import type { ReplicaView } from '../runtime/types.ts';
import { namedPorts } from './containers/ports.ts';
import { speaksOtherwise } from './other-protocol.ts';
import type { Replicas } from './replicas.ts';

/** What the steps of a plan are carried out with. */
export interface Equipment {
  readonly project: Project;
  readonly replicas: Replicas;
  readonly timeoutMs: Ms;
  edge(): Edge;
  startEdge(kind: RuntimeKind, signal: AbortSignal): Promise<void>;
  route(signal: AbortSignal): Promise<void>;
  routes(): readonly Route[];
  /** Where the edge reaches a replica. */
  endpointsOf(replica: ReplicaView): readonly Endpoint[];
  /** A service that a guess has led a route to, and that does not speak HTTP: `up` is no failure for that. */
  onOther(service: string): void;
  provision(step: Steps['provision'], signal: AbortSignal): Promise<void>;
}

/** How each kind of step is carried out: a table, no decisions. */
export function handlersFor(equipment: Equipment): Handlers {
  // of each service, from its own start on: what is built or installed before may take its time
  const { replicas, timeoutMs } = equipment;
  const { processes, containers } = replicas;
  return {
    provision: (step, { signal }) => equipment.provision(step, signal),
    clear: (step) => clearLeftovers(equipment.project.id, step.pids),
    install: (step, { signal }) => processes.install(serviceOf(equipment, step.service), signal),
    build: (step, { signal }) => containers.build(step, signal),
    create: (step, { signal }) => containers.create(step, signal),
    prepare: (step, { signal }) => processes.prepare(serviceOf(equipment, step.service), signal),
    start(step, { signal }) {
      const service = serviceOf(equipment, step.service);
      return step.runtime === 'container'
        ? containers.start(service, step.index, signal)
        : processes.start(service, step.index);
    },
    async awaitReady(step, { signal }) {
      await replicas
        .runtime(step.runtime)
        .awaitReady(serviceOf(equipment, step.service), step.index, timeoutMs, signal);
      // what waits for it may be a container
      if (step.runtime === 'process') await containers.relay();
    },
    startEdge: (step, { signal }) => equipment.startEdge(step.edge, signal),
    route: (_, { signal }) => equipment.route(signal),
    async firstRequest(step, { signal }) {
      const routes = equipment.routes().filter((route) => route.service === step.service);
      const answered = (until: AbortSignal): Promise<unknown> =>
        Promise.all(routes.map((route) => equipment.edge().firstRequest(route, timeoutMs, until)));
      // routes that somebody has written are meant
      const { caddyfile, compose } = equipment.project;
      if (caddyfile.path !== undefined || !compose || routes.length === 0) return void (await answered(signal));
      const done = new AbortController();
      const both = AbortSignal.any([signal, done.signal]);
      const port = namedPorts(caddyfile.text, step.service)[0];
      const endpoint = (): Endpoint | undefined => endpointOf(equipment, step.service, port);
      try {
        const found = await Promise.race([
          answered(both).then(() => 'http' as const),
          speaksOtherwise(endpoint, both).then(() => 'other' as const),
        ]);
        if (found === 'other') equipment.onOther(step.service);
      } finally {
        done.abort();
      }
    },
    async drain(step, { signal }) {
      const replica = replicas
        .runtime(step.runtime)
        .replicas()
        .find((one) => one.service === step.service && one.index === step.index);
      if (!replica) return;
      const addresses = equipment.endpointsOf(replica).map(({ address }) => address);
      await Promise.all(addresses.map((address) => equipment.edge().drain(address, replica.graceMs, signal)));
    },
    stop: (step) => replicas.runtime(step.runtime).stop(step.service, step.index),
  };
}

function endpointOf({ replicas }: Equipment, service: string, port?: number): Endpoint | undefined {
  const found = replicas.all().find((one) => one.service === service && one.state.at === 'ready')?.endpoints ?? [];
  return found.find((one) => one.containerPort === port) ?? (found.length === 1 ? found[0] : undefined);
}

function serviceOf(equipment: Equipment, name: string): Service {
  return (
    equipment.project.services.get(name) ?? fail('bug', 'BUG', `the plan names service "${name}", which is not there`)
  );
}
