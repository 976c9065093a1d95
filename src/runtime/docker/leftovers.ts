import { endContainer } from './end.ts';
import type { Api, ContainerDetail, ContainerSummary, Engine } from './engine/types.ts';
import { isEdge, needsOf, projectLabel, serviceOf } from './labels.ts';
import {
  type ComposeVolumes,
  deleteVolumes,
  findForeignVolumes,
  findVolumes,
  recordVolumes,
  type Volume,
} from './volumes.ts';

export interface Leftovers {
  readonly projectId: string;
  /** Where the names of anonymous volumes are remembered. */
  readonly stateDir: string;
  readonly signal: AbortSignal;
}

/** Removes what a camp that is gone has left: containers and networks; returns how many containers. Volumes stay. */
export async function removeLeftovers(engine: Engine, { projectId, stateDir, signal }: Leftovers): Promise<number> {
  return removeContainers(engine.api, projectId, {
    force: signal,
    beforeRemoval: (container) => recordVolumes(stateDir, container),
  });
}

/** The project's volumes, with sizes. */
export function volumesOf(engine: Engine, { projectId, stateDir }: Leftovers): Promise<readonly Volume[]> {
  return findVolumes(engine.api, projectId, stateDir);
}

/** Those that somebody might take for the project's, by name. */
export function foreignVolumes(
  engine: Engine,
  { projectId }: Leftovers,
  compose: ComposeVolumes,
): Promise<readonly string[]> {
  return findForeignVolumes(engine.api, projectId, compose);
}

/** Removes data, after somebody has agreed to just these. */
export function removeVolumes(engine: Engine, { stateDir }: Leftovers, volumes: readonly Volume[]): Promise<void> {
  return deleteVolumes(
    engine.api,
    volumes.map(({ name }) => name),
    stateDir,
  );
}

export interface Removal {
  /** No more grace for anybody. */
  readonly force: AbortSignal;
  /** Told of each container that is about to be removed. */
  beforeRemoval(container: ContainerDetail): void;
  /** Ends one in its own way; absent: within the container's own grace. */
  end?(container: ContainerSummary): Promise<void> | undefined;
}

/**
 * Ends and removes every container of a project, dependents first, then its networks, and returns how many; volumes stay. What is the
 * project's is said by its label alone: no compose file is needed.
 */
export async function removeContainers(api: Api, projectId: string, removal: Removal): Promise<number> {
  const label = `${projectLabel}=${projectId}`;
  const containers = await api.listContainers([label]);
  for (const level of inLevels(containers))
    await everyOne(
      level.map(async (container) => {
        const ended = removal.end?.(container);
        if (ended) return ended;
        await endContainer(api, container.id, undefined, removal.force, removal.beforeRemoval);
      }),
    );
  const networks = await api.listNetworks([label]);
  // a stranger's container may have joined one: then it stays
  await Promise.all(networks.map((one) => api.removeNetwork(one.id).catch(() => undefined)));
  return containers.length;
}

/** Containers that nothing left depends on come first; the edge depends on everything. */
export function inLevels(containers: readonly ContainerSummary[]): readonly (readonly ContainerSummary[])[] {
  const levels: (readonly ContainerSummary[])[] = [];
  const edges = containers.filter(isEdge);
  if (edges.length > 0) levels.push(edges);
  let left = containers.filter((one) => !isEdge(one));
  while (left.length > 0) {
    const needed = new Set(left.flatMap((one) => needsOf(one).filter((name) => name !== serviceOf(one))));
    const free = left.filter((one) => !needed.has(serviceOf(one)));
    // a circle cannot come from Compose; it must not hold us up either
    const level = free.length > 0 ? free : left;
    levels.push(level);
    left = left.filter((one) => !level.includes(one));
  }
  return levels;
}

/** All of them, even when one fails; then its error. */
async function everyOne(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
