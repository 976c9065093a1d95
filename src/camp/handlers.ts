import type { Edge, Route } from '../edge/types.ts';
import type { Ms } from '../kit/events.ts';
import { fail } from '../kit/failure.ts';
import type { Handlers } from '../plan/types.ts';
import type { Project, Service } from '../project/types.ts';
import { clearLeftovers, type NativeRuntime } from '../runtime/native/runtime.ts';

/** What the steps of a plan are carried out with. */
export interface Equipment {
  readonly project: Project;
  readonly runtime: NativeRuntime;
  readonly routed: ReadonlySet<string>;
  readonly timeoutMs: Ms;
  edge(): Edge;
  startEdge(signal: AbortSignal): Promise<void>;
  route(signal: AbortSignal): Promise<void>;
  routes(): readonly Route[];
  provision(tool: 'caddy' | 'ca', signal: AbortSignal): Promise<void>;
}

/** How each kind of step is carried out: a table, no decisions. */
export function handlersFor(equipment: Equipment): Handlers {
  const { runtime } = equipment;
  const deadline = performance.now() + equipment.timeoutMs;
  const left = (): Ms => Math.max(100, deadline - performance.now());
  return {
    provision: (step, { signal }) => equipment.provision(step.tool, signal),
    clear: (step) => clearLeftovers(equipment.project.id, step.pids),
    install: (step, { signal }) => runtime.install(serviceOf(equipment, step.service), signal),
    start: (step) => runtime.start(serviceOf(equipment, step.service), step.index, equipment.routed.has(step.service)),
    awaitReady: (step, { signal }) => runtime.awaitReady(step.service, step.index, left(), signal),
    startEdge: (_, { signal }) => equipment.startEdge(signal),
    route: (_, { signal }) => equipment.route(signal),
    async firstRequest(step, { signal }) {
      const routes = equipment.routes().filter((route) => route.service === step.service);
      await Promise.all(routes.map((route) => equipment.edge().firstRequest(route, left(), signal)));
    },
    async drain(step, { signal }) {
      const replica = runtime
        .replicas()
        .find((one) => one.spec.service === step.service && one.spec.index === step.index);
      if (replica?.endpoint) await equipment.edge().drain(replica.endpoint.address, replica.spec.stop.graceMs, signal);
    },
    stop: (step) => runtime.stop(step.service, step.index),
  };
}

function serviceOf(equipment: Equipment, name: string): Service {
  return (
    equipment.project.services.get(name) ?? fail('bug', 'BUG', `the plan names service "${name}", which is not there`)
  );
}

/** Services that an upstream of the Caddyfile may name: those that something is to reach. */
export function routedServices(project: Project): ReadonlySet<string> {
  const words = new Set(project.caddyfile.text.split(/[\s/@,{}]+/).map((word) => word.replace(/:\d+$/, '')));
  return new Set([...project.services.keys()].filter((name) => words.has(name)));
}
