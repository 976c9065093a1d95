import type { Graph } from './graph.ts';
import { countOf, runtimeOf } from './replica-counts.ts';
import type { Observed, ObservedReplica, PlanOptions, Wanted } from './types.ts';

/** Replicas that are there although nobody wants them: of a service that is gone or elsewhere, or above the wanted count. */
export function surplusOf(want: Wanted, have: Observed, options: PlanOptions): readonly ObservedReplica[] {
  if (options.only) return [];
  return have.replicas.filter(
    (replica) => replica.runtime !== runtimeOf(replica.service, want) || replica.index > countOf(replica.service, want),
  );
}

/** Takes a replica out of the routes, and ends it. */
export function planRemoval(graph: Graph, replica: ObservedReplica, route: number, want: Wanted): void {
  const { service, index, runtime } = replica;
  const subject = `${service}:${index}`;
  const cause = removalCause(replica, want);
  const carried = { service, index, runtime };
  const drain = graph.add('drain', subject, cause, [route], carried);
  graph.add('stop', subject, cause, [drain], carried);
}

function removalCause({ service, runtime }: ObservedReplica, want: Wanted): string {
  if (!want.services.has(service)) return 'no longer in compose.yaml';
  if (runtimeOf(service, want) === runtime) return 'more replicas than wanted';
  return `it is placed as ${want.placements.get(service)?.kind} now`;
}
