import type { Ms } from '../../kit/events.ts';
import type { Api, ContainerDetail } from './engine/types.ts';

export interface Ended {
  /** It did not end within its grace and was killed. */
  readonly wasKilled: boolean;
  readonly code: number | null;
}

/** Docker's own, where neither the image nor the compose file says one. */
const defaultGraceMs: Ms = 10_000;

/**
 * Ends a container within its grace and removes it; its volumes stay. Also resolves when it is gone already.
 * `graceMs` undefined: what the container itself says. `force`: no more grace.
 */
export async function endContainer(
  api: Api,
  id: string,
  graceMs: Ms | undefined,
  force: AbortSignal,
  beforeRemoval: (container: ContainerDetail) => void,
): Promise<Ended> {
  const seen = await api.inspectContainer(id);
  if (!seen) return { wasKilled: false, code: null };
  const grace = graceMs ?? (seen.stopTimeoutSec === undefined ? defaultGraceMs : seen.stopTimeoutSec * 1000);
  const began = performance.now();
  const isUp = seen.status === 'running' || seen.status === 'restarting' || seen.status === 'paused';
  if (isUp) {
    // a process that is frozen hears no signal
    if (seen.status === 'paused' && !force.aborted) await api.unpauseContainer(id);
    await stopOrKill(api, id, grace, force);
  }
  const after = isUp ? await api.inspectContainer(id) : seen;
  const wasKilled =
    isUp && !force.aborted && after?.exitCode === 137 && performance.now() - began >= grace && grace > 0;
  beforeRemoval(after ?? seen);
  await api.removeContainer(id, { force: true });
  return { wasKilled, code: after?.exitCode ?? null };
}

async function stopOrKill(api: Api, id: string, graceMs: Ms, force: AbortSignal): Promise<void> {
  if (force.aborted) return api.killContainer(id);
  const kill = (): void => void api.killContainer(id).catch(() => undefined);
  force.addEventListener('abort', kill, { once: true });
  try {
    await api.stopContainer(id, { graceMs });
  } finally {
    force.removeEventListener('abort', kill);
  }
}
