import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A Docker engine of a test's own, which may be stopped and killed. It has no network and no images. */
export interface SecondEngine {
  readonly socket: string;
  /** Of dockerd itself. */
  signal(name: NodeJS.Signals): void;
  /** Kills it; what it has made stays. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it once more after `kill`, with all that it had. */
  again(): Promise<void>;
  /** Nothing of it is left. */
  end(): Promise<void>;
}

/** Why there can be none here. */
export function whyNoSecondEngine(): string | undefined {
  for (const argv of [
    ['dockerd', '--version'],
    ['unshare', '--net', 'true'],
  ]) {
    const { status, error, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });
    if (status !== 0) return `${argv.join(' ')}: ${(error?.message ?? stderr).trim()}`;
  }
  return undefined;
}

/** Resolves when it answers. In a network namespace: one without a bridge takes docker0 from the first. */
export async function startSecondEngine(dir: string, extra: readonly string[] = []): Promise<SecondEngine> {
  const socket = join(dir, 'docker.sock');
  mkdirSync(dir, { recursive: true });
  let child = await startDockerd(dir, socket, extra);
  return {
    socket,
    signal: (name) => void child.kill(name),
    async kill() {
      child.kill('SIGKILL');
      while (!hasEnded(child)) await delay(20);
    },
    async again() {
      child = await startDockerd(dir, socket, extra);
    },
    async end() {
      child.kill('SIGCONT');
      if (!hasEnded(child)) child.kill('SIGTERM');
      while (!hasEnded(child)) await delay(20);
      await endRest(dir);
      unmountBelow(dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startDockerd(dir: string, socket: string, extra: readonly string[]): Promise<ChildProcess> {
  const child = spawn(
    'unshare',
    [
      ...['--net', 'dockerd', '-H', `unix://${socket}`, '--data-root', join(dir, 'data')],
      ...['--exec-root', join(dir, 'exec'), '--pidfile', join(dir, 'docker.pid')],
      ...['--bridge=none', '--iptables=false', ...extra],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000);
  });
  while (spawnSync('docker', ['-H', `unix://${socket}`, 'version'], { stdio: 'ignore' }).status !== 0) {
    if (hasEnded(child)) throw new Error(`the second dockerd ended with ${child.exitCode}: ${log}`);
    await delay(100);
  }
  return child;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A dockerd that is killed leaves its folder mounted upon itself. */
function unmountBelow(dir: string): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${dir}/`)).reverse()) spawnSync('umount', ['-l', mount]);
}

/** A dockerd that is killed leaves behind what it has started: containerd, its shims, builds, and what runs in them. */
async function endRest(dir: string): Promise<void> {
  for (let left = processesOf(dir); left.length > 0; left = processesOf(dir)) {
    for (const pid of left) kill(pid);
    await delay(20);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it went with another
  }
}

/** Those whose command names the folder, which is nobody else's, and their descendants. */
function processesOf(dir: string): readonly number[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (processAt(Number(name)) ?? []) : []));
  const own = new Set(all.filter((one) => one.command.includes(`${dir}/`)).map((one) => one.pid));
  for (let before = -1; before !== own.size; ) {
    before = own.size;
    for (const one of all) if (own.has(one.parent)) own.add(one.pid);
  }
  own.delete(process.pid);
  return [...own].filter((pid) => pid > 1);
}

function processAt(
  pid: number,
): { readonly pid: number; readonly parent: number; readonly command: string } | undefined {
  try {
    const [, state, parent] = /^\d+ \(.*\) (\S) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    if (state === 'Z') return undefined;
    return { pid, parent: Number(parent), command: readFileSync(`/proc/${pid}/cmdline`, 'latin1') };
  } catch {
    // it has ended meanwhile
    return undefined;
  }
}
