import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { guardName, markedProcesses, processInfo, projectMarker, replicaMarker } from '../../src/kit/process.ts';
import { Guard } from '../../src/runtime/native/guard.ts';

/** Elsewhere the guard cannot tell a zombie: it reads /proc. */
const onLinux = it.runIf(process.platform === 'linux');
const started: ChildProcess[] = [];
const project = `guard-${process.pid}`;

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** A parent that never reaps, like the first process of many a container, and the leader of a group that `script` started. */
async function orphaned(script: string): Promise<number> {
  const parent = spawn('sh', ['-c', `setsid sh -c '${script}' & echo $!; exec sleep 60`], {
    env: { ...process.env, [projectMarker]: project },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  started.push(parent);
  const [line] = await once(parent.stdout, 'data');
  return Number(String(line));
}

const stateOf = (pid: number): string => processInfo(pid)?.state ?? 'gone';
const guards = () => markedProcesses(project).filter((one) => one.replica === guardName);

async function guardOf(pgid: number, graceMs: number): Promise<Guard> {
  const guard = new Guard({ PATH: process.env['PATH'] ?? '', [projectMarker]: project, [replicaMarker]: guardName });
  guard.add(pgid, processInfo(pgid)?.startTime ?? '', { graceMs });
  await expect.poll(() => guards().length).toBe(1);
  return guard;
}

onLinux('a group of which only a zombie is left is not waited for', async () => {
  const leader = await orphaned('exec sleep 60');
  await expect.poll(() => processInfo(leader)?.pgid).toBe(leader);
  const guard = await guardOf(leader, 60_000);
  guard.close();
  await expect.poll(() => guards().length, { timeout: 10_000 }).toBe(0);
  expect(stateOf(leader)).toBe('Z');
});

onLinux('a group whose leader is a zombie is ended with its members', async () => {
  const leader = await orphaned('(trap "" TERM; echo; sleep 60; sleep 60) & exec sleep 60');
  await expect.poll(() => processInfo(leader)?.pgid).toBe(leader);
  const members = () => markedProcesses(project).filter((one) => one.pgid === leader);
  await expect.poll(() => members().length).toBeGreaterThan(1);
  const guard = await guardOf(leader, 500);
  process.kill(leader, 'SIGTERM');
  await expect.poll(() => stateOf(leader)).toBe('Z');
  guard.close();
  await expect.poll(() => guards().length, { timeout: 10_000 }).toBe(0);
  expect(members()).toEqual([]);
});
