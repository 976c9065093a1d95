import { hashOf } from '../kit/hash.ts';
import type { Service } from '../project/types.ts';
import type { Observed, ObservedReplica, Plan, PlanOptions, Step, StepKind, Steps, Wanted } from './types.ts';

/** What a replica was started with; another hash means that it is stale. Replica counts and routes do not count. */
export function configHash(service: Service): string {
  const { start, env, stop, health } = service;
  const command = start?.kind === 'command' ? { argv: start.argv, cwd: start.cwd, path: start.path } : start;
  return hashOf({ command, env, stop, health, needs: [...service.dependsOn.keys()] });
}

/** Computes the graph of steps that turns what is observed into what is wanted. Pure. */
export function reconcile(want: Wanted, have: Observed, options: PlanOptions): Plan {
  const graph = new Graph();
  const services = selected(want, options.only);
  const tools = planTools(graph, have);
  const cleared = have.leftovers.map((left) =>
    graph.add('clear', left.replica, 'left by a camp that is no longer there', [], { pids: left.pids }),
  );
  const ready = new Map<string, readonly number[]>();
  // services before the edge: they take longer to be ready, and whatever is first in the list is begun first
  for (const service of inOrder(services))
    if (want.placements.get(service.name)?.kind === 'process')
      ready.set(
        service.name,
        planService(graph, service, want, have, options, [...tools.authority, ...cleared], ready),
      );
  const edge = have.isEdgeRunning
    ? []
    : [graph.add('startEdge', 'edge', 'not running', [...tools.all, ...cleared], { edge: true })];
  const surplus = planSurplus(want, have, options);
  const route = graph.add('route', 'edge', routeCause(have, surplus), [...edge, ...replacedOf(graph)], { edge: true });
  for (const { name } of services)
    if (want.routed.has(name) && isServed(name, want))
      graph.add('firstRequest', name, 'until it is answered through the edge', [...(ready.get(name) ?? []), route], {
        service: name,
      });
  for (const replica of surplus) planRemoval(graph, replica, route, want);
  return { steps: graph.steps };
}

/** Whether anything is there to answer: a service that was scaled to nothing is routed, and answers 503. */
function isServed(name: string, want: Wanted): boolean {
  const placement = want.placements.get(name)?.kind;
  if (placement !== 'process') return placement !== 'edge';
  return (want.replicas.get(name) ?? want.services.get(name)?.replicas ?? 0) > 0;
}

/**
 * Replicas that are stopped to be started anew: Caddy gives up the requests that wait for them when it gets another
 * configuration (reverse_proxy's retries end with the configuration that they began under), so that comes after them.
 */
function replacedOf(graph: Graph): readonly number[] {
  const stopped = new Set(graph.steps.filter((step) => step.kind === 'stop').map((step) => step.subject));
  return graph.steps.filter((step) => step.kind === 'awaitReady' && stopped.has(step.subject)).map((step) => step.id);
}

class Graph {
  readonly steps: Step[] = [];

  add<K extends StepKind>(
    kind: K,
    subject: string,
    cause: string,
    after: readonly number[],
    carried: Steps[K],
  ): number {
    const id = this.steps.length + 1;
    this.steps.push({
      id,
      kind,
      subject,
      cause,
      after: [...new Set(after)].sort((a, b) => a - b),
      ...carried,
    } as unknown as Step);
    return id;
  }
}

/** Services wait for the CA alone, whose root is in their environment from the start; the edge needs Caddy too. */
function planTools(
  graph: Graph,
  have: Observed,
): { readonly all: readonly number[]; readonly authority: readonly number[] } {
  const caddy = have.hasCaddy
    ? []
    : [graph.add('provision', 'tool:caddy', 'neither on PATH nor in the tool cache', [], { tool: 'caddy' })];
  const authority = have.hasAuthority
    ? []
    : [graph.add('provision', 'ca', 'this user has no local CA yet', caddy, { tool: 'ca' })];
  return { all: [...caddy, ...authority], authority };
}

function planService(
  graph: Graph,
  service: Service,
  want: Wanted,
  have: Observed,
  options: PlanOptions,
  before: readonly number[],
  ready: ReadonlyMap<string, readonly number[]>,
): readonly number[] {
  const hash = configHash(service);
  const needs = [...service.dependsOn].flatMap(([name, condition]) =>
    condition === 'service_started' ? startsOf(graph, name) : (ready.get(name) ?? []),
  );
  const after = [...before, ...needs];
  const install = service.start?.kind === 'command' ? service.start.install : undefined;
  let isInstallPlanned = false;
  const waits: number[] = [];
  for (let index = 1; index <= (want.replicas.get(service.name) ?? service.replicas); index++) {
    const running = have.replicas.find((one) => one.service === service.name && one.index === index);
    const cause = startCause(running, hash, options);
    if (!cause) continue;
    if (install && !isInstallPlanned) {
      after.push(graph.add('install', service.name, install.why, before, { service: service.name }));
      isInstallPlanned = true;
    }
    const subject = `${service.name}:${index}`;
    const carried = { service: service.name, index };
    const first = running?.isRunning ? [graph.add('stop', subject, cause, after, carried)] : [];
    const start = graph.add('start', subject, cause, [...after, ...first], carried);
    waits.push(graph.add('awaitReady', subject, `started by #${start}`, [start], carried));
  }
  return waits;
}

function startCause(running: ObservedReplica | undefined, hash: string, options: PlanOptions): string | undefined {
  if (!running) return 'no replica running';
  if (!running.isRunning) return 'it has ended';
  if (running.configHash !== hash) return 'its configuration changed';
  return options.recreate === 'always' ? 'asked to restart' : undefined;
}

function startsOf(graph: Graph, name: string): readonly number[] {
  return graph.steps.filter((step) => step.kind === 'start' && step.service === name).map((step) => step.id);
}

/** Replicas that run although nobody wants them: of a service that is gone, or above the wanted count. */
function planSurplus(want: Wanted, have: Observed, options: PlanOptions): readonly ObservedReplica[] {
  if (options.only) return [];
  return have.replicas.filter((replica) => {
    const service = want.services.get(replica.service);
    const isProcess = want.placements.get(replica.service)?.kind === 'process';
    return !service || !isProcess || replica.index > (want.replicas.get(replica.service) ?? service.replicas);
  });
}

function planRemoval(graph: Graph, replica: ObservedReplica, route: number, want: Wanted): void {
  const subject = `${replica.service}:${replica.index}`;
  const cause = want.services.has(replica.service) ? 'more replicas than wanted' : 'no longer in compose.yaml';
  const carried = { service: replica.service, index: replica.index };
  const drain = graph.add('drain', subject, cause, [route], carried);
  graph.add('stop', subject, cause, [drain], carried);
}

function routeCause(have: Observed, surplus: readonly ObservedReplica[]): string {
  if (!have.isEdgeRunning) return 'nothing is served yet';
  return surplus.length > 0
    ? `without ${surplus.map((one) => `${one.service}:${one.index}`).join(', ')}`
    : 'the endpoints as they are';
}

function selected(want: Wanted, only: readonly string[] | undefined): readonly Service[] {
  if (!only) return [...want.services.values()];
  const names = new Set<string>();
  const take = (name: string): void => {
    const service = want.services.get(name);
    if (!service || names.has(name)) return;
    names.add(name);
    for (const needed of service.dependsOn.keys()) take(needed);
  };
  only.forEach(take);
  return [...want.services.values()].filter((service) => names.has(service.name));
}

/** Dependencies first; the project has no cycle, `loadProject` has seen to that. */
function inOrder(services: readonly Service[]): readonly Service[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const ordered = new Set<Service>();
  const visit = (service: Service): void => {
    if (ordered.has(service)) return;
    for (const name of service.dependsOn.keys()) {
      const needed = byName.get(name);
      if (needed) visit(needed);
    }
    ordered.add(service);
  };
  services.forEach(visit);
  return [...ordered];
}
