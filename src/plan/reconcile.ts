import { hashOf } from '../kit/hash.ts';
import type { Service } from '../project/types.ts';
import type {
  Observed,
  ObservedReplica,
  Plan,
  PlanOptions,
  RuntimeKind,
  ServerProgram,
  Step,
  StepKind,
  Steps,
  Wanted,
} from './types.ts';

/** What a process was started with; another hash means that it is stale. Replica counts and routes do not count. */
export function configHash(service: Service): string {
  const { start, server, env, stop, health } = service;
  const command = start?.kind === 'command' ? { argv: start.argv, cwd: start.cwd, path: start.path } : start;
  return hashOf({
    command,
    ...(start || !server ? {} : { server }),
    env,
    stop,
    health,
    needs: [...service.dependsOn.keys()],
  });
}

/** Computes the graph of steps that turns what is observed into what is wanted. Pure. */
export function reconcile(want: Wanted, have: Observed, options: PlanOptions): Plan {
  const graph = new Graph();
  const services = selected(want, options.only);
  const tools = planTools(graph, have);
  const cleared = have.leftovers.map((left) =>
    graph.add('clear', left.replica, 'left by a camp that is no longer there', [], { pids: left.pids }),
  );
  const before = {
    process: [...tools.authority, ...cleared],
    container: planContainers(graph, services, want, have, options),
  };
  const ready = new Map<string, readonly number[]>();
  // services before the edge: they take longer to be ready, and whatever is first in the list is begun first
  for (const service of inOrder(services)) {
    const runtime = runtimeOf(service.name, want);
    if (runtime)
      ready.set(
        service.name,
        planService(graph, service, { want, have, options, runtime, before: before[runtime], ready }),
      );
  }
  const edge =
    have.edge === want.edge
      ? []
      : [
          graph.add(
            'startEdge',
            'edge',
            have.edge ? `it runs as a ${have.edge}` : 'not running',
            [...tools.all, ...cleared],
            { edge: want.edge },
          ),
        ];
  const surplus = planSurplus(want, have, options);
  // what takes over is ready before that which it takes over from is out of the routes
  const successors = surplus.flatMap((one) =>
    one.runtime === runtimeOf(one.service, want) ? [] : (ready.get(one.service) ?? []),
  );
  const route = graph.add(
    'route',
    'edge',
    routeCause(want, have, surplus),
    [...edge, ...(want.edge === 'container' ? before.container : []), ...replacedOf(graph), ...successors],
    {
      edge: true,
    },
  );
  for (const { name } of services)
    if (want.routed.has(name) && isServed(name, want))
      graph.add('firstRequest', name, 'until it is answered through the edge', [...(ready.get(name) ?? []), route], {
        service: name,
      });
  for (const replica of surplus) planRemoval(graph, replica, route, want);
  return { steps: graph.steps };
}

/** What a service's replicas run in; undefined where the edge is all there is of it. */
function runtimeOf(name: string, want: Wanted): RuntimeKind | undefined {
  const kind = want.placements.get(name)?.kind;
  if (kind === 'server') return 'process';
  return kind === 'process' || kind === 'container' ? kind : undefined;
}

/** Whether anything is there to answer: a service that was scaled to nothing is routed, and answers 503. */
function isServed(name: string, want: Wanted): boolean {
  if (!runtimeOf(name, want)) return want.placements.get(name)?.kind === 'static';
  return countOf(name, want) > 0;
}

/** How many replicas a service is to have. */
export function countOf(name: string, want: Pick<Wanted, 'services' | 'placements' | 'replicas'>): number {
  const count = want.replicas.get(name) ?? want.services.get(name)?.replicas ?? 0;
  // two servers cannot share one folder of data
  return want.placements.get(name)?.kind === 'server' ? Math.min(1, count) : count;
}

/** Images and containers come from Compose, all in one go; what is there and only stopped is started again as it is. */
function planContainers(
  graph: Graph,
  services: readonly Service[],
  want: Wanted,
  have: Observed,
  options: PlanOptions,
): readonly number[] {
  const missing: string[] = [];
  const replaced: string[] = [];
  for (const { name } of services.filter((one) => runtimeOf(one.name, want) === 'container')) {
    const existing = have.replicas.filter((one) => one.service === name && one.runtime === 'container');
    const kept = existing.filter((one) => one.index <= countOf(name, want));
    if (kept.some((one) => staleCause(one, want, have, options))) replaced.push(name);
    else if (kept.length < countOf(name, want)) missing.push(name);
  }
  const edge = want.edge === 'container' && have.edge !== 'container';
  const all = [...missing, ...replaced];
  if (all.length === 0 && !edge) return [];
  const unbuilt = all.filter((name) => have.builds.has(name));
  const build =
    unbuilt.length > 0 ? [graph.add('build', 'images', buildCause(unbuilt, have), [], { services: unbuilt })] : [];
  const causes = [
    [[...missing, ...(edge ? ['edge'] : [])], 'not there'],
    [replaced, 'not as wanted'],
  ] as const;
  const cause = causes.flatMap(([names, what]) => (names.length > 0 ? [`${names.join(', ')} ${what}`] : [])).join('; ');
  return [graph.add('create', 'containers', cause, build, { services: all, replaced, edge })];
}

function buildCause(unbuilt: readonly string[], have: Observed): string {
  return unbuilt.map((name) => `${name}: ${have.builds.get(name)}`).join('; ');
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

interface ServiceAround {
  readonly want: Wanted;
  readonly have: Observed;
  readonly options: PlanOptions;
  readonly runtime: RuntimeKind;
  /** Steps that must have been carried out before anything of this runtime can start. */
  readonly before: readonly number[];
  readonly ready: ReadonlyMap<string, readonly number[]>;
}

function planService(graph: Graph, service: Service, around: ServiceAround): readonly number[] {
  const { want, have, options, runtime, before, ready } = around;
  const isServer = want.placements.get(service.name)?.kind === 'server';
  const needs = [...service.dependsOn].flatMap(([name, condition]) =>
    condition === 'service_started' ? startsOf(graph, name) : (ready.get(name) ?? []),
  );
  const after = [...before, ...needs];
  const install = runtime === 'process' && service.start?.kind === 'command' ? service.start.install : undefined;
  let isInstallPlanned = false;
  const waits: number[] = [];
  for (let index = 1; index <= countOf(service.name, want); index++) {
    const running = have.replicas.find(
      (one) => one.service === service.name && one.index === index && one.runtime === runtime,
    );
    const cause = startCause(running, want, have, options);
    if (!cause) continue;
    if (install && !isInstallPlanned) {
      after.push(graph.add('install', service.name, install.why, before, { service: service.name }));
      isInstallPlanned = true;
    }
    const subject = `${service.name}:${index}`;
    const carried = { service: service.name, index, runtime };
    // Compose stops the container that it replaces, and keeps its anonymous volumes
    const isStopped = running?.isRunning && runtime === 'process';
    const first = isStopped ? [graph.add('stop', subject, cause, after, carried)] : [];
    const data = isServer ? planServer(graph, service.name, have, [...after, ...first], carried) : [];
    const start = graph.add('start', subject, cause, [...after, ...first, ...data], carried);
    waits.push(graph.add('awaitReady', subject, `started by #${start}`, [start], carried));
  }
  return waits;
}

/** A server needs its program, and its data folder before it starts. Services of one server share one provision step. */
function planServer(
  graph: Graph,
  name: string,
  have: Observed,
  after: readonly number[],
  carried: Steps['prepare'],
): readonly number[] {
  const missing = have.missingServers?.get(name);
  const provision = missing && provisionOf(graph, missing);
  const cause = have.data?.get(name) ?? 'it has no data yet';
  return [graph.add('prepare', carried.service, cause, [...after, ...(provision ?? [])], carried)];
}

function provisionOf(graph: Graph, { tool, major }: ServerProgram): readonly number[] {
  const subject = `tool:${tool}${major === undefined ? '' : `-${major}`}`;
  const planned = graph.steps.find((step) => step.kind === 'provision' && step.subject === subject);
  if (planned) return [planned.id];
  const carried = major === undefined ? { tool } : { tool, major };
  return [graph.add('provision', subject, 'neither on this machine nor in the tool cache', [], carried)];
}

function startCause(
  running: ObservedReplica | undefined,
  want: Wanted,
  have: Observed,
  options: PlanOptions,
): string | undefined {
  if (!running) return 'no replica running';
  const stale = staleCause(running, want, have, options);
  if (running.isRunning || running.hasCompleted) return stale;
  return stale ?? 'it has ended';
}

/** Why a replica that is there must go: undefined where it is what is wanted. */
function staleCause(
  { service, configHash, runtime }: ObservedReplica,
  want: Wanted,
  have: Observed,
  options: PlanOptions,
): string | undefined {
  if (configHash !== want.hashes.get(service)) return 'its configuration changed';
  if (runtime === 'container' && have.builds.has(service)) return 'its image is built anew';
  return options.recreate === 'always' ? 'asked to restart' : undefined;
}

function startsOf(graph: Graph, name: string): readonly number[] {
  return graph.steps.filter((step) => step.kind === 'start' && step.service === name).map((step) => step.id);
}

/** Replicas that are there although nobody wants them: of a service that is gone or elsewhere, or above the wanted count. */
function planSurplus(want: Wanted, have: Observed, options: PlanOptions): readonly ObservedReplica[] {
  if (options.only) return [];
  return have.replicas.filter(
    (replica) => replica.runtime !== runtimeOf(replica.service, want) || replica.index > countOf(replica.service, want),
  );
}

function planRemoval(graph: Graph, replica: ObservedReplica, route: number, want: Wanted): void {
  const { service, index, runtime } = replica;
  const subject = `${service}:${index}`;
  const cause = removalCause(replica, want);
  const carried = { service, index, runtime };
  const drain = graph.add('drain', subject, cause, [route], carried);
  graph.add('stop', subject, cause, [drain], carried);
}

function removalCause({ service, runtime }: ObservedReplica, want: Wanted): string {
  if (!want.services.has(service)) return 'no longer in compose.yaml';
  const placed = want.placements.get(service)?.kind;
  if (placed === runtime || (placed === 'server' && runtime === 'process')) return 'more replicas than wanted';
  return `it is placed as ${placed} now`;
}

function routeCause(want: Wanted, have: Observed, surplus: readonly ObservedReplica[]): string {
  if (have.edge !== want.edge) return 'nothing is served yet';
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
