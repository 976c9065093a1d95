import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectId } from '../../src/kit/paths.ts';
import { type MarkedProcess, markedProcesses } from '../../src/kit/process.ts';
import type { TestReport } from '../../src/report/types.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';
import { shareServers } from '../rig/provide-servers.ts';
import { redisClient } from '../rig/server-clients.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

/** Two services with tests of their own, and one test of both through the edge. */
function tested(name: string): Cluster {
  const cluster = new Cluster(home, name, { api: { env: { COLOUR: 'green' } }, web: {} });
  cluster.write('services/api/package.json', '{"type": "module", "scripts": {"test": "node check.mjs"}}');
  cluster.write(
    'services/api/check.mjs',
    "if (process.env.COLOUR !== 'green') throw new Error(`the colour is ${process.env.COLOUR}`);\n",
  );
  mkdirSync(cluster.path('test'));
  cluster.write('test/system.test.mjs', throughTheEdge);
  return cluster;
}

const throughTheEdge = `
import assert from 'node:assert/strict';
import test from 'node:test';
test('both answer at CAMP_URL, whose certificate is trusted', async () => {
  for (const name of ['api', 'web'])
    assert.equal((await fetch(new URL('/' + name + '/', process.env.CAMP_URL))).status, 200);
  assert.ok(process.env.CAMP_URL.startsWith('https://' + process.env.CAMP_DOMAIN + ':'));
});
`;

/** Goes on until it is ended, and leaves a process that is in no group of anybody's. */
const endless = `
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import test from 'node:test';
test('it takes long', async () => {
  spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref();
  writeFileSync('begun', '');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
`;

function throwAway(cluster: Cluster): readonly MarkedProcess[] {
  return markedProcesses(projectId(cluster.dir, 'test'));
}

async function nothingIsLeftOf(cluster: Cluster): Promise<void> {
  await eventually(
    'the throw-away cluster is gone',
    () => throwAway(cluster).length === 0 && !existsSync(cluster.path('.camp/test')),
    10_000,
    () => [throwAway(cluster), readdirSync(cluster.path('.camp'))],
  );
}

describe('camp test', () => {
  test('runs the tests of each service in its environment, then those of the system through the edge', async () => {
    await using cluster = tested('whole');
    const { stdout } = await cluster.camp(['test']);
    expect(stdout).toMatch(/api +passed[\s\S]*system +passed/);
    expect(stdout).toMatch(/web +no tests/);
    await nothingIsLeftOf(cluster);
  });

  test('with --json it is one object', async () => {
    await using cluster = tested('json');
    const { stdout } = await cluster.camp(['test', '--json']);
    const report = JSON.parse(stdout) as TestReport;
    expect(report).toMatchObject({ passed: 2, failed: 0 });
    expect(report.suites.map(({ name, kind, status }) => ({ name, kind, status }))).toEqual([
      { name: 'web', kind: 'service', status: 'none' },
      { name: 'api', kind: 'service', status: 'passed' },
      { name: 'system', kind: 'system', status: 'passed' },
    ]);
  });

  test('a failing test: exit 5, what it said, the logs of the services, and nothing else is left', async () => {
    await using cluster = tested('failing');
    cluster.edit('services/api/check.mjs', "!== 'green'", "=== 'green'");
    const said = await cluster.camp(['test'], [5]);
    expect(said.stdout).toMatch(/api +failed.*exit code 1[\s\S]*Error: the colour is green/);
    expect(said.stdout).toMatch(/system +passed/);
    expect(said.stderr).toContain('TESTS_FAILED');
    expect(readdirSync(cluster.path('.camp/test-logs'))).toContain('web.ndjson');
    const object = JSON.parse((await cluster.camp(['test', '--json'], [5])).stdout) as Record<string, unknown>;
    expect(object).toMatchObject({ passed: 1, failed: 1, error: { code: 'TESTS_FAILED' } });
    await nothingIsLeftOf(cluster);
  });

  test('named services: their tests alone, with nothing else running', async () => {
    await using cluster = tested('some');
    const { stdout } = await cluster.camp(['test', 'api', '--json']);
    expect((JSON.parse(stdout) as TestReport).suites.map(({ name }) => name)).toEqual(['api']);
    expect((await cluster.camp(['test', 'nobody'], [2])).stderr).toContain('UNKNOWN_SERVICE');
    const none = await cluster.camp(['test', 'web'], [2]);
    expect(none.stderr).toContain('NO_TESTS');
    expect(none.stderr).not.toContain('ready');
  });

  test('a project that runs is not touched: the same processes, ports and answers as before', async () => {
    await using cluster = tested('running');
    const before = await cluster.up();
    const served = await cluster.json('/api/');
    await cluster.camp(['test']);
    expect((await cluster.ps()).services.map(({ pids }) => pids)).toEqual(before.services.map(({ pids }) => pids));
    expect((await cluster.ps()).edge).toEqual(before.edge);
    expect((await cluster.json('/api/')).pid).toBe(served.pid);
    await nothingIsLeftOf(cluster);
  });

  test('a service that does not come up is told, and no test is run', async () => {
    await using cluster = tested('broken');
    cluster.write('services/web/main.mjs', "throw new Error('no way');\n");
    const said = await cluster.camp(['test'], [5]);
    expect(said.stderr).toContain('no way');
    expect(said.stdout).not.toContain('passed');
    await nothingIsLeftOf(cluster);
  });

  test('a volume with a name of its own would be shared: refused before anything is started', async () => {
    await using cluster = tested('shared');
    cluster.write('compose.yaml', `${cluster.read('compose.yaml')}volumes:\n  data: {name: shop-data}\n`);
    const said = await cluster.camp(['test'], [3]);
    expect(said.stderr).toContain('NOT_ISOLATED');
    expect(existsSync(cluster.path('.camp'))).toBe(false);
  });
});

/** Sees what is in the Redis of its service's environment: nothing may be, and then something is. */
const seesNothing = `
import { connect } from 'node:net';
const { hostname, port } = new URL(process.env.REDIS_URL);
const socket = connect(Number(port), hostname, () => socket.write('GET seen\\r\\nSET seen by-the-tests\\r\\n'));
let said = '';
socket.on('data', (chunk) => {
  said += chunk;
  if (!said.includes('OK')) return;
  socket.destroy();
  if (said !== '$-1\\r\\n+OK\\r\\n') throw new Error('not fresh: ' + JSON.stringify(said));
});
`;

test('data: that of a project that runs is not seen and stays, that of the tests is fresh each time', async (context) => {
  const missing = await shareServers(home, { redis: {} });
  context.skip(missing.length > 0, `there is no ${missing.join(', no ')} here`);
  await using cluster = new Cluster(home, 'data', {
    api: { env: { REDIS_URL: 'redis://redis:6379' }, lines: ['depends_on: { redis: { condition: service_started } }'] },
  });
  cluster.write(
    'compose.yaml',
    `${cluster.read('compose.yaml')}  redis:
    image: redis:8
    command: ["redis-server", "--appendonly", "yes", "--appendfsync", "always"]
    volumes: ["redis:/data"]
volumes: { redis: {} }
`,
  );
  cluster.write('services/api/package.json', '{"type": "module", "scripts": {"test": "node check.mjs"}}');
  cluster.write('services/api/check.mjs', seesNothing);
  await cluster.up();
  const { url } = await cluster.service('redis');
  const redis = await redisClient(Number(new URL(url ?? '').port));
  await redis.ask('SET', 'seen', 'by-the-project');
  for (let time = 1; time <= 2; time++) await cluster.camp(['test']);
  expect(await redis.ask('GET', 'seen')).toBe('by-the-project');
  redis.close();
  await nothingIsLeftOf(cluster);
  expect(existsSync(cluster.path('.camp/data/redis'))).toBe(true);
}, 300_000);

describe('however it ends, the throw-away cluster goes', () => {
  async function begun(cluster: Cluster) {
    cluster.write('test/system.test.mjs', endless);
    const one = cluster.start(['test']);
    await eventually(
      'the test has begun',
      () => existsSync(cluster.path('begun')),
      30_000,
      () => one.output,
    );
    expect(throwAway(cluster).map(({ replica }) => replica)).toContain('api:1');
    return one;
  }

  test.each([
    ['Ctrl-C', ['SIGINT'], 130],
    ['Ctrl-C twice', ['SIGINT', 'SIGINT'], 130],
    ['TERM', ['SIGTERM'], 143],
  ] as const)('%s', async (_, signals, code) => {
    await using cluster = tested(`ended-${signals.join('-').toLowerCase()}`);
    const one = await begun(cluster);
    for (const signal of signals) one.signal(signal);
    expect(await one.exits()).toBe(code);
    expect(one.stderr).toContain('removing the cluster');
    await nothingIsLeftOf(cluster);
  });

  test.each(['test', 'up', 'down'])('kill -9, and then camp %s', async (next) => {
    await using cluster = tested(`killed-${next}`);
    const one = await begun(cluster);
    one.signal('SIGKILL');
    await one.exits();
    rmSync(cluster.path('begun'));
    cluster.write('test/system.test.mjs', throughTheEdge);
    await cluster.camp(next === 'up' ? ['up', '-d'] : [next]);
    await nothingIsLeftOf(cluster);
  });

  test('a test that takes longer than --timeout fails', async () => {
    await using cluster = tested('slow');
    cluster.write('test/system.test.mjs', endless);
    const { stdout } = await cluster.camp(['test', '--timeout', '5'], [5]);
    expect(stdout).toMatch(/system +failed.*took longer than 5 s/);
    await nothingIsLeftOf(cluster);
  });

  test('--keep leaves it running until Ctrl-C, and a second camp test does not come in between', async () => {
    await using cluster = tested('kept');
    const one = cluster.start(['test', '--keep']);
    await one.says('goes on running', 30_000);
    const url = /at (https:\S+);/.exec(one.output)?.[1];
    expect(throwAway(cluster).length, url).toBeGreaterThan(0);
    expect((await cluster.camp(['test'], [4])).stderr).toContain('LOCKED');
    one.signal('SIGINT');
    // the tests had passed by then
    expect(await one.exits()).toBe(0);
    expect(one.stdout).toMatch(/system +passed/);
    await nothingIsLeftOf(cluster);
  });
});
