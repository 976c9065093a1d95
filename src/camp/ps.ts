import { readHolder } from '../kit/lock.ts';
import { lookAtMemory, memoryByOwner } from '../kit/memory.ts';
import type { ProjectStatus, PsReport } from '../report/types.ts';
import { ask } from './client.ts';
import { edgeKey } from './container-memory.ts';
import { stateFolders } from './folders.ts';
import { type LookRequest, status } from './look.ts';

const campKey = ':camp';

/** What runs of the project, and the memory that it uses. */
export async function ps(request: LookRequest): Promise<PsReport> {
  const now = await status(request);
  const folders = stateFolders(request.dir, request.instance);
  const contained =
    now.running && now.services.some((one) => one.placement === 'container')
      ? ((await ask(folders, 'memory', {}, () => undefined)) as readonly (readonly [string, number])[] | undefined)
      : undefined;
  const camp = now.running ? readHolder(folders.lock)?.pid : undefined;
  const bytes = new Map([...processMemory(now, camp), ...(contained ?? [])]);
  const services = now.services.map((one) => ({ ...one, memoryBytes: bytes.get(one.name) ?? null }));
  return { ...now, services, memory: now.running ? totals(services, bytes) : null };
}

/** Where a container's first process is here, the engine still knows better what all of it uses. */
function processMemory({ services, edge }: ProjectStatus, camp: number | undefined): ReadonlyMap<string, number> {
  const own = services.filter((one) => one.placement !== 'container');
  const roots = new Map(own.flatMap(({ name, pids }) => pids.map((pid) => [pid, name] as const)));
  if (edge?.pid) roots.set(edge.pid, edgeKey);
  if (camp !== undefined) roots.set(camp, campKey);
  return roots.size > 0 ? memoryByOwner(roots, lookAtMemory()) : new Map();
}

function totals(services: PsReport['services'], bytes: ReadonlyMap<string, number>): NonNullable<PsReport['memory']> {
  const ofServices = services.reduce((sum, one) => sum + (one.memoryBytes ?? 0), 0);
  const edge = bytes.get(edgeKey) ?? null;
  const camp = bytes.get(campKey) ?? null;
  return { services: ofServices, edge, camp, totalBytes: ofServices + (edge ?? 0) + (camp ?? 0) };
}
