import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UpReport } from '../../src/report/types.ts';
import { openBrowser, whyNoBrowser } from '../rig/browser.ts';
import { Cluster, createHome, type Home } from '../rig/cluster.ts';
import { ContainerCluster } from '../rig/containers.ts';
import { requireImages } from '../rig/images.ts';
import { mistakes, Shop } from '../rig/shop.ts';

/* The starter shop, as somebody meets it: two commands, then whole orders through the edge and through its page. */

/** Screenshots for eyes; not in git. */
const evidence = fileURLToPath(new URL('../evidence', import.meta.url));
const whyNoPage = whyNoBrowser();
if (whyNoPage && !process.env['CI']) console.warn(`skipped: the shop's page in a real browser: ${whyNoPage}`);
const whyNoContainers = requireImages('the shop in containers', ['postgres:17', 'nats:2', 'node:24-alpine', 'caddy:2']);

let home: Home;
beforeAll(() => {
  home = createHome();
});
afterAll(() => home?.[Symbol.dispose]());

const mugs = { items: [{ sku: 'mug', quantity: 2 }], card: 'good' };

/** What holds wherever the shop runs. */
function ordersHold(shopOf: () => Shop): void {
  test('an order is accepted, then confirmed: sold, charged and told', async () => {
    const shop = shopOf();
    const { status, headers, body } = await shop.ask('POST', '/api/orders', mugs);
    expect([status, body.status]).toEqual([202, 'pending']);
    expect(headers['location']).toBe(`/api/orders/${body.id}`);
    expect(await shop.settled(body.id)).toMatchObject({ status: 'confirmed', reason: null, total: 2800 });
    await shop.quiet();
    expect((await shop.get(`/api/inventory?order=${body.id}`)).reservations).toMatchObject([{ status: 'sold' }]);
    expect((await shop.get(`/api/payments?order=${body.id}`)).payments).toMatchObject([
      { status: 'charged', amount: 2800 },
    ]);
    expect((await shop.get(`/api/notifications?order=${body.id}`)).notifications).toMatchObject([
      { outcome: 'confirmed' },
    ]);
  });

  test.each([
    ['a declined card', { ...mugs, card: 'declined' }, 'declined', 'the card was declined'],
    [
      'more than the limit',
      { items: [{ sku: 'canoe', quantity: 1 }], card: 'good' },
      'declined',
      '129000 is more than the limit of 100000 cents',
    ],
  ])('%s: everything is taken back, and the order says why', async (_, order, payment, reason) => {
    const shop = shopOf();
    const before = (await shop.quiet()).products;
    const id = await shop.place(order);
    expect(await shop.settled(id)).toMatchObject({ status: 'cancelled', reason });
    const after = await shop.quiet();
    expect(after.products).toEqual(before);
    expect((await shop.get(`/api/inventory?order=${id}`)).reservations).toMatchObject([{ status: 'released' }]);
    expect((await shop.get(`/api/payments?order=${id}`)).payments).toMatchObject([{ status: payment, reason }]);
    expect((await shop.get(`/api/notifications?order=${id}`)).notifications).toMatchObject([{ outcome: 'cancelled' }]);
  });

  test('more than there is: rejected by inventory, nothing charged', async () => {
    const shop = shopOf();
    const id = await shop.place({ items: [{ sku: 'canoe', quantity: 4 }], card: 'good' });
    expect(await shop.settled(id)).toMatchObject({ status: 'cancelled', reason: 'Canoe: 3 left, 4 wanted' });
    expect((await shop.get(`/api/payments?order=${id}`)).payments).toEqual([]);
  });

  test('the same request twice, even at once, is one order; another under its key is refused', async () => {
    const shop = shopOf();
    const key = { 'idempotency-key': crypto.randomUUID() };
    const twice = await Promise.all([1, 2].map(() => shop.ask('POST', '/api/orders', mugs, key)));
    const again = await shop.ask('POST', '/api/orders', mugs, key);
    expect(again.status).toBe(202);
    for (const { status, body } of twice) expect(status === 409 || body.id === again.body.id).toBe(true);
    const other = await shop.ask('POST', '/api/orders', { ...mugs, card: 'declined' }, key);
    expect(other.status).toBe(422);
  });

  test('what is wrong with a request is said, as a problem, with the id of the request', async () => {
    const shop = shopOf();
    const unknown = await shop.ask('POST', '/api/orders', { items: [{ sku: 'unicorn', quantity: 1 }], card: 'good' });
    expect(unknown.status).toBe(400);
    expect(unknown.headers['content-type']).toMatch('application/problem+json');
    expect(unknown.body.detail).toBe('there is no product unicorn');
    expect(unknown.headers['x-request-id']).toBe(unknown.body.requestId);
    expect((await shop.ask('GET', '/api/orders/none')).status).toBe(404);
  });

  test('at the end the books add up', async () => {
    expect(mistakes(await shopOf().quiet())).toEqual([]);
  });
}

describe('natively, without Docker', () => {
  let shop: Shop;
  let report: UpReport;
  let browser: Browser | undefined;
  beforeAll(async () => {
    const cluster = new Cluster(home, 'shop');
    mkdirSync(cluster.dir);
    shop = new Shop(cluster);
    await cluster.camp(['init', '.', '--starter', 'shop', '--yes']);
    report = await shop.up('--native');
  }, 420_000);
  afterAll(async () => {
    await browser?.close();
    shop?.[Symbol.dispose]();
    await shop?.cluster[Symbol.asyncDispose]();
  });

  test('every service, database and the broker is up, none in a container', () => {
    const placed = report.services.filter(({ placement }) => placement !== 'edge');
    expect(placed.map(({ name, placement, state }) => `${name}: ${placement}, ${state}`).sort()).toEqual([
      'inventory-db: native server, ready',
      'inventory: process, ready',
      'nats: native server, ready',
      'notifications-db: native server, ready',
      'notifications: process, ready',
      'orders-db: native server, ready',
      'orders: process, ready',
      'payments-db: native server, ready',
      'payments: process, ready',
      'web: static, ready',
    ]);
  });

  test('git would take no password', async () => {
    expect(shop.cluster.read('.gitignore').split('\n')).toContain('.env');
    const passwords = [...shop.cluster.read('.env').matchAll(/^\w+_PASSWORD=(.{24,})$/gm)].map(
      ([, word]) => word ?? '',
    );
    expect(passwords).toHaveLength(4);
    expect(new Set(passwords).size).toBe(4);
    const { stdout, stderr } = await shop.cluster.camp(['logs', '--json']);
    for (const password of passwords) expect(`${stdout}${stderr}`).not.toContain(password);
  });

  ordersHold(() => shop);

  // with CI set a missing browser is a failure
  describe.skipIf(whyNoPage && !process.env['CI'])('its page, in a Chromium that trusts the authority', () => {
    const newPage = async (options?: BrowserContextOptions): Promise<Page> => {
      if (whyNoPage) throw new Error(whyNoPage);
      browser ??= await openBrowser(join(home.dir, 'home'), report.edge?.caFile);
      return browser.newPage(options);
    };

    test.each([
      ['phone', 390, 844, 'light'],
      ['desktop', 1280, 900, 'dark'],
    ] as const)(
      '%s: an order is confirmed, one with a declined card is cancelled',
      async (name, width, height, colorScheme) => {
        const page = await newPage({ viewport: { width, height }, colorScheme });
        const trouble = listen(page);
        await page.goto(`https://shop.localhost:${report.edge?.https}/`);
        await page.locator('#products input').first().waitFor();
        expect(await buy(page, 'good')).toMatchObject({
          status: 'confirmed',
          orders: 'confirmed',
          inventory: 'sold',
          payments: 'charged',
        });
        expect(await buy(page, 'declined')).toMatchObject({
          status: 'cancelled',
          orders: 'cancelled: the card was declined',
          inventory: 'released',
          payments: 'declined: the card was declined',
          notifications: 'sent: Your order was cancelled: the card was declined. You paid nothing.',
        });
        mkdirSync(evidence, { recursive: true });
        await page.screenshot({ path: join(evidence, `shop-${name}.png`), fullPage: true });
        for (const book of ['stock', 'money', 'messages'])
          expect(await page.locator(`[data-book="${book}"]`).textContent()).toMatch(/✓$/);
        const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        expect(overflow, 'it scrolls sideways').toBeLessThanOrEqual(0);
        expect(trouble).toEqual([]);
        await page.close();
      },
    );

    test('it can be used with the keyboard alone', async () => {
      const page = await newPage();
      await page.goto(`https://shop.localhost:${report.edge?.https}/`);
      await page.locator('#products input').first().waitFor();
      await page.locator('input[name="quantity"]').focus();
      await page.keyboard.press('Enter');
      await page.locator('.order[data-settled="true"]').waitFor({ timeout: 60_000 });
      await page.close();
    });

    test('its books are right in the end', async () => {
      expect(mistakes(await shop.quiet())).toEqual([]);
    });
  });
});

describe.skipIf(whyNoContainers)('in containers', () => {
  let shop: Shop;
  beforeAll(async () => {
    // Compose's projects are one namespace per engine: another run of this test may be under way
    const cluster = new ContainerCluster(home, `shop-${process.pid}`, {});
    shop = new Shop(cluster);
    await cluster.camp(['init', '.', '--starter', 'shop', '--yes']);
    const { services } = await shop.up('--docker', '--timeout', '240');
    expect(
      services
        .filter(({ placement }) => placement !== 'edge' && placement !== 'static')
        .every(({ placement }) => placement === 'container'),
    ).toBe(true);
  }, 420_000);
  afterAll(async () => {
    shop?.[Symbol.dispose]();
    await shop?.cluster[Symbol.asyncDispose]();
  }, 240_000);

  ordersHold(() => shop);
});

/** Buys the first product by the page's own means; what each service says of it when all are done. */
async function buy(page: Page, card: string): Promise<Readonly<Record<string, string>>> {
  const known = await page.locator('.order').count();
  await page.locator(`input[name="card"][value="${card}"]`).check();
  await page.getByRole('button', { name: 'Buy' }).click();
  await expect.poll(() => page.locator('.order').count(), { timeout: 30_000 }).toBe(known + 1);
  const order = page.locator('.order').first();
  await page.locator('.order').first().and(page.locator('[data-settled="true"]')).waitFor({ timeout: 60_000 });
  const said = await order
    .locator('.steps li')
    .evaluateAll((items) =>
      items.map((item) => [item.getAttribute('data-step') ?? '', item.lastElementChild?.textContent ?? '']),
    );
  return { status: (await order.getAttribute('data-status')) ?? '', ...Object.fromEntries(said) };
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
