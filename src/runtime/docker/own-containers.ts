import type { ComposeProject } from './compose.ts';
import { refusalOf } from './engine/failures.ts';
import type { Api, ContainerSummary } from './engine/types.ts';
import { indicesOf } from './indices.ts';
import { composeLabels, isEdge, isOneOff, numberOf, projectLabel, serviceOf } from './labels.ts';

/** A container of a service, and which replica it is. */
export interface Found {
  readonly container: ContainerSummary;
  readonly index: number;
}

export interface OwnContainers {
  /** Containers of services, one a replica; those under a name of Compose that is no longer ours are not. */
  list(signal?: AbortSignal): Promise<readonly Found[]>;
  find(service: string, index: number): Promise<Found | undefined>;
  /** The one that the edge runs in. */
  edge(): Promise<ContainerSummary | undefined>;
  /** Of services and of the edge, also under another name of Compose. */
  all(signal?: AbortSignal): Promise<readonly ContainerSummary[]>;
  /** Gives each the number in its name that is its index; returns what there is, and the one that the edge runs in. */
  nameByIndex(signal: AbortSignal): Promise<{ readonly found: readonly Found[]; readonly edge?: ContainerSummary }>;
  /** It is gone: its index is free. */
  forget(containerId: string): void;
  forgetAll(): void;
}

/** The containers of one project, and their indices, which stay with them as long as this lives. */
export function ownContainers(api: Api, project: ComposeProject): OwnContainers {
  const indices = new Map<string, number>();

  function all(signal?: AbortSignal): Promise<readonly ContainerSummary[]> {
    return api.listContainers([`${projectLabel}=${project.id}`], signal ? { signal } : {});
  }

  const list = async (signal?: AbortSignal): Promise<readonly Found[]> => foundIn(await all(signal));

  function foundIn(containers: readonly ContainerSummary[]): readonly Found[] {
    const own = containers.filter(
      (one) => one.labels[composeLabels.project] === project.name && !isEdge(one) && !isOneOff(one),
    );
    const found: Found[] = [];
    for (const [, ofOne] of Map.groupBy(own, serviceOf)) {
      const numbered = ofOne.map((one) => ({ id: one.id, number: numberOf(one) }));
      const given = indicesOf(numbered, indices);
      for (const container of ofOne) {
        const index = given.get(container.id) ?? 0;
        indices.set(container.id, index);
        found.push({ container, index });
      }
    }
    return found;
  }

  /** An edge in a container reaches replicas by name: after a gap in Compose's numbers the name would be another's. */
  const nameByIndex: OwnContainers['nameByIndex'] = async (signal) => {
    const containers = await all(signal);
    const found = foundIn(containers);
    await Promise.all(
      found.map(async ({ container, index }) => {
        const stem = `${project.name}-${serviceOf(container)}-`;
        const isNumbered = container.name.startsWith(stem) && /^\d+$/.test(container.name.slice(stem.length));
        if (!isNumbered || container.name === `${stem}${index}`) return;
        await api.renameContainer(container.id, `${stem}${index}`).catch((error: unknown) => {
          // another has that name at the moment: it is only a name
          if (!refusalOf(error)) throw error;
        });
      }),
    );
    const edge = containers.find(isEdge);
    return edge ? { found, edge } : { found };
  };

  return {
    list,
    find: async (service, index) =>
      (await list()).find((one) => serviceOf(one.container) === service && one.index === index),
    edge: async () => (await all()).find(isEdge),
    all,
    nameByIndex,
    forget: (containerId) => void indices.delete(containerId),
    forgetAll: () => indices.clear(),
  };
}
