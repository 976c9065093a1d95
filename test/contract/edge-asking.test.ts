import { rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Wanted } from '../../src/edge/types.ts';
import { hasEngine } from './edge-container-rig.ts';
import { caddy, createRig, eventually, https, load, never, type Rig, type Upstream, wantedOf } from './edge-rig.ts';

const text = 'shop.localhost {\n\treverse_proxy web:80\n}\n';

/** The replicas are in containers: Caddy asks for them. */
const asking = (addresses: readonly string[], rest: Partial<Wanted> = {}): Wanted =>
  wantedOf(text, { web: addresses }, { contained: new Set(['web']), ...rest });

const named =
  (word: string, ms = 0) =>
  (_: unknown, response: { end(text: string): void }): void =>
    void setTimeout(() => response.end(word), ms);

const loadedAt = (rig: Rig): bigint => statSync(rig.configFile, { bigint: true }).mtimeNs;
const isAnswered = (rig: Rig): Promise<number> =>
  rig.edge.firstRequest({ service: 'web', url: https(rig) }, 10_000, never);

/** What is seen of an edge whose Caddy asks camp where the replicas are. */
describe.each([
  { kind: 'process', isPossible: caddy !== undefined },
  { kind: 'container', isPossible: caddy !== undefined && hasEngine },
] as const)('the edge in front of containers, as a $kind', ({ kind, isPossible }) => {
  describe.skipIf(!isPossible)('with a real Caddy', () => {
    test('replicas come and go under load: nobody who opens a connection is turned away, nothing is loaded', async () => {
      await using rig = createRig({ kind });
      await using one = await rig.upstream(named('one', 5));
      await rig.edge.start(never);
      const routes = await rig.edge.route(asking([one.address]), never);
      expect(routes).toEqual([{ service: 'web', url: https(rig) }]);
      await isAnswered(rig);
      const loaded = loadedAt(rig);
      const traffic = load(rig, https(rig), 6);
      for (let i = 0; i < 5; i++) {
        const two = await rig.upstream(named(`two ${i}`, 5));
        const three = await rig.upstream(named(`three ${i}`, 5));
        expect(await rig.edge.route(asking([one.address, two.address, three.address]), never)).toEqual(routes);
        await delay(400);
        await rig.edge.route(asking([one.address]), never);
        await Promise.all([two, three].map(({ address }) => rig.edge.drain(address, 5000, never)));
        await Promise.all([two, three].map((each) => each.kill()));
      }
      const answers = new Set(await traffic.stop());
      const all = ['one', ...[0, 1, 2, 3, 4].flatMap((i) => [`two ${i}`, `three ${i}`])];
      expect(answers).toEqual(new Set(all.map((word) => `200 ${word}`)));
      expect(loadedAt(rig)).toBe(loaded);
      expect(rig.lines).toEqual([]);
    });

    test('one of two replicas is killed under load: no GET fails', async () => {
      await using rig = createRig({ kind });
      await using one = await rig.upstream(named('one', 5));
      const two = await rig.upstream(named('two', 5));
      await rig.edge.start(never);
      await rig.edge.route(asking([one.address, two.address]), never);
      await isAnswered(rig);
      const traffic = load(rig, https(rig), 8);
      await delay(300);
      await two.kill();
      await delay(1500);
      await using back = await rig.upstream(named('back', 5), Number(two.address.split(':')[1]));
      expect(back.address).toBe(two.address);
      await delay(1500);
      expect(new Set(await traffic.stop())).toEqual(new Set(['200 one', '200 two', '200 back']));
    });

    test('the only replica restarts somewhere else: requests wait for it', async () => {
      await using rig = createRig({ kind });
      let web: Upstream = await rig.upstream(named('old'));
      await rig.edge.start(never);
      await rig.edge.route(asking([web.address]), never);
      await isAnswered(rig);
      const loaded = loadedAt(rig);
      await web.kill();
      const asked = Promise.all([rig.get(https(rig)), rig.get(https(rig), { method: 'POST' })]);
      await delay(400);
      web = await rig.upstream(named('new'));
      await rig.edge.route(asking([web.address]), never);
      expect((await asked).map((answer) => answer.text)).toEqual(['new', 'new']);
      expect(loadedAt(rig)).toBe(loaded);
      await web.kill();
    });

    test('a service without a replica answers 503 after the try window, before its first one and after its last', async () => {
      await using rig = createRig({ kind });
      await using web = await rig.upstream(named('here'));
      await rig.edge.start(never);
      const short = 'shop.localhost {\n\treverse_proxy web:80 {\n\t\tlb_try_duration 300ms\n\t}\n}\n';
      const wanted = (addresses: readonly string[]): Wanted => ({
        ...asking(addresses),
        caddyfile: { path: 'Caddyfile', text: short },
      });
      await rig.edge.route(wanted([]), never);
      expect((await eventually('an answer', () => rig.get(https(rig)).catch(() => undefined))).status).toBe(503);
      await rig.edge.route(wanted([web.address]), never);
      expect((await rig.get(https(rig))).text).toBe('here');
      await rig.edge.route(wanted([]), never);
      const before = performance.now();
      expect((await rig.get(https(rig))).status).toBe(503);
      expect(performance.now() - before).toBeGreaterThan(290);
    });

    test('a replica that is not ready is not asked while another one is', async () => {
      await using rig = createRig({ kind });
      await using one = await rig.upstream(named('one', 5));
      await using two = await rig.upstream(named('two', 5));
      const both = [one.address, two.address];
      await rig.edge.start(never);
      await rig.edge.route(asking(both, { unready: new Set(['web:1', 'web:2']) }), never);
      await isAnswered(rig);
      const first = load(rig, https(rig), 4);
      await delay(500);
      expect(new Set(await first.stop())).toEqual(new Set(['200 one', '200 two']));
      await rig.edge.route(asking(both, { unready: new Set(['web:2']) }), never);
      await rig.edge.drain(two.address, 5000, never);
      const second = load(rig, https(rig), 4);
      await delay(500);
      expect(new Set(await second.stop())).toEqual(new Set(['200 one']));
    });

    test('a drained replica is asked no more, and has answered whom it was asked by', async () => {
      await using rig = createRig({ kind });
      await using one = await rig.upstream(named('one', 30));
      const seen: number[] = [];
      await using two = await rig.upstream((_, response) => {
        seen.push(performance.now());
        setTimeout(() => response.end('two'), 700);
      });
      await rig.edge.start(never);
      await rig.edge.route(asking([one.address, two.address]), never);
      await isAnswered(rig);
      const traffic = load(rig, https(rig), 6);
      await eventually('both are asked', () => seen.length > 2);
      await rig.edge.route(asking([one.address]), never);
      await rig.edge.drain(two.address, 10_000, never);
      const drained = performance.now();
      expect(seen.filter((at) => at + 600 > drained)).toEqual([]);
      await delay(500);
      expect(new Set(await traffic.stop())).toEqual(new Set(['200 one', '200 two']));
      expect(seen.filter((at) => at > drained)).toEqual([]);
    });

    test('a Caddy that is killed asks the same camp when it is back', async () => {
      await using rig = createRig({ kind });
      await using one = await rig.upstream(named('one'));
      await using two = await rig.upstream(named('two'));
      await rig.edge.start(never);
      await rig.edge.route(asking([one.address]), never);
      await isAnswered(rig);
      await rig.edge.route(asking([two.address]), never);
      const { pid } = rig.edge;
      await rig.kill();
      const answer = await eventually('an answer from a new Caddy', async () =>
        rig.edge.pid === pid ? undefined : rig.get(https(rig)).catch(() => undefined),
      );
      expect(answer.text).toBe('two');
      await rig.edge.route(asking([one.address]), never);
      await eventually('the other one', async () => (await rig.get(https(rig))).text === 'one');
    });

    test('who asks and is not answered goes on with the last answer', async () => {
      await using rig = createRig({ kind });
      await using one = await rig.upstream(named('one', 5));
      await rig.edge.start(never);
      await rig.edge.route(asking([one.address]), never);
      await isAnswered(rig);
      rmSync(join(dirname(rig.configFile), 'names.sock'));
      const traffic = load(rig, https(rig), 4);
      await delay(1000);
      expect(new Set(await traffic.stop())).toEqual(new Set(['200 one']));
    });
  });
});

describe.skipIf(caddy === undefined)('an edge without containers', () => {
  test('opens nothing that could be asked', async () => {
    await using rig = createRig();
    await using one = await rig.upstream(named('one'));
    await rig.edge.start(never);
    await rig.edge.route(wantedOf(text, { web: [one.address] }, { contained: new Set() }), never);
    await isAnswered(rig);
    expect(() => statSync(join(dirname(rig.configFile), 'names.sock'))).toThrow('ENOENT');
  });
});
