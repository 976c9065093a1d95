import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UpReport } from '../../src/report/types.ts';
import { losingAnswer, openBrowser, visit, whyNoBrowser } from '../rig/browser.ts';
import { Cluster, createHome, type Home } from '../rig/cluster.ts';
import { ContainerCluster } from '../rig/containers.ts';
import { requireImages } from '../rig/images.ts';
import { mistakes, Shop } from '../rig/shop.ts';
import { buy, listen, ordersHold } from '../rig/shop-suite.ts';

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
        await visit(page, `https://shop.localhost:${report.edge?.https}/`);
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
      await visit(page, `https://shop.localhost:${report.edge?.https}/`);
      await page.locator('#products input').first().waitFor();
      await page.locator('input[name="quantity"]').focus();
      await page.keyboard.press('Enter');
      await page.locator('.order[data-settled="true"]').waitFor({ timeout: 60_000 });
      await page.close();
    });

    test('an order whose answer is lost on its way is sent again by the page, and is one order', async () => {
      const before = (await shop.quiet()).orders.length;
      const page = await newPage();
      await page.addInitScript(losingAnswer('/api/orders'));
      let sent = 0;
      page.on('request', (request) => {
        if (request.url().endsWith('/api/orders')) sent++;
      });
      await visit(page, `https://shop.localhost:${report.edge?.https}/`);
      await page.locator('#products input').first().waitFor();
      expect(await buy(page, 'good')).toMatchObject({ status: 'confirmed' });
      // once more for each interface that has come or gone meanwhile
      expect(sent).toBeGreaterThanOrEqual(2);
      expect((await shop.quiet()).orders.length).toBe(before + 1);
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
