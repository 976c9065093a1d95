import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { userFolders } from '../../src/kit/paths.ts';
import { fetchTool } from '../../src/tools/fetch.ts';
import type { Tool } from '../../src/tools/types.ts';

/** A server of the test's own: killed, paused and started again on the same port with the same data. */
export interface TestServer {
  readonly port: number;
  readonly folder: string;
  start(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What camp itself would take; the same programs as `camp up` without Docker. */
export async function tool(name: 'postgres' | 'nats'): Promise<Tool> {
  const emit = (event: { readonly type: string; readonly message?: string }): void =>
    void (event.message && process.stderr.write(`${event.message}\n`));
  const context = { folders: userFolders(), env: process.env, signal: AbortSignal.timeout(300_000), emit };
  return await fetchTool(name, {}, context);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function postgres(): Promise<
  TestServer & { database(name: string): Promise<string>; url(name: string): string }
> {
  const { bin, env = {} } = await tool('postgres');
  const folder = mkdtempSync(join(tmpdir(), 'kit-pg-'));
  const data = join(folder, 'data');
  const port = await freePort();
  const options = { env: { ...process.env, ...env, LC_ALL: 'C' } };
  const [program, args] = asUser(join(bin, 'initdb'), [
    '-D',
    data,
    '-U',
    'camp',
    '--auth=trust',
    '--no-sync',
    '-E',
    'UTF8',
  ]);
  execFileSync(program, args, { ...options, stdio: 'ignore' });
  // one user has to know a password
  writeFileSync(
    join(data, 'pg_hba.conf'),
    'host all locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n',
  );
  const server = testServer(
    asUser(join(bin, 'postgres'), [
      '-D',
      data,
      '-p',
      String(port),
      '-h',
      '127.0.0.1',
      '-k',
      folder,
      '-c',
      'max_connections=200',
    ]),
    { port, folder, env: options.env, isReady: () => query(`postgres://camp@127.0.0.1:${port}/postgres`, 'select 1') },
  );
  await server.start();
  const url = (name: string): string => `postgres://camp@127.0.0.1:${port}/${name}`;
  return Object.assign(server, {
    url,
    async database(name: string): Promise<string> {
      await query(url('postgres'), `create database ${name}`);
      return url(name);
    },
  });
}

export async function nats(): Promise<TestServer & { readonly url: string }> {
  const { path, env = {} } = await tool('nats');
  const folder = mkdtempSync(join(tmpdir(), 'kit-nats-'));
  const port = await freePort();
  const server = testServer([path, ['-js', '-sd', join(folder, 'data'), '-a', '127.0.0.1', '-p', String(port)]], {
    port,
    folder,
    env: { ...process.env, ...env },
    isReady: () => greeting(port),
  });
  await server.start();
  return Object.assign(server, { url: `nats://127.0.0.1:${port}` });
}

/** PostgreSQL refuses to run as root: a user namespace makes it think otherwise, and files stay root's own. */
function asUser(program: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [program, [...args]];
  return ['unshare', ['--user', '--map-user=1000', '--map-group=1000', program, ...args]];
}

interface ServerParts {
  readonly port: number;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  isReady(): Promise<unknown>;
}

function testServer([program, args]: [string, string[]], { port, folder, env, isReady }: ServerParts): TestServer {
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const begin = (): ChildProcess => spawn(program, args, { env, stdio: 'ignore' });
    child = begin();
    await until(`${program} ready`, async () => {
      // PostgreSQL does not start while a session of the one that was killed still ends
      if (child && child.exitCode !== null) child = begin();
      await isReady();
      return true;
    });
  }

  /** All of its processes: PostgreSQL has one for each connection. */
  function signal(name: NodeJS.Signals): void {
    if (child?.pid === undefined || child.exitCode !== null) return;
    for (const pid of [child.pid, ...childrenOf(child.pid)]) {
      try {
        process.kill(pid, name);
      } catch {} // ended by itself in between
    }
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    signal('SIGKILL');
    await ended;
  }

  return {
    port,
    folder,
    start,
    kill,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === parent)
    .map(Number);
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    );
  } catch {
    return undefined;
  }
}

/** One statement on a connection of its own. */
export async function query<R = Record<string, unknown>>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<R[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(sql, values)).rows as R[];
  } finally {
    await client.end().catch(() => {});
  }
}

/** NATS speaks first. */
function greeting(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => (socket.destroy(), resolve()));
    socket.once('error', reject);
    socket.setTimeout(1_000, () => (socket.destroy(), reject(new Error('no greeting'))));
  });
}

/** Asks until the answer is true; the last error or answer is in the message. */
export async function until(what: string, isTrue: () => Promise<boolean> | boolean, ms = 60_000): Promise<void> {
  const deadline = performance.now() + ms;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await isTrue()) return;
      last = 'not yet';
    } catch (error) {
      last = error;
    }
    await sleep(50);
  }
  throw new Error(`${what}: not within ${ms} ms`, { cause: last });
}
