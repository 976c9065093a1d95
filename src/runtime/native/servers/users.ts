import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fail } from '../../../kit/failure.ts';
import { commandOf, isAlive, type ProcessInfo, processInfo, signalProcess } from '../../../kit/process.ts';
import type { Site } from './types.ts';

/**
 * Nobody but the server that is about to start may use its data. PostgreSQL's own children outlive a postmaster that was
 * killed for a moment, in sessions of their own and without their environment: they are known by the folder that they
 * work in, and ended. Whoever else uses the data is a stranger: DATA_IN_USE (machine). Linux only; elsewhere the
 * server's own lock has to do.
 */
export async function freeOfUsers(site: Site): Promise<void> {
  // those of a postmaster that is gone see it, and go too; one that was just forked, or just ends, says nothing of what it is
  const deadline = performance.now() + 1000;
  let users = usersOf(site);
  while (users.length > 0 && performance.now() < deadline) {
    await delay(10);
    users = usersOf(site);
  }
  const stranger = users.find(isLeader);
  if (stranger)
    fail('machine', 'DATA_IN_USE', `another process uses the data of service "${site.service.name}"`, {
      hints: [
        `kill ${stranger.pid}, if it is yours`,
        `or give the project data of its own: mv ${site.folder} ${site.folder}.old`,
      ],
      evidence: [`pid ${stranger.pid}: ${commandOf(stranger.pid).slice(0, 200)}`, `data: ${site.folder}`],
    });
  for (const one of users) signalProcess(one, 'SIGKILL');
  while (users.some(isAlive) && performance.now() < deadline + 5000) await delay(5);
}

/** A server itself was started with its whole command; its children say what they do instead. */
function isLeader({ pid }: ProcessInfo): boolean {
  const command = commandOf(pid);
  return command !== '' && !/^\S+: /.test(command);
}

/** Processes of the server's program whose working directory is its data. */
function usersOf({ folder, program }: Site): readonly ProcessInfo[] {
  if (process.platform !== 'linux') return [];
  const real = realpathSync(folder);
  const name = basename(realpathSync(program.path));
  const found: ProcessInfo[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) !== real) continue;
      if (basename(readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '') !== name) continue;
    } catch {
      continue; // another user's, or it has just ended
    }
    const info = processInfo(pid);
    if (info && info.state !== 'Z') found.push(info);
  }
  return found;
}
