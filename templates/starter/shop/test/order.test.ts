// The whole shop through its edge: `camp test` starts a throw-away one and says where it is.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';

const url = process.env['CAMP_URL'];
const skip = url ? false : 'CAMP_URL is not set: `camp test` starts the shop and sets it';

interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: any;
}

/** Asks the edge. Its name need not be known to the resolver: it is this machine. */
function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, url),
      {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        lookup: (_, options, done) =>
          options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const isJson = /json/.test(response.headers['content-type'] ?? '');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: isJson ? JSON.parse(text) : text });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Asks again until `look` likes what it sees; half a minute is a lot. */
async function eventually(path: string, look: (body: any) => boolean): Promise<any> {
  for (let i = 0; ; i++) {
    const { status, body } = await ask('GET', path);
    if (status === 200 && look(body)) return body;
    if (i > 300) throw new Error(`${path} still says ${status} ${JSON.stringify(body)}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

const mugs = [{ sku: 'mug', quantity: 2 }];

const send = (card: string, items = mugs, headers: Record<string, string> = {}) =>
  ask('POST', '/api/orders', { items, card }, headers);

/** An order that is accepted. */
async function place(card: string, items = mugs): Promise<{ readonly id: string; readonly status: string }> {
  const { status, body } = await send(card, items);
  assert.equal(status, 202, JSON.stringify(body));
  return body;
}

const settled = (id: string) => eventually(`/api/orders/${id}`, (order) => order.status !== 'pending');

test('the page is served', { skip }, async () => {
  const { status, body } = await ask('GET', '/');
  assert.equal(status, 200);
  assert.match(body, /Catalogue/);
});

test('an order that is paid is confirmed: sold, charged and told', { skip }, async () => {
  const { id, status } = await place('good');
  assert.equal(status, 'pending');
  assert.equal((await settled(id)).status, 'confirmed');
  await eventually(`/api/inventory?order=${id}`, ({ reservations }) => reservations[0]?.status === 'sold');
  const { body: paid } = await ask('GET', `/api/payments?order=${id}`);
  assert.deepEqual([paid.payments[0].status, paid.payments[0].amount], ['charged', 2800]);
  const told = await eventually(`/api/notifications?order=${id}`, ({ notifications }) => notifications.length > 0);
  assert.deepEqual(told.notifications.map(({ outcome }: { outcome: string }) => outcome), ['confirmed']);
});

test('a declined card: cancelled with the reason, stock released, nothing charged', { skip }, async () => {
  const { id } = await place('declined');
  const order = await settled(id);
  assert.deepEqual([order.status, order.reason], ['cancelled', 'the card was declined']);
  const { body: held } = await ask('GET', `/api/inventory?order=${id}`);
  assert.equal(held.reservations[0].status, 'released');
  const { body: paid } = await ask('GET', `/api/payments?order=${id}`);
  assert.equal(paid.payments[0].status, 'declined');
  await eventually(`/api/notifications?order=${id}`, ({ notifications }) => notifications[0]?.outcome === 'cancelled');
});

test('more than there is: cancelled, nothing held', { skip }, async () => {
  const { id } = await place('good', [{ sku: 'canoe', quantity: 50 }]);
  const order = await settled(id);
  assert.equal(order.status, 'cancelled');
  assert.match(order.reason, /Canoe: \d+ left, 50 wanted/);
});

test('the same request twice is one order; another one under its key is refused', { skip }, async () => {
  const key = { 'idempotency-key': crypto.randomUUID() };
  const first = await send('good', mugs, key);
  const second = await send('good', mugs, key);
  assert.equal(second.body.id, first.body.id);
  assert.equal((await send('declined', mugs, key)).status, 422);
});

test('what is wrong with a request is said', { skip }, async () => {
  assert.equal((await ask('GET', '/api/orders/none')).status, 404);
  const unknown = await send('good', [{ sku: 'unicorn', quantity: 1 }]);
  assert.equal(unknown.status, 400);
  assert.match(unknown.body.detail, /unicorn/);
  assert.match(String(unknown.headers['content-type']), /problem\+json/);
});

test('the id of the request comes back', { skip }, async () => {
  const { headers } = await ask('GET', '/api/orders', undefined, { 'x-request-id': 'shop-test-1' });
  assert.ok(headers['x-request-id']);
});

test('the books add up', { skip }, async () => {
  await eventually('/api/orders?limit=1', ({ totals }) => totals.pending.orders === 0);
  const { products } = await eventually('/api/inventory', (body) => body.products.every((one: any) => one.reserved === 0));
  for (const { initial, available, sold } of products) assert.equal(initial, available + sold);
  const { body: orders } = await ask('GET', '/api/orders');
  const { body: payments } = await ask('GET', '/api/payments');
  assert.equal(payments.totals.charged - payments.totals.refunded, orders.totals.confirmed.amount);
});
