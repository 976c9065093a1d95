import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UpReport } from '../../src/report/types.ts';
import { openBrowser, visit, whyNoBrowser } from '../rig/browser.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';
import { ContainerCluster } from '../rig/containers.ts';
import { requireImages } from '../rig/images.ts';
import { mistakes, Shop } from '../rig/shop.ts';
import { orderFlood, pause, processesOf, randomOf } from '../rig/shop-chaos.ts';
import { buy, listen, ordersHold } from '../rig/shop-suite.ts';

/* The shop as one modular monolith: it does what the shop of services does, also while its one process is killed. */

/** How many orders meet a process that is killed and a database that is; 20 a second. */
const count = Number(process.env['CAMP_ORDERS'] ?? 200);

/** Screenshots for eyes; not in git. */
const evidence = fileURLToPath(new URL('../evidence', import.meta.url));
const outbox = fileURLToPath(new URL('../rig/shop-outbox.mjs', import.meta.url));
const whyNoPage = whyNoBrowser();
if (whyNoPage && !process.env['CI']) console.warn(`skipped: the monolith's page in a real browser: ${whyNoPage}`);
const whyNoContainers = requireImages('the monolith in containers', ['postgres:17', 'node:24-alpine', 'caddy:2']);
const init = ['init', '.', '--starter', 'monolith', '--yes'];

let home: Home;
beforeAll(() => {
  home = createHome();
});
afterAll(() => home?.[Symbol.dispose]());

describe('natively, without Docker', () => {
  let shop: Shop;
  let report: UpReport;
  let browser: Browser | undefined;
  beforeAll(async () => {
    const cluster = new Cluster(home, 'monolith');
    mkdirSync(cluster.dir);
    shop = new Shop(cluster);
    await cluster.camp(init);
    report = await shop.up('--native');
  }, 420_000);
  afterAll(async () => {
    await browser?.close();
    shop?.[Symbol.dispose]();
    await shop?.cluster[Symbol.asyncDispose]();
  });

  test('one process holds every module, one server all their data, and there is no broker', () => {
    const placed = report.services.filter(({ placement }) => placement !== 'edge');
    expect(placed.map(({ name, placement, state }) => `${name}: ${placement}, ${state}`).sort()).toEqual([
      'shop-db: native server, ready',
      'shop: process, ready',
      'web: static, ready',
    ]);
    expect(placed.find(({ name }) => name === 'shop')?.pids).toHaveLength(1);
  });

  ordersHold(() => shop);

  test('killed and paused in the middle of orders, its database too: none is lost, none is doubled', async () => {
    const { cluster } = shop;
    const before = await shop.quiet();
    const seed = Number(process.env['CAMP_SEED'] ?? Date.now() % 1_000_000);
    const random = randomOf(seed);
    const flood = orderFlood(shop, { count, perSecond: 20, random });
    const done: string[] = [];
    for (const victim of ['shop', 'shop-db', 'shop', 'shop', 'shop-db']) {
      await new Promise((next) => setTimeout(next, ((count * 50) / 6) * (0.5 + random())));
      const pids = processesOf(shop, victim);
      if (random() < 0.3) await pause(pids, 1000 + random() * 2000);
      else process.kill(pids[0] as number, 'SIGKILL');
      done.push(victim);
      await eventually(
        `${victim} is ready again`,
        async () => (await cluster.service(victim)).state === 'ready',
        60_000,
      );
    }
    console.log(`seed ${seed}: ${count} orders, ${done.join(', ')}`);
    const ids = await flood;
    const after = await shop.quiet();
    expect(mistakes(after)).toEqual([]);
    expect(new Set(ids).size).toBe(count);
    const known = new Map(after.orders.map((order) => [order.id, order.status]));
    expect(ids.filter((id) => !/^(confirmed|cancelled)$/.test(known.get(id) ?? ''))).toEqual([]);
    expect(after.orders.length - before.orders.length).toBe(count);
  }, 400_000);

  test('without a broker dead letters lie in the database: camp dlq lists, shows and replays them', async () => {
    const { cluster } = shop;
    const dlq = async (...args: string[]) => JSON.parse((await cluster.camp(['dlq', ...args, '--json'])).stdout);
    expect(await dlq('ls')).toEqual({ letters: [] });
    await cluster.camp(['run', 'shop', '--', 'node', outbox, 'orders.cancelled', '{"order":"ghost"}']);
    const [letter] = await eventually('the letter is dead', async () => {
      const { letters } = await dlq('ls');
      return letters.length > 0 && letters;
    });
    expect(letter).toMatchObject({
      consumer: 'notifications_orders_cancelled',
      reason: 'the event names no order (orderId)',
      event: { type: 'orders.cancelled', data: { order: 'ghost' } },
    });
    expect(await dlq('show', letter.id)).toEqual({ letters: [letter] });
    expect(await dlq('replay', letter.id)).toMatchObject({ replayed: [{ id: letter.id, consumer: letter.consumer }] });
    await eventually('it is dead again, its cause being there still', async () => {
      const { letters } = await dlq('ls');
      return letters[0]?.id === letter.id && letters[0].time > letter.time;
    });
    const unknown = await cluster.camp(['dlq', 'show', 'nothing', '--json'], [2]);
    expect(JSON.parse(unknown.stdout).error.code).toBe('NO_DEAD_LETTER');
  });

  test('its data outlives down, and goes with down --data', async () => {
    const { cluster } = shop;
    const before = await shop.quiet();
    await cluster.camp(['down']);
    await shop.up('--native');
    expect((await shop.books()).totals).toEqual(before.totals);
    await cluster.camp(['down', '--data', '--yes']);
    await shop.up('--native');
    expect((await shop.books()).orders).toEqual([]);
  }, 200_000);

  // with CI set a missing browser is a failure
  test.skipIf(whyNoPage && !process.env['CI'])(
    'its page in a Chromium that trusts the authority: an order is confirmed, one with a declined card is cancelled',
    async () => {
      if (whyNoPage) throw new Error(whyNoPage);
      browser = await openBrowser(join(home.dir, 'home'), shop.cluster.caFile);
      const page = await browser.newPage();
      const trouble = listen(page);
      await visit(page, `https://monolith.localhost:${shop.cluster.https}/`);
      await page.locator('#products input').first().waitFor();
      expect(await buy(page, 'good')).toMatchObject({ status: 'confirmed', inventory: 'sold', payments: 'charged' });
      expect(await buy(page, 'declined')).toMatchObject({
        status: 'cancelled',
        inventory: 'released',
        payments: 'declined: the card was declined',
      });
      mkdirSync(evidence, { recursive: true });
      await page.screenshot({ path: join(evidence, 'monolith.png'), fullPage: true });
      expect(trouble).toEqual([]);
      await page.close();
      expect(mistakes(await shop.quiet())).toEqual([]);
    },
  );
});

describe.skipIf(whyNoContainers)('in containers', () => {
  let shop: Shop;
  beforeAll(async () => {
    // Compose's projects are one namespace per engine: another run of this test may be under way
    const cluster = new ContainerCluster(home, `monolith-${process.pid}`, {});
    shop = new Shop(cluster);
    await cluster.camp(init);
    const { services } = await shop.up('--docker', '--timeout', '240');
    const placed = services.filter(({ placement }) => placement !== 'edge' && placement !== 'static');
    expect(placed.map(({ placement }) => placement)).toEqual(placed.map(() => 'container'));
  }, 420_000);
  afterAll(async () => {
    shop?.[Symbol.dispose]();
    await shop?.cluster[Symbol.asyncDispose]();
  }, 240_000);

  ordersHold(() => shop);
});
