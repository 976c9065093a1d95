import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster, createHome, eventually, type Home, kill } from '../rig/cluster.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

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
