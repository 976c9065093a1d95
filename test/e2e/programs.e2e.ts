import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listeners } from '../../src/kit/ports.ts';
import { isAlive } from '../../src/kit/process.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

interface Failures {
  readonly errors: readonly {
    readonly code: string;
    readonly message: string;
    readonly evidence?: readonly string[];
  }[];
}

/** An `up -d --json` that must fail with exit 5; leaves nothing running. */
async function failing(cluster: Cluster, ...args: readonly string[]): Promise<Failures['errors']> {
  const { stdout, stderr } = await cluster.camp(['up', '-d', '--json', ...args], [5]);
  expect(stdout + stderr).not.toMatch(/bug in camp|\n\s+at /);
  await cluster.nothingIsLeft();
  return (JSON.parse(stdout) as Failures).errors;
}

describe('a program that fails at its start', () => {
  test('ends with code 3: a crash loop, with what it said; what waits for it is not started', async () => {
    await using cluster = new Cluster(home, 'loops', { db: { env: { MODE: 'exit-3' } }, api: { needs: ['db'] } });
    cluster.edit('compose.yaml', 'depends_on: [db]', 'depends_on: { db: { condition: service_healthy } }');
    const errors = await failing(cluster);
    expect(errors.map((one) => one.code)).toContain('CRASH_LOOP');
    expect(JSON.stringify(errors)).toContain('the flux is missing');
    expect(errors.some((one) => one.message.includes('"api"'))).toBe(false);
  });

  test('ends with code 0 although it was to serve: EXITED_EARLY', async () => {
    await using cluster = new Cluster(home, 'early', { api: { env: { MODE: 'exit-0' } } });
    expect((await failing(cluster)).map((one) => one.code)).toEqual(['EXITED_EARLY']);
  });

  test.each(['silent', 'never-ready'])('is never ready (%s): NOT_READY within its timeout', async (mode) => {
    await using cluster = new Cluster(home, 'never', { api: { env: { MODE: mode } } });
    const began = performance.now();
    expect((await failing(cluster, '--timeout', '2')).map((one) => one.code)).toEqual(['NOT_READY']);
    expect(performance.now() - began).toBeLessThan(6000);
  });

  test('cannot be started at all: named with the reason', async () => {
    await using cluster = new Cluster(home, 'nothing', { api: {} });
    cluster.edit('compose.yaml', 'run: node main.mjs', 'run: ./no-such-program');
    expect(JSON.stringify(await failing(cluster))).toContain('no-such-program');
  });
});

describe('a program that does as it likes', () => {
  test.each(['own-port', 'own-port six', 'six'])('listens elsewhere (%s): found and routed to', async (mode) => {
    const port = 19_100 + (process.pid % 800);
    await using cluster = new Cluster(home, 'likes', { api: { env: { MODE: mode, OWN_PORT: String(port) } } });
    await cluster.up();
    expect((await cluster.get('/api/')).status).toBe(200);
    const pid = await cluster.pid('api');
    process.kill(pid, 'SIGKILL');
    await eventually('it serves again', async () => (await cluster.json('/api/')).pid !== pid);
    await cluster.camp(['down']);
    expect(listeners().filter((one) => one.port === port)).toEqual([]);
  });

  test('leaves a daemon and a child that holds its pipes: down takes no longer for that', async () => {
    await using cluster = new Cluster(home, 'pipes', { api: { env: { MODE: 'fork daemon' } } });
    await cluster.up();
    const before = cluster.processes().filter((one) => one.replica === 'api:1');
    const began = performance.now();
    await cluster.camp(['down']);
    expect(performance.now() - began).toBeLessThan(4000);
    // a zombie that nobody reaps is dead all the same
    expect(before.filter(isAlive)).toEqual([]);
  });

  test('writes 50 MB: camp stays small, and its neighbour answers', async () => {
    await using cluster = new Cluster(home, 'loud', { api: {}, web: {} });
    cluster.edit(
      'services/api/main.mjs',
      'console.log(`said',
      'for (let i = 0; i < 500_000; i++) process.stdout.write(`${i} ${"x".repeat(90)}\\n`);\n        console.log(`said',
    );
    await cluster.up();
    await cluster.get('/api/say');
    expect((await cluster.get('/web/')).status).toBe(200);
    await eventually(
      'the last line is kept',
      async () => /said/.test((await cluster.camp(['logs', 'api', '--since', '30s', '--request', 'said'])).stdout),
      20_000,
    );
    expect(rssOf(cluster.supervisor())).toBeLessThan(300);
  });
});

/** Resident memory in MB. */
function rssOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
