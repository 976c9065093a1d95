import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A Docker engine of a test's own, which may be stopped and killed. It has no network and no images. */
export interface SecondEngine {
  readonly socket: string;
  /** Of dockerd itself. */
  signal(name: NodeJS.Signals): void;
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
  const [data, exec] = [join(dir, 'data'), join(dir, 'exec')];
  mkdirSync(dir, { recursive: true });
  const child = spawn(
    'unshare',
    [
      ...['--net', 'dockerd', '-H', `unix://${socket}`, '--data-root', data, '--exec-root', exec],
      ...['--pidfile', join(dir, 'docker.pid'), '--bridge=none', '--iptables=false', ...extra],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000);
  });
  while (spawnSync('docker', ['-H', `unix://${socket}`, 'version'], { stdio: 'ignore' }).status !== 0) {
    if (child.exitCode !== null) throw new Error(`the second dockerd ended with ${child.exitCode}: ${log}`);
    await delay(100);
  }
  return {
    socket,
    signal: (name) => void child.kill(name),
    async end() {
      child.kill('SIGCONT');
      if (!hasEnded(child)) child.kill('SIGTERM');
      while (!hasEnded(child)) await delay(20);
      endContainerd(exec);
      unmountBelow(dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
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

/** A dockerd that is killed leaves the containerd behind that it has started. */
function endContainerd(exec: string): void {
  try {
    const pid = Number(readFileSync(join(exec, 'containerd', 'containerd.pid'), 'utf8'));
    const isOurs = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(exec);
    if (pid > 1 && isOurs) process.kill(pid, 'SIGKILL');
  } catch {
    // it went with dockerd
  }
}
