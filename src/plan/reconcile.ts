import { Graph } from './graph.ts';
import { inOrder, selected } from './order.ts';
import { planContainers } from './plan-containers.ts';
import { planService } from './plan-service.ts';
import { isServed, runtimeOf } from './replica-counts.ts';
import { planRemoval, surplusOf } from './surplus.ts';
import type { Observed, ObservedReplica, Plan, PlanOptions, Wanted } from './types.ts';

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
  const surplus = surplusOf(want, have, options);
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

/**
 * Replicas that are stopped to be started anew: Caddy gives up the requests that wait for them when it gets another
 * configuration (reverse_proxy's retries end with the configuration that they began under), so that comes after them.
 */
function replacedOf(graph: Graph): readonly number[] {
  const stopped = new Set(graph.steps.filter((step) => step.kind === 'stop').map((step) => step.subject));
  return graph.steps.filter((step) => step.kind === 'awaitReady' && stopped.has(step.subject)).map((step) => step.id);
}

function routeCause(want: Wanted, have: Observed, surplus: readonly ObservedReplica[]): string {
  if (have.edge !== want.edge) return 'nothing is served yet';
  return surplus.length > 0
    ? `without ${surplus.map((one) => `${one.service}:${one.index}`).join(', ')}`
    : 'the endpoints as they are';
}
