import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAlive, processInfo } from '../../src/kit/process.ts';
import { type Visit, visit } from '../rig/client.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const visiting = (cluster: Cluster, path: string) =>
  visit({ port: cluster.https, host: `${cluster.name}.localhost`, path, caFile: cluster.caFile });
const failed = (visits: readonly Visit[]): readonly Visit[] => visits.filter((one) => one.outcome !== '200');
const slowest = (visits: readonly Visit[]): number => Math.max(...visits.map((one) => one.ms));

/** Kills a pid and resolves when that very process is gone. */
async function kill(pid: number): Promise<void> {
  const id = processInfo(pid);
  if (!id) throw new Error(`${pid} does not run`);
  process.kill(pid, 'SIGKILL');
  await eventually(`${pid} is dead`, () => !isAlive(id), 2000);
}

/** Until another process answers there; returns how long that took. */
async function backAs(cluster: Cluster, path: string, before: number): Promise<number> {
  const began = performance.now();
  await eventually(`another process answers ${path}`, async () => (await cluster.json(path)).pid !== before);
  return performance.now() - began;
}

describe('kill -9 of a service', () => {
  test('with two replicas a client that keeps asking sees no error, and the others are untouched', async () => {
    await using cluster = new Cluster(home, 'two', { api: { replicas: 2 }, web: {} });
    await cluster.up();
    const web = await cluster.pid('web');
    for (const round of [1, 2, 3]) {
      const { pids } = await cluster.service('api');
      const visitor = visiting(cluster, '/api/');
      await eventually('some answers', () => visitor.visits.length > 10);
      await kill(pids[round % 2] ?? 0);
      const began = performance.now();
      await eventually('both are ready', async () => {
        const now = await cluster.service('api');
        return now.state === 'ready' && now.pids.length === 2 && now.pids.every((pid) => pid !== pids[round % 2]);
      });
      expect(performance.now() - began).toBeLessThan(2000);
      const visits = await visitor.leave();
      expect(failed(visits)).toEqual([]);
    }
    expect(await cluster.pid('web')).toBe(web);
  });

  test('with one replica a client waits for a moment and sees no error', async () => {
    await using cluster = new Cluster(home, 'one', { api: {} });
    await cluster.up();
    for (const _ of [1, 2, 3]) {
      const before = await cluster.pid('api');
      const visitor = visiting(cluster, '/api/');
      await eventually('some answers', () => visitor.visits.length > 10);
      await kill(before);
      expect(await backAs(cluster, '/api/', before)).toBeLessThan(2000);
      const visits = await visitor.leave();
      expect(failed(visits)).toEqual([]);
      expect(slowest(visits)).toBeLessThan(2000);
    }
  });

  test('all replicas at once: back within two seconds, no answer of 500 or above', async () => {
    await using cluster = new Cluster(home, 'all', { api: { replicas: 3 } });
    await cluster.up();
    const { pids } = await cluster.service('api');
    const visitor = visiting(cluster, '/api/');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    const began = performance.now();
    await eventually('three new ones', async () => {
      const now = await cluster.service('api');
      return now.state === 'ready' && now.pids.length === 3 && !now.pids.some((pid) => pids.includes(pid));
    });
    expect(performance.now() - began).toBeLessThan(2500);
    expect(failed(await visitor.leave())).toEqual([]);
  });

  test('what it had forked goes with it, and so does what has left its group', async () => {
    await using cluster = new Cluster(home, 'forks', { api: { env: { MODE: 'fork daemon' } } });
    await cluster.up();
    const before = cluster.processes().filter((one) => one.replica === 'api:1');
    expect(before).toHaveLength(3);
    const pid = await cluster.pid('api');
    await kill(pid);
    await backAs(cluster, '/api/', pid);
    await eventually('only the new ones live', () => {
      const now = cluster.processes().filter((one) => one.replica === 'api:1');
      return now.length === 3 && !now.some((one) => before.some((old) => old.pid === one.pid));
    });
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  });

  test('a port that closes while the process lives: it is restarted', async () => {
    await using cluster = new Cluster(home, 'closes', { api: {} });
    await cluster.up();
    const before = await cluster.pid('api');
    await cluster.get('/api/close-port');
    expect(await backAs(cluster, '/api/', before)).toBeLessThan(6000);
  });
});

describe('kill -9 of the edge', () => {
  test('Caddy comes back on the same ports with the same CA and the same routes', async () => {
    await using cluster = new Cluster(home, 'caddy', { api: {}, web: {} });
    const { edge } = await cluster.up();
    const fingerprint = new X509Certificate(readFileSync(cluster.caFile)).fingerprint256;
    const api = await cluster.pid('api');
    for (const _ of [1, 2]) {
      const pid = (await cluster.ps()).edge?.pid ?? 0;
      await kill(pid);
      const began = performance.now();
      await eventually(
        'HTTPS answers',
        async () => (await cluster.get('/web/').catch(() => ({ status: 0 }))).status === 200,
      );
      expect(performance.now() - began).toBeLessThan(2000);
      const now = await cluster.ps();
      expect(now.edge).toEqual({ ...edge, pid: now.edge?.pid });
      expect(now.edge?.pid).not.toBe(pid);
    }
    expect(new X509Certificate(readFileSync(cluster.caFile)).fingerprint256).toBe(fingerprint);
    expect((await cluster.json('/api/')).pid).toBe(api);
  });

  test('a Caddy that hangs is replaced within five seconds', async () => {
    await using cluster = new Cluster(home, 'hangs', { api: {} });
    const { edge } = await cluster.up();
    process.kill(edge?.pid ?? expect.fail('no edge'), 'SIGSTOP');
    const began = performance.now();
    await eventually(
      'HTTPS answers',
      async () =>
        (await cluster.ps()).edge?.pid !== edge?.pid &&
        (await cluster.get('/api/').catch(() => ({ status: 0 }))).status === 200,
      8000,
    );
    expect(performance.now() - began).toBeLessThan(6500);
  });
});

describe('kill -9 of camp', () => {
  const services = {
    api: { replicas: 2 },
    deaf: { env: { MODE: 'ignore-term fork' }, grace: '1s' },
    away: { env: { MODE: 'daemon' } },
  };

  test.each(['up', 'ps', 'down'])('in the foreground; then %s finds a clean field', async (next) => {
    await using cluster = new Cluster(home, `fore-${next}`, services);
    const up = cluster.start(['up']);
    await up.says('logs follow');
    up.signal('SIGKILL');
    await up.exits();
    await findsCleanField(cluster, next);
  });

  test.each(['up', 'ps', 'down'])('detached; then %s finds a clean field', async (next) => {
    await using cluster = new Cluster(home, `back-${next}`, services);
    await cluster.up();
    await kill(cluster.supervisor());
    await findsCleanField(cluster, next);
  });

  async function findsCleanField(cluster: Cluster, next: string): Promise<void> {
    if (next === 'up') {
      const { services: found } = await cluster.up();
      expect(found.map((one) => one.state)).toEqual(['ready', 'ready', 'ready']);
      const own = cluster.supervisor();
      for (const one of cluster.processes())
        expect(one.supervisor.split(':')[0], `${one.pid} ${one.replica}`).toBe(String(own));
    }
    if (next === 'ps') {
      expect((await cluster.ps()).running).toBe(false);
      expect((await cluster.ps()).urls).toEqual([]);
    }
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  }

  test('nobody runs camp again: the guard alone ends every group within its grace', async () => {
    await using cluster = new Cluster(home, 'guard', services);
    await cluster.up();
    const groups = () => cluster.processes().filter((one) => one.replica !== 'away:1');
    await kill(cluster.supervisor());
    await eventually(
      'the guard has ended all',
      () => groups().length === 0,
      3500,
      () => groups(),
    );
  });

  test('the guard itself is replaced', async () => {
    await using cluster = new Cluster(home, 'guards', { api: {} });
    await cluster.up();
    const guard = () => cluster.processes().find((one) => one.replica === 'guard');
    const first = await eventually('a guard', guard);
    process.kill(first.pid, 'SIGKILL');
    await eventually('another guard', () => guard() !== undefined && guard()?.pid !== first.pid, 2000);
    await kill(cluster.supervisor());
    await eventually('it has ended all', () => cluster.processes().length === 0, 3000);
  });

  test('at any moment of a start: the next up is clean and whole', async () => {
    await using cluster = new Cluster(home, 'moments', { api: { replicas: 2 }, web: {} });
    for (const ms of [60, 120, 170, 220, 270, 320, 370, 420, 500]) {
      const up = cluster.start(['up']);
      await new Promise((resolve) => setTimeout(resolve, ms)); // the moment itself is what is tested
      up.signal('SIGKILL');
      await up.exits();
      const { services: found } = await cluster.up();
      expect(found.map((one) => [one.state, one.pids.length])).toEqual([
        ['ready', 2],
        ['ready', 1],
      ]);
      const replicas = cluster
        .processes()
        .map((one) => one.replica)
        .filter((one) => one !== 'guard')
        .sort();
      expect(replicas).toEqual(['api:1', 'api:2', 'edge', 'web:1']);
      await cluster.camp(['down']);
    }
    await cluster.nothingIsLeft();
  });

  test('kill -9 of down: the next down finishes', async () => {
    await using cluster = new Cluster(home, 'downs', { api: { env: { MODE: 'ignore-term' }, grace: '2s' } });
    await cluster.up();
    const down = cluster.start(['down']);
    await eventually('it is stopping', async () => (await cluster.ps().catch(() => undefined))?.running !== true);
    down.signal('SIGKILL');
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  });
});
