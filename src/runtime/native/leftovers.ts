import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type MarkedProcess, markedProcesses, type ProcessId, signalProcess } from '../../kit/process.ts';
import type { Observed } from '../../plan/types.ts';

/**
 * Processes of a project whose supervisor is another one than `supervisor`, or none: left by a camp that is no longer
 * there. Without one: all that there are.
 */
export function leftoversOf(projectId: string, supervisor?: string): Observed['leftovers'] {
  const byReplica = new Map<string, number[]>();
  for (const one of markedProcesses(projectId)) {
    if (one.supervisor === supervisor) continue;
    byReplica.set(one.replica, [...(byReplica.get(one.replica) ?? []), one.pid]);
  }
  return [...byReplica].map(([replica, pids]) => ({ replica, pids }));
}

/**
 * Ends leftovers: TERM, two seconds of grace, KILL. Only what still carries the project's marker is touched. A supervisor
 * of theirs that still lives has lost its state (its lock is ours now): it is killed first, because it would start them
 * again, and because in its last moments it would remove what is ours by now.
 */
export async function clearLeftovers(projectId: string, pids: readonly number[]): Promise<void> {
  const left = (): readonly MarkedProcess[] => markedProcesses(projectId).filter((one) => pids.includes(one.pid));
  for (const one of supervisorsOf(left())) signalProcess(one, 'SIGKILL');
  for (const one of left()) signalProcess(one, 'SIGTERM');
  const deadline = performance.now() + 2000;
  while (left().length > 0 && performance.now() < deadline) await delay(20);
  for (const one of left()) signalProcess(one, 'SIGKILL');
}

/** Supervisors other than this process that still live, although they do not answer any more: what they started names them. */
export function supervisorsOf(found: readonly MarkedProcess[]): readonly ProcessId[] {
  const ids = new Map<string, ProcessId>();
  for (const { supervisor } of found) {
    const [pid, startTime] = supervisor.split(':');
    const id = { pid: Number(pid), startTime: startTime ?? '' };
    if (id.pid !== process.pid && id.pid > 1 && isAlive(id)) ids.set(supervisor, id);
  }
  return [...ids.values()];
}
