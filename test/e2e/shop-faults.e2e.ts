import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';
import { type Books, mistakes, Shop } from '../rig/shop.ts';
import { orderFlood, randomOf, trouble } from '../rig/shop-chaos.ts';

/*
 * The starter shop under faults, driven from outside: whatever is killed or paused, every order that was accepted ends
 * confirmed or cancelled, once, and the books add up. SHOP_ORDERS and SHOP_SEED change the run; its seed is printed.
 */

const count = Number(process.env['SHOP_ORDERS'] ?? 500);
const perSecond = Number(process.env['SHOP_RATE'] ?? 20);
const seed = Number(process.env['SHOP_SEED'] ?? Date.now() % 1_000_000);
const services = ['orders', 'inventory', 'payments', 'notifications'];
const servers = ['nats', ...services.map((name) => `${name}-db`)];
const stranger = fileURLToPath(new URL('../rig/shop-broker.mjs', import.meta.url));

let home: Home;
let shop: Shop;
beforeAll(async () => {
  home = createHome();
  const cluster = new Cluster(home, 'shop');
  mkdirSync(cluster.dir);
  shop = new Shop(cluster);
  await cluster.camp(['init', '.', '--starter', 'shop', '--yes']);
  await shop.up('--native');
}, 420_000);
afterAll(async () => {
  shop?.[Symbol.dispose]();
  await shop?.cluster[Symbol.asyncDispose]();
  home?.[Symbol.dispose]();
}, 120_000);

/** Every order that somebody was told is accepted is there, settled, and told once; and there is no other. */
async function settledOnce(accepted: readonly string[], before: ReadonlySet<string>): Promise<void> {
  const books = await shop.quiet(300_000);
  expect(mistakes(books)).toEqual([]);
  const fresh = books.orders.filter(({ id }) => !before.has(id));
  expect(fresh.map(({ id }) => id).sort()).toEqual([...accepted].sort());
  expect(new Set(accepted).size).toBe(accepted.length);
  for (const { id, status } of fresh) {
    const { notifications } = await shop.get(`/api/notifications?order=${id}`);
    expect(notifications.map(({ outcome }: { outcome: string }) => outcome)).toEqual([status]);
  }
}

/**
 * What the kit's inbox is for: each consumer has done the work of an event once, however often it came. The shop's own handlers do not mind
 * a second time either, so that the books alone would not show it.
 */
async function workOnce(since: string): Promise<void> {
  const { stdout } = await shop.cluster.camp(['logs', ...services, '--json', '--since', since]);
  const work = new Map<string, number>();
  let copies = 0;
  for (const text of stdout.split('\n').filter(Boolean)) {
    const { line } = JSON.parse(text) as { line: string };
    if (!line.startsWith('{')) continue;
    const { msg, consumer, eventId } = JSON.parse(line) as Record<string, string>;
    if (msg === 'event again, nothing to do') copies++;
    if (msg === 'event') work.set(`${consumer} ${eventId}`, (work.get(`${consumer} ${eventId}`) ?? 0) + 1);
  }
  expect(copies).toBeGreaterThan(0);
  expect([...work].filter(([, times]) => times > 1)).toEqual([]);
}

const seconds = (began: number): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;

/** How many orders ended which way, and why. */
function outcomes({ orders }: Books): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status, reason } of orders) {
    const outcome = reason === null ? status : `${status}: ${reason}`;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

const known = async (): Promise<ReadonlySet<string>> => new Set((await shop.books()).orders.map(({ id }) => id));

describe('orders while everything is killed and paused', () => {
  test(`${count} orders at ${perSecond} a second, seed ${seed}`, { timeout: 900_000 }, async () => {
    console.log(`shop-faults: SHOP_SEED=${seed}`);
    const before = await known();
    const victims = [...services, ...servers];
    const everyMs = (count / perSecond / (victims.length * 2)) * 1000;
    const began = performance.now();
    const [accepted, done] = await Promise.all([
      orderFlood(shop, { count, perSecond, random: randomOf(seed) }),
      trouble(shop, { victims, everyMs, random: randomOf(seed + 1) }),
    ]);
    console.log([...done, `all accepted after ${seconds(began)}`].join('\n'));
    expect(accepted).toHaveLength(count);
    expect(done.filter((one) => / killed$| paused /.test(one)).length).toBeGreaterThan(victims.length);
    await settledOnce(accepted, before);
    console.log(`all settled and told after ${seconds(began)}: ${JSON.stringify(outcomes(await shop.books()))}`);
    const { services: now } = await shop.cluster.ps();
    expect(now.filter(({ state }) => state !== 'ready').map(({ name, state }) => `${name} ${state}`)).toEqual([]);
  });

  test('orders whose messages come twice or three times, late and out of order', { timeout: 300_000 }, async () => {
    const before = await known();
    const since = new Date().toISOString();
    const orders = Math.min(count, 100);
    const copier = shop.cluster.start(['run', 'orders', '--', 'node', stranger, 'copy', String(orders / 10 + 10)]);
    await eventually(
      'the copier listens',
      () => copier.stdout.includes('copying'),
      30_000,
      () => copier.stderr,
    );
    const accepted = await orderFlood(shop, { count: orders, perSecond: 10, random: randomOf(seed + 2) });
    expect(await copier.exits(90_000)).toBe(0);
    expect(JSON.parse(copier.stdout.split('\n')[1] ?? '').copies).toBeGreaterThan(orders * 4);
    await settledOnce(accepted, before);
    await workOnce(since);
  });
});

describe('a message that cannot be handled', () => {
  interface Letter {
    readonly id: string;
    readonly consumer: string;
    readonly reason: string;
  }
  const letters = async (): Promise<readonly Letter[]> =>
    JSON.parse((await shop.cluster.camp(['dlq', 'ls', '--json'])).stdout).letters;

  test('lies in the dead letters with its reason, holds up nobody, and is replayed when the service can read it', async () => {
    const sent = await shop.cluster.camp([
      ...['run', 'orders', '--', 'node', stranger],
      ...['publish', 'orders.cancelled', '{"order":"ghost"}'],
    ]);
    expect(sent.stdout).toMatch(/"stream":"events"/);
    const letter = await eventually(
      'the letter is dead',
      async () => (await letters()).find(({ consumer }) => consumer === 'notifications_orders_cancelled'),
      60_000,
    );
    expect(letter.reason).toMatch(/the event names no order/);
    const id = await shop.place({ items: [{ sku: 'mug', quantity: 1 }], card: 'declined' });
    expect((await shop.settled(id)).status).toBe('cancelled');
    await eventually(
      'the next one is told',
      async () => (await shop.get(`/api/notifications?order=${id}`)).notifications.length === 1,
      60_000,
    );

    shop.cluster.edit(
      'services/notifications/src/app.ts',
      'event.data?.orderId;',
      'event.data?.orderId ?? event.data?.order;',
    );
    await shop.cluster.camp(['restart', 'notifications']);
    const replayed = await shop.cluster.camp(['dlq', 'replay', letter.id, '--json']);
    expect(JSON.parse(replayed.stdout)).toMatchObject({ replayed: [{ id: letter.id, type: 'orders.cancelled' }] });
    const told = await eventually(
      'the replayed one is told',
      async () => {
        const { notifications } = await shop.get('/api/notifications?order=ghost').catch(() => ({ notifications: [] }));
        return notifications.length > 0 && notifications;
      },
      60_000,
    );
    expect(told).toHaveLength(1);
    expect((await letters()).filter(({ id: other }) => other === letter.id)).toEqual([]);
  });
});
