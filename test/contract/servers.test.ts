import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { monotonicClock } from '../../src/kit/clock.ts';
import type { Unstamped } from '../../src/kit/events.ts';
import { CampError, type Failure } from '../../src/kit/failure.ts';
import { userFolders } from '../../src/kit/paths.ts';
import { listeners } from '../../src/kit/ports.ts';
import { markedProcesses, processInfo } from '../../src/kit/process.ts';
import { configHash } from '../../src/plan/config-hash.ts';
import { imageFacts } from '../../src/project/images.ts';
import type { ServerImage, ServerName, Service } from '../../src/project/types.ts';
import { PortLeases } from '../../src/runtime/native/leases.ts';
import { createNativeRuntime } from '../../src/runtime/native/runtime.ts';
import type { NativeRuntime } from '../../src/runtime/native/types.ts';
import { findTool } from '../../src/tools/find.ts';
import type { Tool } from '../../src/tools/types.ts';
import { amqpClient } from '../rig/amqp-client.ts';
import { provideServer } from '../rig/provide-servers.ts';
import { inserting, natsClient, psql, redisClient } from '../rig/server-clients.ts';
import { aService } from '../rig/services.ts';

const never = new AbortController().signal;
const password = 'it\'s a \\ "se cret" %41';
/** Made once for all tests of this file, as a user's is made once for all projects. */
const cache = mkdtempSync(join(tmpdir(), 'camp-servers-cache-'));
const tools = new Map<ServerName, Tool>();

beforeAll(async () => {
  for (const name of ['postgres', 'redis', 'nats'] as const) {
    const tool = await provideServer(name, name === 'postgres' ? { major: majorHere() } : {});
    if (tool) tools.set(name, tool);
  }
  // installed or not: camp fetches none
  const { tool } = findTool('rabbitmq', {}, userFolders());
  if (tool) tools.set('rabbitmq', tool);
  return () => rmSync(cache, { recursive: true, force: true });
}, 360_000);

/** A PostgreSQL of the machine is taken as it is: which major it is makes no difference here. */
function majorHere(): number {
  const folder = '/usr/lib/postgresql';
  const majors = existsSync(folder)
    ? readdirSync(folder)
        .map(Number)
        .filter((one) => one >= 14)
    : [];
  return Math.max(17, ...majors) === 17 && majors.length > 0 ? Math.max(...majors) : 17;
}

interface Rig {
  readonly folder: string;
  readonly projectId: string;
  readonly runtime: NativeRuntime;
  readonly events: Unstamped[];
  readonly leases: PortLeases;
}

let rig: Rig;

beforeEach(() => {
  rig = openRig(mkdtempSync(join(tmpdir(), 'camp-servers-')));
});

afterEach(async () => {
  await rig.runtime.shutdown(AbortSignal.abort());
  await until(() => markedProcesses(rig.projectId).length === 0, 'no process of the project is left');
  rmSync(rig.folder, { recursive: true, force: true });
});

/** Another camp for the same folder, once the one before is gone. */
function openRig(folder: string, data = join(folder, 'data')): Rig {
  const projectId = `test-${process.pid}-${Math.random().toString(16).slice(2)}`;
  const events: Unstamped[] = [];
  const leases = new PortLeases(folder, projectId);
  const runtime = createNativeRuntime({
    projectId,
    ownEnv: process.env,
    supervisor: `${process.pid}:${processInfo(process.pid)?.startTime}`,
    sharedEnv: () => ({}),
    leases,
    configHash,
    isReached: () => false,
    servers: {
      data,
      run: join(folder, 'run'),
      cache,
      isServer: ({ server }) => server !== undefined,
      programOf: ({ server }) => server && tools.get(server.name),
      say: (subject, message) => void events.push({ type: 'note', subject, message }),
    },
    serviceOf: (name) => ({ db: aDatabase(), cache: aRedis(), broker: aNats(), rabbit: aRabbit() })[name],
    factsOf: ({ image }) => (image === undefined ? undefined : imageFacts(image)),
    clock: monotonicClock(),
    emit: (event) => void events.push(event),
    pressure: () => undefined,
  });
  return { folder, projectId, runtime, events, leases };
}

function aServer(name: string, image: string, server: Partial<ServerImage> & { name: ServerName }, env = {}): Service {
  const { start: _, ...service } = aService(name, { image, env });
  return { ...service, server: { isValkey: false, command: [], initScripts: [], secrets: {}, ...server } };
}

function aDatabase(env: Record<string, string> = {}, over: Partial<ServerImage> = {}): Service {
  const own = { POSTGRES_USER: 'or-ders', POSTGRES_DB: 'orders', POSTGRES_PASSWORD: password, ...env };
  return aServer('db', 'postgres:17', { name: 'postgres', ...over }, own);
}

function aRedis(...command: string[]): Service {
  const durable = ['redis-server', '--appendonly', 'yes', '--appendfsync', 'always', ...command];
  return { ...aServer('cache', 'redis:8', { name: 'redis', command: durable }), hints: { command: durable } };
}

function aNats(...command: string[]): Service {
  return aServer('broker', 'nats:2', { name: 'nats', command: ['-js', '-sd', '/data', ...command] });
}

function aRabbit(): Service {
  const env = { RABBITMQ_DEFAULT_USER: 'app', RABBITMQ_DEFAULT_PASS: password };
  return aServer('rabbit', 'rabbitmq:4', { name: 'rabbitmq' }, env);
}

async function up(service: Service, { runtime } = rig): Promise<void> {
  await runtime.prepare(service, never);
  await runtime.start(service, 1);
  await runtime.awaitReady(service, 1, 60_000, never);
}

function dataOf(service: string): string {
  return join(rig.folder, 'data', service);
}

function pidOf(service: string): number {
  return (
    rig.runtime.replicas().find((one) => one.service === service)?.pids[0] ?? expect.fail(`${service} does not run`)
  );
}

function portOf(service: string): number {
  const [endpoint] = rig.runtime.replicas().find((one) => one.service === service)?.endpoints ?? [];
  return Number(endpoint?.address.split(':').at(-1) ?? expect.fail(`${service} listens nowhere`));
}

/** What psql needs to get in, as `camp run SERVICE -- psql` gets it. */
function login(): Record<string, string> {
  const env = rig.runtime.environmentOf(aService('api', { dependsOn: new Map([['db', 'service_healthy']]) }), 1);
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('PG')));
}

async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 60_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline)
      throw new Error(`not within ${ms} ms: ${what}\n${JSON.stringify(rig.events.slice(-30), null, 1)}`);
    await delay(10);
  }
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => expect.fail('it did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof CampError)) throw error;
  return error.failures[0] ?? expect.fail('no failure');
}

/** Kills a server, and waits until supervision has it ready again. */
async function killAndAwait(service: Service): Promise<void> {
  const before = pidOf(service.name);
  process.kill(before, 'SIGKILL');
  await until(() => {
    const now = rig.runtime.replicas().find((one) => one.service === service.name);
    return now?.state.at === 'ready' && now.pids[0] !== undefined && now.pids[0] !== before;
  }, `${service.name} is ready again`);
}

function has(name: ServerName): boolean {
  if (!tools.has(name)) process.stderr.write(`skipped: there is no ${name} here\n`);
  return tools.has(name);
}

describe('PostgreSQL without a container', () => {
  beforeEach((context) => {
    if (!has('postgres')) context.skip('there is no PostgreSQL here');
    if (spawnSync('psql', ['--version']).status !== 0) context.skip('there is no psql here');
  });

  test('the user, database and password are those of the image; who does not know the password stays out', async () => {
    await up(aDatabase());
    expect(
      await psql(
        login(),
        'select current_user, current_database(), rolsuper from pg_roles where rolname = current_user',
      ),
    ).toBe('or-ders|orders|t');
    await expect(psql({ ...login(), PGPASSWORD: 'another' }, 'select 1')).rejects.toThrow(
      /password authentication failed/,
    );
    await expect(psql({ ...login(), PGUSER: 'postgres' }, 'select 1')).rejects.toThrow(/failed/);
    expect(await psql(login(), 'show fsync; show data_checksums; show server_encoding')).toMatch(
      /^on\n(?:on|off)\nUTF8$/,
    );
  });

  test('it listens on loopback alone, has no socket elsewhere, and no secret in argv or its environment', async () => {
    await up(aDatabase());
    const own = listeners().filter(({ port }) => port === portOf('db'));
    expect(own.map(({ address }) => address)).toEqual(['127.0.0.1']);
    expect(existsSync(`/tmp/.s.PGSQL.${portOf('db')}`)).toBe(false);
    for (const file of ['cmdline', 'environ']) {
      const text = readFileSync(`/proc/${pidOf('db')}/${file}`, 'utf8');
      expect(text).not.toContain('se cret');
    }
    expect(statSync(dataOf('db')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataOf('db'), 'camp.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dataOf('db'), 'camp.json'), 'utf8')).not.toContain('se cret');
    expect(statSync(dataOf('db')).uid).toBe(process.getuid?.());
  });

  test('what was acknowledged survives kills in the middle of writes', async () => {
    await up(aDatabase());
    await psql(login(), 'create table written (n integer primary key)');
    const all: number[] = [];
    for (let round = 0; round < 3; round++) {
      await psql(login(), 'truncate written');
      const { acknowledged, ended } = inserting(login(), 'written');
      await until(() => acknowledged.length > 30 + round * 20, 'some writes');
      await killAndAwait(aDatabase());
      await ended;
      const kept = new Set((await psql(login(), 'select n from written')).split('\n').map(Number));
      expect(acknowledged.filter((n) => !kept.has(n))).toEqual([]);
      all.push(...acknowledged);
    }
    expect(all.length).toBeGreaterThan(100);
  });

  test('sessions that outlive a killed postmaster do not keep it from coming back', async () => {
    await up(aDatabase());
    const busy = psql(login(), 'do $$ begin perform count(*) from generate_series(1, 2000000000); end $$').catch(
      () => undefined,
    );
    await until(
      async () => (await psql(login(), "select count(*) from pg_stat_activity where query like 'do %'")) === '1',
      'a busy session',
    );
    await killAndAwait(aDatabase());
    expect(await psql(login(), 'select 1')).toBe('1');
    await busy;
  });

  test('data stay from one run to the next; the template is made once', async () => {
    await up(aDatabase());
    await psql(login(), "create table kept as select 'yes' as word");
    await rig.runtime.stop('db', 1);
    const templates = readdirSync(join(cache, 'servers'));
    expect(templates).toHaveLength(1);
    await up(aDatabase());
    expect(await psql(login(), 'select word from kept')).toBe('yes');
    expect(readdirSync(join(cache, 'servers'))).toEqual(templates);
  });

  test('a stop ends sessions, and leaves nothing to recover', async () => {
    await up(aDatabase());
    const waiting = psql(login(), 'select pg_sleep(600)').catch((error: Error) => error.message);
    await until(
      async () =>
        (await psql(
          login(),
          "select count(*) from pg_stat_activity where query like '%pg_sleep(6%' and pid <> pg_backend_pid()",
        )) === '1',
      'a session',
    );
    await rig.runtime.stop('db', 1);
    expect(await waiting).toMatch(/terminating connection|closed the connection/);
    expect(existsSync(join(dataOf('db'), 'postmaster.pid'))).toBe(false);
  });

  test('another password, or another user, than the data were made with: DATA_PASSWORD, and nothing is changed', async () => {
    await rig.runtime.prepare(aDatabase(), never);
    const before = readFileSync(join(dataOf('db'), 'global', 'pg_control'));
    const failure = await failureOf(rig.runtime.prepare(aDatabase({ POSTGRES_PASSWORD: 'new one' }), never));
    expect(failure).toMatchObject({ fault: 'project', code: 'DATA_PASSWORD' });
    expect(JSON.stringify(failure)).not.toMatch(/new one|se cret/);
    expect(await failureOf(rig.runtime.prepare(aDatabase({ POSTGRES_USER: 'x' }), never))).toMatchObject({
      code: 'DATA_PASSWORD',
    });
    expect(readFileSync(join(dataOf('db'), 'global', 'pg_control'))).toEqual(before);
    await up(aDatabase());
  });

  test('no password at all: what its image would say, before anything is made', async () => {
    expect(await failureOf(rig.runtime.prepare(aDatabase({ POSTGRES_PASSWORD: '' }), never))).toMatchObject({
      fault: 'project',
      code: 'NO_PASSWORD',
    });
    expect(existsSync(dataOf('db'))).toBe(false);
  });

  test.each([
    ['newer', '99'],
    ['older', '9.6'],
  ])('data of a %s version: DATA_VERSION, and nothing is changed', async (age, version) => {
    await rig.runtime.prepare(aDatabase(), never);
    writeFileSync(join(dataOf('db'), 'PG_VERSION'), `${version}\n`);
    const failure = await failureOf(rig.runtime.prepare(aDatabase(), never));
    expect(failure).toMatchObject({ fault: 'machine', code: 'DATA_VERSION' });
    expect(failure.message).toContain(age);
    expect(failure.hints[0]).toContain('image: postgres:');
    expect(readFileSync(join(dataOf('db'), 'PG_VERSION'), 'utf8')).toBe(`${version}\n`);
  });

  test('data that are cut: DATA_DAMAGED with its words, after one start', async () => {
    await rig.runtime.prepare(aDatabase(), never);
    rmSync(join(dataOf('db'), 'global', 'pg_control'));
    const failure = await failureOf(up(aDatabase()));
    expect(failure).toMatchObject({ fault: 'machine', code: 'DATA_DAMAGED' });
    expect(failure.evidence?.join('\n')).toMatch(/pg_control|control file/);
    expect(rig.events.filter((event) => event.type === 'replica' && event.state.at === 'starting')).toHaveLength(1);
  });

  test('data that somebody is just leaving who says not what it is: waited for', async () => {
    await rig.runtime.prepare(aDatabase(), never);
    const folder = mkdtempSync(join(tmpdir(), 'camp-servers-'));
    copyFileSync('/bin/sleep', join(folder, 'postgres'));
    const leaving = spawn(join(folder, 'postgres'), ['0.5'], { cwd: dataOf('db') });
    try {
      await up(aDatabase());
      expect(leaving.exitCode).toBe(0);
    } finally {
      leaving.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('data that another server uses: DATA_IN_USE names it, and it goes on', async () => {
    await up(aDatabase());
    const copy = mkdtempSync(join(tmpdir(), 'camp-servers-'));
    const other = openRig(copy, join(rig.folder, 'data'));
    try {
      await other.runtime.prepare(aDatabase(), never);
      const failure = await failureOf(other.runtime.start(aDatabase(), 1));
      expect(failure).toMatchObject({ fault: 'machine', code: 'DATA_IN_USE' });
      expect(failure.evidence?.[0]).toContain(`pid ${pidOf('db')}`);
      expect(await psql(login(), 'select 1')).toBe('1');
    } finally {
      await other.runtime.shutdown(AbortSignal.abort());
      rmSync(copy, { recursive: true, force: true });
    }
  });

  test('its port is taken: it listens on another one, and says so', async () => {
    const squatter = createServer().listen(rig.runtime.portOf(aDatabase(), 1), '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    const taken = rig.runtime.portOf(aDatabase(), 1);
    try {
      await up(aDatabase());
      expect(portOf('db')).not.toBe(taken);
      expect(login()['PGPORT']).toBe(String(portOf('db')));
      expect(await psql(login(), 'select 1')).toBe('1');
    } finally {
      squatter.close();
    }
  });

  test('interrupted while its data are made: there are none, and the next time they are made anew', async () => {
    const interrupted = new AbortController();
    const making = rig.runtime.prepare(aDatabase(), interrupted.signal);
    await until(
      () => existsSync(join(rig.folder, 'data')) && readdirSync(join(rig.folder, 'data')).length > 0,
      'it has begun',
    );
    interrupted.abort(new Error('Ctrl-C'));
    await expect(making).rejects.toThrow();
    expect(readdirSync(join(rig.folder, 'data'))).toEqual([]);
    // what a killed camp leaves
    mkdirSync(join(rig.folder, 'data', '.new-db-0123abcd', 'base'), { recursive: true });
    await up(aDatabase());
    expect(readdirSync(join(rig.folder, 'data'))).toEqual(['db']);
  });

  test('scripts of /docker-entrypoint-initdb.d run once, in order, with the rights of its user', async () => {
    const scripts = join(rig.folder, 'init');
    mkdirSync(scripts);
    writeFileSync(join(scripts, '1.sql'), 'create table first (n int);\n');
    writeFileSync(join(scripts, '2.sh'), 'psql -v ON_ERROR_STOP=1 -c "insert into first values (2)"\n');
    await up(aDatabase({}, { initScripts: [scripts] }));
    expect(await psql(login(), 'select n from first')).toBe('2');
    await rig.runtime.stop('db', 1);
    rmSync(dataOf('db'), { recursive: true });
    writeFileSync(join(scripts, '3.sql'), 'select nonsense;\n');
    const failure = await failureOf(up(aDatabase({}, { initScripts: [scripts] })));
    expect(failure).toMatchObject({ fault: 'project', code: 'INIT_SCRIPT' });
    expect(failure.evidence?.join('\n')).toContain('nonsense');
    expect(readdirSync(join(rig.folder, 'data'))).toEqual([]);
  });

  test('settings of its command are kept, those of the container are left out and said', async () => {
    const command = ['postgres', '-c', 'max_connections=77', '-c', 'port=1', '--work-mem=5MB'];
    await up(aDatabase({}, { command }));
    expect(await psql(login(), 'show max_connections; show work_mem')).toBe('77\n5MB');
    expect(rig.events).toContainEqual(
      expect.objectContaining({ type: 'note', message: expect.stringContaining('port=1') }),
    );
  });

  test('a password out of a secret of the compose file', async () => {
    const file = join(rig.folder, 'secret');
    writeFileSync(file, `${password}\n`);
    const env = { POSTGRES_PASSWORD: '', POSTGRES_PASSWORD_FILE: '/run/secrets/pw' };
    await up(aDatabase(env, { secrets: { '/run/secrets/pw': file } }));
    expect(await psql({ ...login(), PGPASSWORD: password }, 'select 1')).toBe('1');
  });

  test('a disk that is full: while data are made nothing is left; while it runs, it says so and loses nothing', async (context) => {
    const disk = join(rig.folder, 'disk');
    mkdirSync(disk);
    const mount = (size: string): boolean =>
      spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk]).status === 0;
    if (!mount('8m')) return context.skip('no disk of a small size can be mounted here: needs root');
    const small = openRig(rig.folder, join(disk, 'data'));
    try {
      expect(await failureOf(small.runtime.prepare(aDatabase(), never))).toMatchObject({
        fault: 'machine',
        code: 'DISK_FULL',
      });
      expect(readdirSync(join(disk, 'data'))).toEqual([]);
      spawnSync('mount', ['-o', 'remount,size=80m', disk]);
      await up(aDatabase(), small);
      const [endpoint] = small.runtime.replicas()[0]?.endpoints ?? [];
      const env = {
        ...login(),
        PGPASSWORD: password,
        PGUSER: 'or-ders',
        PGDATABASE: 'orders',
        PGHOST: '127.0.0.1',
        PGPORT: endpoint?.address.split(':')[1] ?? '',
      };
      await psql(env, 'create table kept as select 1 as n');
      await psql(env, "create table big as select repeat('x', 1000) from generate_series(1, 200000)").catch(
        () => undefined,
      );
      for (let i = 0; i < 200; i++) {
        const { state } = small.runtime.replicas()[0] ?? {};
        if (state?.at === 'crash-loop') {
          expect(state.failure).toMatchObject({ fault: 'machine', code: 'DISK_FULL' });
          break;
        }
        await delay(10);
      }
      spawnSync('mount', ['-o', 'remount,size=300m', disk]);
      await small.runtime.restart('db', never);
      expect(await psql(env, 'select n from kept')).toBe('1');
    } finally {
      await small.runtime.shutdown(AbortSignal.abort());
      await until(() => markedProcesses(small.projectId).length === 0, 'nothing is left on the disk');
      expect(spawnSync('umount', ['-l', disk]).status).toBe(0);
    }
  });
});

describe('Redis without a container', () => {
  beforeEach((context) => {
    if (!has('redis')) context.skip('there is no Redis here');
  });

  test('what was acknowledged survives kills in the middle of writes', async () => {
    await up(aRedis());
    let client = await redisClient(portOf('cache'));
    let acknowledged = 0;
    for (let round = 1; round <= 3; round++) {
      const writing = (async () => {
        for (;;) acknowledged = Number(await client.ask('RPUSH', 'list', String(acknowledged)));
      })().catch(() => undefined);
      await until(() => acknowledged >= round * 100, 'some writes');
      await killAndAwait(aRedis());
      await writing;
      client = await redisClient(portOf('cache'));
      const kept = Number(await client.ask('LLEN', 'list'));
      expect(kept).toBeGreaterThanOrEqual(acknowledged);
      acknowledged = kept;
    }
    client.close();
  });

  test('its password is in no argv; whoever does not know it stays out; the URL has it', async () => {
    const service = aRedis('--requirepass', 'se cret');
    await up(service);
    expect(readFileSync(`/proc/${pidOf('cache')}/cmdline`, 'utf8')).not.toContain('se cret');
    expect(statSync(join(rig.folder, 'run', 'cache.conf')).mode & 0o777).toBe(0o600);
    const client = await redisClient(portOf('cache'));
    await expect(client.ask('GET', 'x')).rejects.toThrow(/NOAUTH/);
    expect(await client.ask('AUTH', 'se cret')).toBe('OK');
    expect(await client.ask('SET', 'x', '1')).toBe('OK');
    client.close();
    expect(
      listeners()
        .filter(({ port }) => port === portOf('cache'))
        .map(({ address }) => address),
    ).toEqual(['127.0.0.1']);
  });

  test('data that are cut: DATA_DAMAGED with its words', async () => {
    await up(aRedis());
    const client = await redisClient(portOf('cache'));
    for (let i = 0; i < 20; i++) await client.ask('SET', `key${i}`, 'value');
    client.close();
    await rig.runtime.stop('cache', 1);
    const folder = join(dataOf('cache'), 'appendonlydir');
    const file = readdirSync(folder).find((name) => name.includes('.incr.')) ?? expect.fail('no append-only file');
    writeFileSync(join(folder, file), `*3\r\n$3\r\nSET\r\nnonsense${readFileSync(join(folder, file), 'latin1')}`);
    expect(await failureOf(up(aRedis()))).toMatchObject({ fault: 'machine', code: 'DATA_DAMAGED' });
  });

  test('a word that it does not know: SERVER_REFUSED, without the password', async () => {
    const failure = await failureOf(up(aRedis('--requirepass', 'se cret', '--no-such-word', '1')));
    expect(failure).toMatchObject({ fault: 'project', code: 'SERVER_REFUSED' });
    expect(failure.evidence?.join('\n')).toContain('no-such-word');
    expect(JSON.stringify(failure)).not.toContain('se cret');
  });
});

describe('NATS without a container', () => {
  beforeEach((context) => {
    if (!has('nats')) context.skip('there is no NATS here');
  });

  test('what JetStream acknowledged survives kills in the middle of writes', async () => {
    await up(aNats());
    let client = await natsClient(portOf('broker'));
    await client.ask('$JS.API.STREAM.CREATE.events', { name: 'events', subjects: ['events.>'], storage: 'file' });
    let acknowledged = 0;
    for (let round = 1; round <= 3; round++) {
      const writing = (async () => {
        for (;;) acknowledged = Number((await client.ask('events.made', { n: acknowledged }))['seq']);
      })().catch(() => undefined);
      await until(() => acknowledged >= round * 100, 'some messages');
      await killAndAwait(aNats());
      await writing;
      client = await natsClient(portOf('broker'));
      const { state } = (await client.ask('$JS.API.STREAM.INFO.events', {})) as {
        state: { last_seq: number; messages: number };
      };
      expect(state.last_seq).toBeGreaterThanOrEqual(acknowledged);
      expect(state.messages).toBe(state.last_seq);
      acknowledged = state.last_seq;
    }
    client.close();
  });

  test('it listens on loopback alone; its data lie in the project; what it cannot keep of its command is said', async () => {
    await up(aNats('-m', '8222', '--cluster', 'nats://0.0.0.0:6222', '--user', 'u', '--pass', 'se cret'));
    const pid = pidOf('broker');
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('se cret');
    expect(
      listeners()
        .filter(({ port }) => port === portOf('broker'))
        .map(({ address }) => address),
    ).toEqual(['127.0.0.1']);
    expect(existsSync(join(dataOf('broker'), 'jetstream'))).toBe(true);
    expect(rig.events).toContainEqual(
      expect.objectContaining({ type: 'note', message: expect.stringContaining('--cluster') }),
    );
  });
});

describe('RabbitMQ without a container', () => {
  beforeEach((context) => {
    if (!has('rabbitmq')) context.skip('there is no RabbitMQ here: apt-get install rabbitmq-server');
  });

  test('only its user gets in; what was confirmed survives a kill in the middle of writes, and a stop', async () => {
    await up(aRabbit());
    await expect(amqpClient(portOf('rabbit'), 'app', 'wrong')).rejects.toThrow();
    await expect(amqpClient(portOf('rabbit'), 'guest', 'guest')).rejects.toThrow();
    let client = await amqpClient(portOf('rabbit'), 'app', password);
    expect(await client.declare('kept')).toBe(0);
    let confirmed = 0;
    const writing = (async () => {
      for (; ; confirmed++) await client.publish('kept', `message ${confirmed}`);
    })().catch(() => undefined);
    await until(() => confirmed >= 100, 'some messages');
    await killAndAwait(aRabbit());
    await writing;
    client = await amqpClient(portOf('rabbit'), 'app', password);
    const kept = await client.declare('kept');
    expect(kept).toBeGreaterThanOrEqual(confirmed);
    client.close();

    await rig.runtime.stop('rabbit', 1);
    await up(aRabbit());
    client = await amqpClient(portOf('rabbit'), 'app', password);
    expect(await client.declare('kept')).toBe(kept);
    client.close();
  });

  test('it and its name server listen on loopback alone, obey rabbitmqctl, have no secret in argv, and leave nobody behind', async () => {
    const before = listeners().map(({ port }) => port);
    await up(aRabbit());
    const own = markedProcesses(rig.projectId);
    for (const { pid } of own) expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('se cret');
    const port = portOf('rabbit');
    const env = readFileSync(`/proc/${pidOf('rabbit')}/environ`, 'utf8');
    const others = ['RABBITMQ_DIST_PORT', 'ERL_EPMD_PORT'].map((name) => Number(env.match(`\0${name}=(\\d+)`)?.[1]));
    const opened = listeners().filter((one) => [port, ...others].includes(one.port));
    expect(opened.map((one) => one.port)).toEqual(expect.arrayContaining([port, ...others]));
    for (const { address } of opened) expect(['127.0.0.1', '::1']).toContain(address);
    const steering = { cwd: rig.folder, env: rig.runtime.environmentOf(aRabbit(), 1), encoding: 'utf8' } as const;
    const { status, stdout, stderr } = spawnSync('rabbitmqctl', ['--quiet', 'list_users'], steering);
    expect([status, stdout], stderr).toEqual([0, expect.stringContaining('app')]);
    // Erlang's usual name server, which all of a machine share and which listens everywhere
    if (!before.includes(4369)) expect(listeners().map((one) => one.port)).not.toContain(4369);
    // where RabbitMQ by itself puts its distribution somebody else may be
    await rig.runtime.stop('rabbit', 1);
    const other = createServer().listen(port + 20_000, '127.0.0.1');
    await up(aRabbit());
    expect(portOf('rabbit')).toBe(port);
    other.close();
    await rig.runtime.shutdown(never);
    await until(() => own.every(({ pid }) => !existsSync(`/proc/${pid}`) || isZombie(pid)), 'all of it has ended');
  });
});

function isZombie(pid: number): boolean {
  return processInfo(pid)?.state === 'Z';
}

test('data of one server are not taken for those of another', async (context) => {
  if (!has('redis') || !has('nats')) return context.skip('there are no two servers here');
  await rig.runtime.prepare(aRedis(), never);
  cpSync(dataOf('cache'), dataOf('broker'), { recursive: true });
  expect(await failureOf(rig.runtime.prepare(aNats(), never))).toMatchObject({
    fault: 'machine',
    code: 'DATA_FOREIGN',
  });
});
