import type { Ms } from '../kit/events.ts';
import { isEdge, projectLabel, serviceOf } from '../runtime/docker/labels.ts';
import type { Supervisor } from './supervisor.ts';

/** An engine that takes longer keeps nobody waiting who only wants to look. */
const deadlineMs: Ms = 2000;

/** Bytes that the project's containers use, by service; `edge` is the edge's. What the engine does not tell is absent. */
export async function containerMemory(supervisor: Supervisor): Promise<readonly (readonly [string, number])[]> {
  const { containerRuntime: runtime, project } = supervisor;
  if (!runtime || !project) return [];
  const { api } = runtime.engine;
  const containers = await api.listContainers([`${projectLabel}=${project.id}`], { deadlineMs }).catch(() => []);
  const samples = await Promise.all(
    containers.map(async (one) => {
      const stats = await api.stats(one.id, { deadlineMs }).catch(() => undefined);
      return stats ? ([isEdge(one) ? edgeKey : serviceOf(one), stats.memoryBytes] as const) : undefined;
    }),
  );
  const sums = new Map<string, number>();
  for (const sample of samples) if (sample) sums.set(sample[0], (sums.get(sample[0]) ?? 0) + sample[1]);
  return [...sums];
}

/** No service can be called that. */
export const edgeKey = ':edge';
