import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { edgeStorage } from '../../src/camp/folders.ts';
import { authorityFiles } from '../../src/edge/authority.ts';
import { userFolders } from '../../src/kit/paths.ts';
import { type Fixture, urlsOf } from './fixture.ts';
import { untilAll } from './poller.ts';

const camp = resolve(import.meta.dirname, '../../bin/camp.js');

export interface Contender {
  readonly name: string;
  /** Milliseconds from the start of the command to the first verified 200 of every service. */
  up(): Promise<number>;
  /** Milliseconds from the command that stops it to its end. */
  down(): Promise<number>;
  /** Ends what a run that has failed has left. */
  cleanUp(): Promise<unknown>;
}

/** The script that a person would write. */
export function scriptContender(fixture: Fixture, env: NodeJS.ProcessEnv): Contender {
  let child: ChildProcess | undefined;
  return {
    name: 'shell script + Caddy',
    up: () =>
      timed(fixture, join(fixture.scriptStorage, 'pki/authorities/local/root.crt'), () => {
        child = spawn(fixture.script, { env, stdio: 'ignore' });
      }),
    async down() {
      const began = performance.now();
      const ended = new Promise((resolve) => child?.once('exit', resolve));
      child?.kill('SIGTERM');
      await ended;
      child = undefined;
      return performance.now() - began;
    },
    cleanUp: async () => child?.kill('SIGTERM'),
  };
}

/** camp in the foreground, or detached. */
export function campContender(fixture: Fixture, env: NodeJS.ProcessEnv, isDetached: boolean): Contender {
  const args = ['up', '--port', String(fixture.httpsPort), ...(isDetached ? ['-d'] : [])];
  return {
    name: ['camp', 'up', ...(isDetached ? ['-d'] : [])].join(' '),
    up: () =>
      timed(fixture, authorityFiles(edgeStorage(userFolders(env))).root, () => {
        spawn(process.execPath, [camp, ...args], { cwd: fixture.dir, env, stdio: 'ignore' });
      }),
    async down() {
      const began = performance.now();
      const { status } = await run(['down'], fixture, env);
      if (status !== 0) throw new Error(`camp down: exit ${status}`);
      return performance.now() - began;
    },
    cleanUp: () => run(['down', '--force'], fixture, env),
  };
}

export function run(
  args: readonly string[],
  fixture: Fixture,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly status: number | null; readonly stdout: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [camp, ...args], {
      cwd: fixture.dir,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.once('close', (status) => resolve({ status, stdout }));
  });
}

async function timed(fixture: Fixture, ca: string, start: () => void): Promise<number> {
  let roots: Buffer | undefined;
  const began = performance.now();
  start();
  await untilAll(
    urlsOf(fixture),
    () => {
      if (!roots && existsSync(ca)) roots = readFileSync(ca);
      return roots;
    },
    ({ status }) => status === 200,
  );
  return performance.now() - began;
}

/** Resident memory of the camp that runs the project, in MB (Linux). */
export function supervisorMemory(fixture: Fixture): number {
  const { pid } = JSON.parse(readFileSync(join(fixture.dir, '.camp/lock'), 'utf8')) as { pid: number };
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb) / 1024;
}

/** Mean CPU milliseconds (user and system) of a command, over several runs, as bash measures them. */
export function cpuMs(argv: readonly string[], env: NodeJS.ProcessEnv, runs: number): number {
  const quoted = argv.map((word) => `'${word}'`).join(' ');
  const script = `TIMEFORMAT='%3U %3S'; time for ((n = 0; n < ${runs}; n++)); do ${quoted} >/dev/null; done`;
  const { stderr } = spawnSync('bash', ['-c', script], { env, encoding: 'utf8' });
  const [user = 0, system = 0] = stderr.trim().split(' ').map(Number);
  return ((user + system) * 1000) / runs;
}

export const campFile = camp;
