import type { RuntimeKind, Wanted } from './types.ts';

/** What a service's replicas run in; undefined where the edge is all there is of it. */
export function runtimeOf(name: string, want: Wanted): RuntimeKind | undefined {
  const kind = want.placements.get(name)?.kind;
  if (kind === 'server') return 'process';
  return kind === 'process' || kind === 'container' ? kind : undefined;
}

/** How many replicas a service is to have. */
export function countOf(name: string, want: Pick<Wanted, 'services' | 'placements' | 'replicas'>): number {
  const count = want.replicas.get(name) ?? want.services.get(name)?.replicas ?? 0;
  // two servers cannot share one folder of data
  return want.placements.get(name)?.kind === 'server' ? Math.min(1, count) : count;
}

/** Whether anything is there to answer: a service that was scaled to nothing is routed, and answers 503. */
export function isServed(name: string, want: Wanted): boolean {
  if (!runtimeOf(name, want)) return want.placements.get(name)?.kind === 'static';
  return countOf(name, want) > 0;
}
