import { setTimeout as delay } from 'node:timers/promises';
import { type Child, groupExists, settlesWithin } from '../../kit/child.ts';
import type { Ms } from '../../kit/events.ts';
import { isAlive, markedProcesses, signalProcess } from '../../kit/process.ts';
import { membersOf } from './listening.ts';

export interface Ending {
  /** It did not end within its grace period and was killed. */
  readonly wasKilled: boolean;
}

/**
 * Ends a process and everything it started: the signal to its group, its grace period, KILL to the group,
 * then whatever has left the group (double fork, a session of its own) but still carries the marker.
 */
export async function endTree(
  child: Child,
  stop: { readonly signal: NodeJS.Signals; readonly graceMs: Ms },
  marks: { readonly projectId: string; readonly replica: string },
  force: AbortSignal,
): Promise<Ending> {
  const began = performance.now();
  child.signal(stop.signal);
  const forced = new Promise<void>((resolve) => {
    if (force.aborted) resolve();
    force.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([settlesWithin(child.exited, stop.graceMs), forced]);
  const left = (): Ms => (force.aborted ? 0 : Math.max(0, stop.graceMs - (performance.now() - began)));
  let wasKilled = false;
  if (!(await groupIsGone(child.pid, Math.min(left(), 1500)))) {
    wasKilled = true;
    child.signal('SIGKILL');
  }
  await settlesWithin(child.exited, 2000);
  await endStrays(marks.projectId, marks.replica);
  return { wasKilled };
}

/** The leader has ended by itself: what it started must not keep its port. */
export async function endRemains(
  child: Child,
  marks: { readonly projectId: string; readonly replica: string },
): Promise<void> {
  if (groupExists(child.pid)) {
    child.signal('SIGTERM');
    if (!(await groupIsGone(child.pid, 300))) child.signal('SIGKILL');
  }
  await endStrays(marks.projectId, marks.replica);
}

/** Waits until nothing of a group lives; false when something still does after `ms`. */
async function groupIsGone(pgid: number, ms: Ms): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (;;) {
    if (!groupExists(pgid) || membersOf(pgid).length === 0) return true;
    if (performance.now() >= deadline) return false;
    await delay(10);
  }
}

const sweeps = new Map<string, { readonly replicas: Set<string>; readonly done: Promise<void> }>();

/**
 * Kills what a replica has started and what has left its group, found by the marker in its environment; resolves
 * once that is gone. To look at every process of the machine takes milliseconds, so replicas
 * that end together share one look.
 */
function endStrays(projectId: string, replica: string): Promise<void> {
  const sweep = sweeps.get(projectId) ?? { replicas: new Set<string>(), done: delay(2).then(() => sweepUp(projectId)) };
  sweeps.set(projectId, sweep);
  sweep.replicas.add(replica);
  return sweep.done;
}

async function sweepUp(projectId: string): Promise<void> {
  const replicas = sweeps.get(projectId)?.replicas ?? new Set();
  sweeps.delete(projectId);
  const strays = markedProcesses(projectId).filter((one) => replicas.has(one.replica) && signalProcess(one, 'SIGKILL'));
  const deadline = performance.now() + 1000;
  while (strays.some(isAlive) && performance.now() < deadline) await delay(5);
}
