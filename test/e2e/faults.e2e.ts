import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Visit, visit } from '../rig/client.ts';
import { Cluster, createHome, eventually, type Home, kill } from '../rig/cluster.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const visiting = (cluster: Cluster, path: string) =>
  visit({ port: cluster.https, host: `${cluster.name}.localhost`, path, caFile: cluster.caFile });
const failed = (visits: readonly Visit[]): readonly Visit[] => visits.filter((one) => one.outcome !== '200');
const slowest = (visits: readonly Visit[]): number => Math.max(...visits.map((one) => one.ms));

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
