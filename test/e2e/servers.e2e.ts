import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listeners } from '../../src/kit/ports.ts';
import { socketInodes } from '../../src/kit/process.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';
import { shareServers } from '../rig/provide-servers.ts';
import { natsClient, redisClient } from '../rig/server-clients.ts';

const steerable = fileURLToPath(new URL('../rig/steerable.mjs', import.meta.url));
/** No engine is to be found, and none is needed. */
const noEngine = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };

const compose = (name: string): string => `name: ${name}
x-camp: native
services:
  api:
    build: services/api
    x-camp: { run: node main.mjs }
    environment:
      DATABASE_URL: postgres://orders:\${API_DB_PASSWORD}@api-db:5432/orders
      NATS_URL: nats://nats:4222
    depends_on:
      api-db: { condition: service_healthy }
      nats: { condition: service_started }
      redis: { condition: service_started }
  api-db:
    image: postgres:17
    environment:
      POSTGRES_USER: orders
      POSTGRES_DB: orders
      POSTGRES_PASSWORD: \${API_DB_PASSWORD}
    volumes: ["api-db:/var/lib/postgresql/data"]
    healthcheck: { test: ["CMD-SHELL", "pg_isready -U orders"], interval: 5s, timeout: 3s, retries: 10 }
  nats:
    image: nats:2
    command: ["-js", "-sd", "/data"]
    volumes: ["nats:/data"]
  redis:
    image: redis:8
    command: ["redis-server", "--appendonly", "yes", "--appendfsync", "always"]
    volumes: ["redis:/data"]
volumes: { api-db: {}, nats: {}, redis: {} }
`;

const servers = ['api-db', 'nats', 'redis'] as const;
const secret = 'gEneRated-for_this-test-24';

describe('databases and brokers without a container', () => {
  let home: Home;
  let missing: readonly string[] = [];

  beforeAll(async () => {
    home = createHome();
    Object.assign(home.env, noEngine);
    missing = await shareServers(home, { postgres: { major: 17 }, psql: {}, nats: {}, redis: {} });
  }, 360_000);
  afterAll(() => home[Symbol.dispose]());
  beforeEach((context) => {
    if (missing.length > 0) context.skip(`there is no ${missing.join(', no ')} here`);
  });

  function project(name: string): Cluster {
    const cluster = new Cluster(home, name);
    mkdirSync(cluster.path('services', 'api'), { recursive: true });
    copyFileSync(steerable, cluster.path('services', 'api', 'main.mjs'));
    cluster.write('compose.yaml', compose(name));
    cluster.write('Caddyfile', `{$CAMP_DOMAIN:${name}.localhost} {\n\treverse_proxy api:8080\n}\n`);
    cluster.write('.env', `API_DB_PASSWORD=${secret}\n`);
    return cluster;
  }

  function portIn(url: string | null): number {
    return Number(new URL(url ?? expect.fail('it has no url')).port);
  }

  test('they come up ready, on loopback, are shown, and keep their data until down --data', async () => {
    await using cluster = project('stay');
    const plan = await cluster.camp(['plan']);
    expect(plan.stdout).toMatch(/api-db\s+native server\s+x-camp: native, the image postgres:17 is PostgreSQL 17/);
    expect(existsSync(cluster.path('.camp', 'data'))).toBe(false);

    const report = await cluster.up();
    expect(report.services.map(({ name, placement, state }) => [name, placement, state])).toEqual([
      ['api', 'process', 'ready'],
      ...servers.map((name) => [name, 'native server', 'ready']),
    ]);
    expect(report.phases).toContainEqual(expect.objectContaining({ phase: 'prepare', subject: 'api-db' }));
    const { url } = await cluster.service('api-db');
    expect(url).toMatch(/^postgres:\/\/127\.0\.0\.1:\d+\/orders$/);
    for (const { pids } of report.services) {
      const inodes = new Set(pids.flatMap((pid) => [...socketInodes(pid)]));
      const own = listeners().filter(({ owner }) => inodes.has(owner));
      expect(own.length).toBeGreaterThan(0);
      expect(own.every(({ address }) => address === '127.0.0.1' || address === '::1')).toBe(true);
      for (const pid of pids) expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(secret);
    }
    for (const name of servers) expect(statSync(cluster.path('.camp', 'data', name)).mode & 0o777).toBe(0o700);

    const redis = await redisClient(portIn((await cluster.service('redis')).url));
    expect(await redis.ask('SET', 'kept', 'yes')).toBe('OK');
    redis.close();
    const sql = (text: string) => cluster.camp(['run', 'api', '--', 'psql', '-XAtc', text]);
    await sql("create table kept as select 'yes' as word");

    await cluster.camp(['down']);
    expect(readdirSync(cluster.path('.camp', 'data')).sort()).toEqual([...servers].sort());
    await cluster.up();
    const again = await redisClient(portIn((await cluster.service('redis')).url));
    expect(await again.ask('GET', 'kept')).toBe('yes');
    again.close();
    const words = await sql('select word, current_user, current_database() from kept');
    expect(words.stdout.trim()).toBe('yes|orders|orders');

    const gone = await cluster.camp(['down', '--data', '--yes', '--json']);
    expect((JSON.parse(gone.stdout) as { volumes: unknown[] }).volumes).toEqual(
      servers.map((name) => ({ name: `.camp/data/${name}`, bytes: expect.any(Number), deleted: true })),
    );
    expect(gone.stderr).toMatch(/\.camp\/data\/api-db\s+\d+ MB/);
    expect(readdirSync(cluster.path('.camp', 'data'))).toEqual([]);
    for (const file of readdirSync(cluster.path('.camp', 'logs')))
      expect(readFileSync(join(cluster.path('.camp', 'logs'), file), 'utf8')).not.toContain(secret);
  });

  test('a process is told where they are, by every name that it knows them by', async () => {
    await using cluster = project('told');
    await cluster.up('--native');
    const { stdout } = await cluster.camp(['run', 'api', '--', 'env']);
    const env = Object.fromEntries(
      stdout.split('\n').map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
    );
    const db = portIn((await cluster.service('api-db')).url);
    expect(env['DATABASE_URL']).toBe(`postgres://orders:${secret}@127.0.0.1:${db}/orders`);
    expect(env['PGPORT']).toBe(String(db));
    expect(env['PGDATABASE']).toBe('orders');
    expect(env['NATS_URL']).toBe(`nats://127.0.0.1:${portIn((await cluster.service('nats')).url)}`);
    expect(env['REDIS_URL']).toBe(`redis://127.0.0.1:${portIn((await cluster.service('redis')).url)}`);
  });

  test('each that is killed comes back with what it acknowledged', async () => {
    await using cluster = project('killed');
    await cluster.up();
    const port = portIn((await cluster.service('nats')).url);
    const before = await natsClient(port);
    await before.ask('$JS.API.STREAM.CREATE.events', { name: 'events', subjects: ['events.>'], storage: 'file' });
    expect((await before.ask('events.made', { n: 1 }))['seq']).toBe(1);
    for (const name of servers) {
      const pid = await cluster.pid(name);
      process.kill(pid, 'SIGKILL');
      await eventually(
        `${name} is ready again`,
        async () => {
          const { state, pids } = await cluster.service(name);
          return state === 'ready' && pids[0] !== undefined && pids[0] !== pid;
        },
        30_000,
      );
    }
    before.close();
    const after = await natsClient(port);
    expect((await after.ask('$JS.API.STREAM.INFO.events', {}))['state']).toMatchObject({ messages: 1 });
    after.close();
  });

  test('camp is killed: nothing of them stays, and the next up has all the data', async () => {
    await using cluster = project('orphan');
    await cluster.up();
    const redis = await redisClient(portIn((await cluster.service('redis')).url));
    expect(await redis.ask('SET', 'kept', 'yes')).toBe('OK');
    process.kill(cluster.supervisor(), 'SIGKILL');
    await eventually(
      'nothing runs any more',
      () => cluster.processes().length === 0,
      14_000,
      () => cluster.processes(),
    );
    redis.close();
    await cluster.up();
    const again = await redisClient(portIn((await cluster.service('redis')).url));
    expect(await again.ask('GET', 'kept')).toBe('yes');
    again.close();
  });

  test('Ctrl-C while data are made: nothing is left of them, and the next up makes them', async () => {
    await using cluster = project('halves');
    const up = cluster.start(['up']);
    await eventually('they are being made', () => existsSync(cluster.path('.camp', 'data')), 30_000);
    up.signal('SIGINT');
    expect(await up.exits(30_000)).toBe(130);
    const left = existsSync(cluster.path('.camp', 'data')) ? readdirSync(cluster.path('.camp', 'data')) : [];
    expect(left.filter((name) => name.startsWith('.'))).toEqual([]);
    const { services } = await cluster.up();
    expect(services.every(({ state }) => state === 'ready')).toBe(true);
  });

  test('another password in .env, and data of another version: what is wrong, where, and how to go on', async () => {
    await using cluster = project('wrong');
    await cluster.up();
    await cluster.camp(['down']);
    cluster.write('.env', 'API_DB_PASSWORD=another-one\n');
    const other = await cluster.camp(['up', '-d', '--json'], [3]);
    expect(JSON.parse(other.stdout)).toMatchObject({ error: { code: 'DATA_PASSWORD', fault: 'project' } });
    expect(other.stdout + other.stderr).not.toMatch(/another-one|gEneRated/);
    cluster.write('.env', `API_DB_PASSWORD=${secret}\n`);
    cluster.write('.camp/data/api-db/PG_VERSION', '99\n');
    const newer = await cluster.camp(['up', '-d', '--json'], [4]);
    expect(JSON.parse(newer.stdout)).toMatchObject({ error: { code: 'DATA_VERSION', fault: 'machine' } });
    cluster.write('.camp/data/api-db/PG_VERSION', '17\n');
    expect((await cluster.up()).services.every(({ state }) => state === 'ready')).toBe(true);
  });

  test('what is saved while it stops is saved: servers end after those that use them', async () => {
    await using cluster = project('last');
    await cluster.up();
    const [pg] = (await cluster.service('api-db')).pids;
    const socket = connect(portIn((await cluster.service('api-db')).url), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.on('error', () => undefined);
    await cluster.camp(['down']);
    socket.destroy();
    expect(existsSync(`/proc/${pg}`)).toBe(false);
    expect(existsSync(cluster.path('.camp', 'data', 'api-db', 'postmaster.pid'))).toBe(false);
  });
});
