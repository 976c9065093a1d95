import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser, whyNoBrowser } from '../rig/browser.ts';
import { type Answer, ask } from '../rig/client.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';
import { ContainerCluster } from '../rig/containers.ts';
import { requireImages } from '../rig/images.ts';

/** How many orders meet a process that is killed; 20 a second of them. */
const count = Number(process.env['CAMP_ORDERS'] ?? 120);
const kills = 4;

const whyNot = whyNoBrowser();
if (whyNot && !process.env['CI']) console.warn(`skipped: the monolith's page in a real browser: ${whyNot}`);

interface Order {
  readonly id: string;
  readonly status: 'pending' | 'confirmed' | 'cancelled';
  readonly reason: string | null;
}

const init = ['init', '.', '--starter', 'monolith', '--yes'];

function post(shop: Cluster, body: unknown, key: string): Promise<Answer> {
  const { https: port, caFile, name } = shop;
  const headers = { 'idempotency-key': key };
  return ask({ port, caFile, host: `${name}.localhost`, path: '/api/orders', method: 'POST', headers, body });
}

/** As a client does that wants its order: refused or cut off, it asks again under the same key. */
async function place(shop: Cluster, card: string, sku = 'mug'): Promise<string> {
  const key = randomUUID();
  const order = { items: [{ sku, quantity: 1 }], card };
  return eventually(
    'the order was accepted',
    async () => {
      const answer = await post(shop, order, key).catch(() => undefined);
      if (answer?.status === 202) return (JSON.parse(answer.text) as Order).id;
      if (answer && answer.status < 500 && answer.status !== 409 && answer.status !== 429)
        throw new Error(`${answer.status} ${answer.text}`);
      await pause(100);
      return undefined;
    },
    60_000,
  );
}

async function json<T>(shop: Cluster, path: string): Promise<T> {
  return (await shop.json(path)) as unknown as T;
}

interface Sums {
  readonly orders: Readonly<Record<Order['status'], { readonly orders: number; readonly amount: number }>>;
  readonly products: readonly Readonly<Record<'initial' | 'available' | 'reserved' | 'sold', number>>[];
  readonly money: { readonly charged: number; readonly refunded: number };
  readonly sent: number;
}

async function sums(shop: Cluster): Promise<Sums> {
  const { totals: orders } = await json<{ totals: Sums['orders'] }>(shop, '/api/orders?limit=1');
  const { products } = await json<Pick<Sums, 'products'>>(shop, '/api/inventory');
  const { totals: money } = await json<{ totals: Sums['money'] }>(shop, '/api/payments');
  const { totals } = await json<{ totals: { sent: number } }>(shop, '/api/notifications');
  return { orders, products, money, sent: totals.sent };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** When nothing is under way: stock and money add up, and each order was told of once. */
function checkBooks({ orders, products, money, sent }: Sums): void {
  for (const { initial, available, reserved, sold } of products) expect(available + reserved + sold).toBe(initial);
  expect(sum(products.map(({ reserved }) => reserved))).toBe(0);
  expect(money.charged - money.refunded).toBe(orders.confirmed.amount);
  expect(sent).toBe(orders.confirmed.orders + orders.cancelled.orders);
}

/** Every accepted order has ended, and so has everything that follows from it. */
async function settled(shop: Cluster): Promise<Sums> {
  return eventually(
    'every order is settled',
    async () => {
      const now = await sums(shop);
      const isOver = now.orders.pending.orders === 0 && sum(now.products.map(({ reserved }) => reserved)) === 0;
      const isTold = now.sent >= now.orders.confirmed.orders + now.orders.cancelled.orders;
      return isOver && isTold ? now : (pause(100), undefined);
    },
    90_000,
    () => 'see the log of shop',
  );
}

let home: Home;
let shop: Cluster;
beforeAll(async () => {
  home = createHome();
  shop = new Cluster(home, 'monolith');
  mkdirSync(shop.dir);
  await shop.camp(init);
  await shop.up('--native');
}, 300_000);
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]();
  home?.[Symbol.dispose]();
});

describe('natively, without Docker', () => {
  test('one process holds every module, and one database all their tables', async () => {
    const { services } = await shop.ps();
    const placed = Object.fromEntries(services.map(({ name, placement }) => [name, placement]));
    expect(placed).toMatchObject({ web: 'static', shop: 'process', 'shop-db': 'native server' });
    expect(Object.keys(placed).filter((name) => name !== 'edge')).toHaveLength(3);
    expect(await shop.service('shop')).toMatchObject({ state: 'ready', pids: [expect.any(Number)] });
  });

  test('an order is confirmed, a declined card cancels it with everything compensated', async () => {
    const good = await place(shop, 'good');
    const bad = await place(shop, 'declined');
    checkBooks(await settled(shop));
    expect(await json<Order>(shop, `/api/orders/${good}`)).toMatchObject({ status: 'confirmed', reason: null });
    const cancelled = await json<Order>(shop, `/api/orders/${bad}`);
    expect(cancelled).toMatchObject({ status: 'cancelled', reason: 'the card was declined' });
  });

  test('the same key is one order, another body under it is refused', async () => {
    const order = { items: [{ sku: 'torch', quantity: 1 }], card: 'good' };
    const [first, second] = [await post(shop, order, 'same-key'), await post(shop, order, 'same-key')];
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(JSON.parse(second.text)).toEqual(JSON.parse(first.text));
    expect((await post(shop, { ...order, card: 'declined' }, 'same-key')).status).toBe(422);
    checkBooks(await settled(shop));
  });

  test('killed in the middle of orders, again and again: none is lost, none is doubled', async () => {
    const before = await settled(shop);
    const seed = Number(process.env['CAMP_SEED'] ?? Date.now() % 1_000_000);
    console.log(`seed ${seed}: ${count} orders, ${kills} kills`);
    const random = seeded(seed);
    const every = (count * 50) / kills;
    const killing = (async () => {
      for (let i = 0; i < kills; i++) {
        await pause(every * (0.5 + random() / 2));
        process.kill(await shop.pid('shop'), 'SIGKILL');
        await eventually('it is back', async () => (await shop.service('shop')).state === 'ready', 30_000);
      }
    })();
    const ids = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        await pause(i * 50);
        return place(shop, i % 4 === 3 ? 'declined' : 'good', ['mug', 'torch', 'stove'][i % 3]);
      }),
    );
    await killing;
    const after = await settled(shop);
    expect(new Set(ids).size).toBe(count);
    checkBooks(after);
    const { orders } = await json<{ orders: readonly Order[] }>(shop, '/api/orders?limit=1000');
    const known = new Map(orders.map((order) => [order.id, order]));
    expect(ids.filter((id) => known.get(id)?.status === undefined || known.get(id)?.status === 'pending')).toEqual([]);
    const made = (one: Sums): number => one.orders.confirmed.orders + one.orders.cancelled.orders;
    expect(made(after) - made(before)).toBe(count);
    const declined = Math.floor(count / 4);
    expect(after.orders.cancelled.orders - before.orders.cancelled.orders).toBe(declined);
    const told = await Promise.all(
      ids.slice(0, 20).map((id) => json<{ notifications: unknown[] }>(shop, `/api/notifications?order=${id}`)),
    );
    expect(told.map(({ notifications }) => notifications.length)).toEqual(told.map(() => 1));
  }, 300_000);

  test('its data outlives down, and the database comes back to it', async () => {
    const before = await settled(shop);
    await shop.camp(['down']);
    await shop.up('--native');
    expect((await sums(shop)).orders).toEqual(before.orders);
  }, 120_000);
});

// with CI set a missing browser is a failure
describe.skipIf(whyNot && !process.env['CI'])('the page in a Chromium that trusts the authority', () => {
  let browser: Browser;
  beforeAll(async () => {
    if (whyNot) throw new Error(whyNot);
    browser = await openBrowser(join(home.dir, 'home'), shop.caFile);
  });
  afterAll(() => browser?.close());

  test.each([
    ['good', 'confirmed'],
    ['declined', 'cancelled'],
  ])('an order with a %s card is shown to its end: %s', async (card, outcome) => {
    const page = await browser.newPage();
    const trouble = listen(page);
    await page.goto(`https://${shop.name}.localhost:${shop.https}/`);
    await page.locator('input[name="sku"]:checked').waitFor({ state: 'attached' });
    await page.locator(`input[name="card"][value="${card}"]`).check();
    await page.getByRole('button', { name: 'Buy' }).click();
    await page.locator(`.order[data-status="${outcome}"][data-settled="true"]`).waitFor();
    const payment = await page.locator('.order [data-step="payments"]').first().textContent();
    expect(payment).toContain(card === 'good' ? 'charged' : 'declined: the card was declined');
    expect(await page.locator('.order [data-step="inventory"]').first().textContent()).toContain(
      card === 'good' ? 'sold' : 'released',
    );
    expect(trouble).toEqual([]);
    await page.close();
  });
});

const whyNoContainers = requireImages('the monolith in containers', ['node:24-alpine', 'caddy:2', 'postgres:17']);

describe.skipIf(whyNoContainers !== undefined)('in containers', () => {
  test('an order is confirmed and a declined one is undone', async () => {
    using home = createHome();
    await using shop = new ContainerCluster(home, `monolith-${process.pid}`, {});
    await shop.camp(init);
    await shop.up('--docker');
    await place(shop, 'good');
    await place(shop, 'declined');
    const after = await settled(shop);
    checkBooks(after);
    expect([after.orders.confirmed.orders, after.orders.cancelled.orders]).toEqual([1, 1]);
  }, 600_000);
});

/** mulberry32: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a page would show in red, as it comes. */
function listen(page: Page): readonly string[] {
  const trouble: string[] = [];
  page.on('console', (line) => {
    if (line.type() === 'error' || line.type() === 'warning') trouble.push(`console: ${line.text()}`);
  });
  page.on('pageerror', (error) => trouble.push(`exception: ${error.message}`));
  page.on('response', (got) => {
    if (got.status() >= 400) trouble.push(`${got.status()}: ${got.url()}`);
  });
  return trouble;
}
