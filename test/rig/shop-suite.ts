import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { troubleOf } from './browser.ts';
import { mistakes, type Shop } from './shop.ts';

/* What holds for every shop that answers the same paths and shows the same page, whatever it is made of. */

const mugs = { items: [{ sku: 'mug', quantity: 2 }], card: 'good' };

/** What holds wherever the shop runs. */
export function ordersHold(shopOf: () => Shop): void {
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

/** Buys the first product by the page's own means; what each service says of it when all are done. */
export async function buy(page: Page, card: string): Promise<Readonly<Record<string, string>>> {
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
export function listen(page: Page): readonly string[] {
  const trouble = troubleOf(page);
  page.on('response', (got) => {
    if (got.status() >= 400) trouble.push(`${got.status()}: ${got.url()}`);
  });
  return trouble;
}
