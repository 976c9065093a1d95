import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';
import { containerShape } from '../../src/edge/container-shape.ts';
import type { EdgeContainer, EdgeSetup } from '../../src/edge/types.ts';
import { requireImages } from '../rig/images.ts';

const run = promisify(execFile);

/** Whether there is an engine with the edge's image. */
export const hasEngine = requireImages('the edge in a container', ['caddy:2']) === undefined;

const docker = (...args: readonly string[]): string =>
  execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

let network: { readonly name: string; readonly gateway: string } | undefined;
afterAll(() => void (network && docker('network', 'rm', network.name)));

/** One network for a test file: its gateway is where containers reach the programs of the test. */
export function testNetwork(): { readonly name: string; readonly gateway: string } {
  if (network) return network;
  const name = `camp-edge-test-${process.pid}-${randomBytes(3).toString('hex')}`;
  docker('network', 'create', name);
  const gateway = docker('network', 'inspect', name, '--format', '{{(index .IPAM.Config 0).Gateway}}');
  network = { name, gateway };
  return network;
}

export const gatewayAddress = (): string => testNetwork().gateway;

export interface DockerContainer extends EdgeContainer {
  readonly name: string;
  kill(signal?: 'KILL' | 'STOP'): Promise<void>;
  pause(): Promise<void>;
  remove(): Promise<void>;
  /** How often one was created. */
  readonly created: number;
}

/** The edge's container through the docker command; `hooks`: whether the edge is told of its end and its lines. */
export function dockerContainer(setup: EdgeSetup, hooks: boolean): DockerContainer {
  const name = `camp-edge-test-${randomBytes(4).toString('hex')}`;
  const followers = new Set<ChildProcess>();
  const onLine: ((line: string) => void)[] = [];
  const onExit: ((how: string) => void)[] = [];
  let published = '';
  let pid: number | undefined;
  let created = 0;
  let isWanted = false;

  function follow(args: readonly string[], take: (line: string) => void): void {
    const child = spawn('docker', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    followers.add(child);
    child.once('exit', () => followers.delete(child));
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', take);
  }

  async function remove(): Promise<void> {
    await run('docker', ['rm', '-f', '-v', name]).catch(() => undefined);
    published = '';
  }

  async function create(ports: readonly number[], signal: AbortSignal): Promise<void> {
    await remove();
    const shape = containerShape(setup);
    const args = [
      ...ports.flatMap((port) => ['-p', `127.0.0.1:${port}:${port}`]),
      ...shape.mounts.flatMap(({ source, target }) => ['-v', `${source}:${target}:ro`]),
      ...shape.tmpfs.flatMap((path) => ['--tmpfs', path]),
      ...Object.entries(shape.sysctls).flatMap(([key, value]) => ['--sysctl', `${key}=${value}`]),
    ];
    await run(
      'docker',
      ['create', '--name', name, '--network', testNetwork().name, ...args, shape.image, ...shape.command],
      {
        signal,
      },
    );
    created++;
    published = ports.join();
  }

  return {
    name,
    isBesides: true,
    get pid() {
      return pid;
    },
    get created() {
      return created;
    },
    async start(signal, ports) {
      isWanted = true;
      if (published !== ports.join()) await create(ports, signal);
      const since = new Date().toISOString();
      await run('docker', ['start', name], { signal });
      pid = Number(docker('inspect', name, '--format', '{{.State.Pid}}')) || undefined;
      if (!hooks) return;
      follow(['logs', '-f', '--since', since, name], (line) => {
        for (const listener of onLine) listener(line);
      });
      follow(['wait', name], (line) => {
        for (const listener of isWanted ? onExit : []) listener(`code ${line}`);
      });
    },
    async exec(argv, stdin, signal) {
      const child = run('docker', ['exec', ...(stdin === undefined ? [] : ['-i']), name, ...argv], { signal });
      if (stdin !== undefined) child.child.stdin?.end(stdin);
      try {
        const { stdout, stderr } = await child;
        return { exitCode: 0, output: stdout + stderr };
      } catch (error) {
        const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
        if (typeof code !== 'number' || stderr.startsWith('Error response from daemon')) throw error;
        return { exitCode: code, output: stdout + stderr };
      }
    },
    async stop() {
      isWanted = false;
      pid = undefined;
      await remove();
      for (const child of followers) child.kill();
    },
    onExit: (listener) => void onExit.push(listener),
    onLine: (listener) => void onLine.push(listener),
    kill: async (signal = 'KILL') => void (await run('docker', ['kill', '-s', signal, name])),
    pause: async () => void (await run('docker', ['pause', name])),
    remove,
  };
}
