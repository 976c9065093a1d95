import type { Edge, Route } from '../edge/types.ts';
import type { Ms } from '../kit/events.ts';
import { fail } from '../kit/failure.ts';
import type { Handlers, RuntimeKind } from '../plan/types.ts';
import type { Project, Service } from '../project/types.ts';
import { clearLeftovers, type NativeRuntime } from '../runtime/native/runtime.ts';
import type { Runtime } from '../runtime/types.ts';
import type { ContainerHost } from './containers.ts';

/** What the steps of a plan are carried out with. */
export interface Equipment {
  readonly project: Project;
  readonly processes: NativeRuntime;
  readonly containers: ContainerHost;
  readonly timeoutMs: Ms;
  edge(): Edge;
  startEdge(kind: RuntimeKind, signal: AbortSignal): Promise<void>;
  route(signal: AbortSignal): Promise<void>;
  routes(): readonly Route[];
  provision(tool: 'caddy' | 'ca', signal: AbortSignal): Promise<void>;
}

/** How each kind of step is carried out: a table, no decisions. */
export function handlersFor(equipment: Equipment): Handlers {
  // of each service, from its own start on: what is built or installed before may take its time
  const { processes, timeoutMs } = equipment;
  const runtime = (kind: RuntimeKind): Runtime => (kind === 'process' ? processes : equipment.containers.runtime());
  return {
    provision: (step, { signal }) => equipment.provision(step.tool, signal),
    clear: (step) => clearLeftovers(equipment.project.id, step.pids),
    install: (step, { signal }) => processes.install(serviceOf(equipment, step.service), signal),
    build: (step, { signal }) => equipment.containers.build(step, signal),
    create: (step, { signal }) => equipment.containers.create(step, signal),
    start: (step) => runtime(step.runtime).start(serviceOf(equipment, step.service), step.index),
    async awaitReady(step, { signal }) {
      await runtime(step.runtime).awaitReady(serviceOf(equipment, step.service), step.index, timeoutMs, signal);
      // what waits for it may be a container
      if (step.runtime === 'process') await equipment.containers.relay();
    },
    startEdge: (step, { signal }) => equipment.startEdge(step.edge, signal),
    route: (_, { signal }) => equipment.route(signal),
    async firstRequest(step, { signal }) {
      const routes = equipment.routes().filter((route) => route.service === step.service);
      await Promise.all(routes.map((route) => equipment.edge().firstRequest(route, timeoutMs, signal)));
    },
    async drain(step, { signal }) {
      const replica = runtime(step.runtime)
        .replicas()
        .find((one) => one.service === step.service && one.index === step.index);
      for (const { address } of replica?.endpoints ?? [])
        await equipment.edge().drain(address, replica?.graceMs ?? 0, signal);
    },
    stop: (step) => runtime(step.runtime).stop(step.service, step.index),
  };
}

function serviceOf(equipment: Equipment, name: string): Service {
  return (
    equipment.project.services.get(name) ?? fail('bug', 'BUG', `the plan names service "${name}", which is not there`)
  );
}
