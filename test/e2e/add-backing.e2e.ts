import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, rmSync, statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UpReport } from '../../src/report/types.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';
import { Shop } from '../rig/shop.ts';

/* From a page and an api to a service with a database, a cache, a broker and a worker behind it, by commands alone. */

let home: Home;
let cluster: Cluster;
let client: Shop;
let report: UpReport;

beforeAll(async () => {
  home = createHome();
  cluster = new Cluster(home, 'added');
  await cluster.init();
  client = new Shop(cluster);
  for (const words of [
    ['postgres', 'orders-db'],
    ['nats'],
    ['redis'],
    ['service', 'orders', '--needs', 'orders-db,nats,redis,api'],
    ['service', 'mails', '--template', 'worker', '--on', 'orders.created'],
  ])
    await cluster.camp(['add', ...words, '--yes']);
  // as after a clone: the passwords of another machine are not in git
  rmSync(cluster.path('.env'));
  report = await client.up('--native');
}, 420_000);

afterAll(async () => {
  client?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
  home?.[Symbol.dispose]();
});

test('everything runs natively, and nobody was asked for a password', () => {
  const placed = report.services.filter(({ placement }) => placement !== 'edge');
  expect(placed.map(({ name, placement, state }) => `${name}: ${placement}, ${state}`).sort()).toEqual([
    'api: process, ready',
    'mails-db: native server, ready',
    'mails: process, ready',
    'nats: native server, ready',
    'orders-db: native server, ready',
    'orders: process, ready',
    'redis: native server, ready',
    'web: static, ready',
  ]);
  expect(statSync(cluster.path('.env')).mode & 0o777).toBe(0o600);
  const passwords = [...cluster.read('.env').matchAll(/^\w+_PASSWORD=(\w{32})$/gm)].map(
    ([, password = '']) => password,
  );
  expect(passwords.length).toBe(2);
  for (const password of passwords) expect(JSON.stringify(report)).not.toContain(password);
});

test('what is written is read again, and its event reaches the worker once', async () => {
  const headers = { 'idempotency-key': 'k1', 'x-request-id': 'added-1' };
  const first = await client.ask('POST', '/api/orders/', { text: 'first' }, headers);
  expect(first.status).toBe(201);
  const again = await client.ask('POST', '/api/orders/', { text: 'first' }, headers);
  expect(again.body).toEqual(first.body);
  expect((await client.get('/api/orders/notes')).notes).toEqual([first.body]);
  const handled = () => cluster.camp(['run', 'mails', '--', 'psql', '-Atc', 'select data from work']);
  let seen = '';
  await eventually(
    'the worker has done its work',
    async () => {
      seen = (await handled()).stdout.trim();
      return seen !== '';
    },
    60_000,
    () => seen,
  );
  expect(JSON.parse(seen)).toEqual(first.body);
}, 120_000);

test('a change of the kit restarts the services that run it, and no other', async () => {
  const before = {
    orders: await cluster.pid('orders'),
    mails: await cluster.pid('mails'),
    api: await cluster.pid('api'),
  };
  appendFileSync(cluster.path('packages/kit/src/log.ts'), '// a change\n');
  const pids = { orders: before.orders, mails: before.mails };
  await eventually(
    'both have restarted',
    async () => {
      for (const name of ['orders', 'mails'] as const) pids[name] = await cluster.pid(name).catch(() => before[name]);
      return pids.orders !== before.orders && pids.mails !== before.mails;
    },
    60_000,
    () => pids,
  );
  expect(await cluster.pid('api')).toBe(before.api);
}, 120_000);

test('another service is wired to what runs, by the same command', async () => {
  await cluster.camp(['add', 'nats', '--for', 'api']);
  expect((await cluster.camp(['run', 'api', '--', 'printenv', 'NATS_URL'])).stdout).toMatch(
    /^nats:\/\/127\.0\.0\.1:\d+/,
  );
  const refused = await cluster.camp(['add', 'postgres', 'orders-db', '--for', 'api', '--json'], [2]);
  expect(refused.stdout + refused.stderr).toContain('DATABASE_SHARED');
}, 60_000);

test('its tests pass without camp, and Compose takes the file as it is', () => {
  expect(existsSync(cluster.path('node_modules'))).toBe(true);
  const tests = spawnSync('npm', ['test'], { cwd: cluster.dir, env: home.env, encoding: 'utf8' });
  expect(tests.status, tests.stdout + tests.stderr).toBe(0);
  const compose = spawnSync('docker', ['compose', 'config', '-q'], { cwd: cluster.dir, encoding: 'utf8' });
  if (compose.error) console.warn('not asked: there is no docker on this machine');
  else expect(compose.status, compose.stderr).toBe(0);
}, 300_000);
