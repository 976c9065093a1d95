import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Answer, createService, Problem, Terminal, Unavailable } from '../src/index.ts';
import { testEnv } from '../src/testing.ts';

function migrations(...files: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'kit-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [index, sql] of files.entries()) writeFileSync(join(folder, `00${index + 1}_step.sql`), sql);
  return folder;
}

function shop() {
  const app = createService('orders');
  app.database({ migrations: migrations('create table orders (id text primary key, state text not null);', "insert into orders values ('seed', 'old');") });
  const order = app.saga<{ item: string }>('order', {
    deadlineMs: 5_000,
    steps: [
      { name: 'reserve', command: 'inventory.reserve', done: 'inventory.reserved', failed: 'inventory.rejected', undo: 'inventory.release', undone: 'inventory.released' },
      { name: 'pay', command: 'payments.charge', done: 'payments.charged', failed: 'payments.declined', undo: 'payments.refund', undone: 'payments.refunded' },
    ],
    onDone: async (tx, { id }) => {
      await tx.query("update orders set state = 'confirmed' where id = $1", [id]);
      await tx.emit('orders.confirmed', { id });
    },
    onUndone: async (tx, { id, reason }) => {
      await tx.query("update orders set state = 'cancelled' where id = $1", [id]);
      await tx.emit('orders.cancelled', { id, reason });
    },
  });
  app.route('POST', '/api/orders', async (call) => {
    const { id, item } = await call.json<{ id: string; item: string }>();
    await call.tx(async (tx) => {
      await tx.query("insert into orders (id, state) values ($1, 'pending')", [id]);
      await order.begin(tx, id, { item });
    });
    return { status: 201, body: { id } };
  }, { idempotent: true });
  app.route('GET', '/api/orders/:id', async (call) => {
    const [row] = await call.tx((tx) => tx.query('select id, state from orders where id = $1', [call.params['id']]));
    if (!row) throw new Problem(404, 'no such order');
    return { body: row };
  });
  return app;
}

test('an order is confirmed when every step is done', async () => {
  const env = await testEnv(shop());
  const made = await env.request('POST', '/api/orders', { body: { id: '1', item: 'tea' } });
  assert.equal(made.status, 201);
  assert.deepEqual(env.events('inventory.reserve').map(({ data }) => data), [{ item: 'tea', sagaId: '1' }]);
  await env.deliver('inventory.reserved', { sagaId: '1' });
  await env.deliver('payments.charged', { sagaId: '1' });
  assert.equal((await env.request('GET', '/api/orders/1')).body.state, 'confirmed');
  assert.equal(env.events('orders.confirmed').length, 1);
  await env.close();
});

test('a declined payment takes everything back, in reverse, and once', async () => {
  const env = await testEnv(shop());
  await env.request('POST', '/api/orders', { body: { id: '1', item: 'tea' } });
  await env.deliver('inventory.reserved', { sagaId: '1' });
  await env.deliver('payments.declined', { sagaId: '1', reason: 'no money' });
  assert.equal((await env.request('GET', '/api/orders/1')).body.state, 'pending');
  await env.deliver('inventory.released', { sagaId: '1' });
  assert.equal((await env.request('GET', '/api/orders/1')).body.state, 'cancelled');
  assert.deepEqual(env.events('orders.cancelled').map(({ data }) => data), [{ id: '1', reason: 'no money' }]);
  assert.equal(env.events('payments.refund').length, 0);
  await env.close();
});

test('an event is handled once, however often it is delivered', async () => {
  const app = createService('counter');
  app.database({ migrations: migrations('create table counted (n integer);') });
  app.on('orders.created', (_event, tx) => tx.query('insert into counted values (1)'));
  const env = await testEnv(app);
  await env.deliver('orders.created', {}, { id: 'same' });
  await env.deliver('orders.created', {}, { id: 'same' });
  assert.deepEqual(await env.tx((tx) => tx.query('select count(*) as n from counted')), [{ n: 1 }]);
  await env.close();
});

test('what always fails goes to the dead letters after five tries, what is terminal at once', async () => {
  const app = createService('poisoned');
  let tries = 0;
  app.on('a.b', () => {
    tries += 1;
    throw new Error('never works');
  });
  app.on('c.d', () => {
    throw new Terminal('unknown product');
  });
  const env = await testEnv(app);
  await env.deliver('a.b', {});
  await env.deliver('c.d', {});
  assert.equal(tries, 5);
  assert.deepEqual(env.deadLetters().map(({ consumer, reason, attempts }) => ({ consumer, reason, attempts })), [
    { consumer: 'poisoned_a_b', reason: 'never works', attempts: 5 },
    { consumer: 'poisoned_c_d', reason: 'unknown product', attempts: 1 },
  ]);
  await env.close();
});

test('a handler of events asks other services too, with the ids of the event', async (t) => {
  const app = createService('mails');
  app.on('orders.confirmed', async (event) => {
    await app.client.post('http://mail:8080/mails', { order: event.data.id });
  });
  const env = await testEnv(app);
  t.after(() => env.close());
  env.answer('POST', 'http://mail:8080/mails', { status: 201, body: {} });
  await env.deliver('orders.confirmed', { id: '1' }, { requestId: 'abc-1' });
  assert.deepEqual(env.calls.map(({ body, headers }) => [body, headers['x-request-id']]), [[{ order: '1' }, 'abc-1']]);
});

test('what waits for something that is away is not counted, and a test says so instead of waiting for ever', async (t) => {
  const app = createService('mails');
  let isAway = 10;
  app.on('orders.confirmed', () => {
    if (isAway-- > 0) throw new Unavailable('mail is away');
  });
  const env = await testEnv(app);
  t.after(() => env.close());
  await env.deliver('orders.confirmed', { id: '1' });
  assert.deepEqual(env.deadLetters(), []);
  isAway = Number.POSITIVE_INFINITY;
  await assert.rejects(env.deliver('orders.confirmed', { id: '2' }), /mail is away/);
});

/** A consumer that asks somebody for each event. */
function asking() {
  const app = createService('mails');
  app.on('orders.confirmed', async (event) => {
    await app.client.post('http://mail:8080/mails', { order: event.data.id });
  });
  return app;
}

test('another service that is away, slow, or pushes back is not counted, however often, and not logged each time', async (t) => {
  const away: [string, () => Answer][] = [
    ...[429, 502, 503, 504].map((status): [string, () => Answer] => [String(status), () => ({ status, headers: (status === 429 ? { 'retry-after': '0' } : {}) as Record<string, string>, body: { detail: 'not now' } })]),
    ['unreachable', () => { throw new Error('connect ECONNREFUSED'); }],
    ['slow', () => { throw new DOMException('too slow', 'TimeoutError'); }],
  ];
  for (const [name, answer] of away) {
    const env = await testEnv(asking());
    t.after(() => env.close());
    let isAway = 9;
    env.answer('POST', 'http://mail:8080/mails', () => (isAway-- > 0 ? answer() : { status: 201, body: {} }));
    await env.deliver('orders.confirmed', { id: '1' });
    assert.deepEqual([name, env.deadLetters(), env.calls.length], [name, [], 10]);
    const times = env.logs().filter(({ msg }) => /waits and is tried again/.test(msg)).map(({ time }) => Date.parse(time));
    assert.ok(times.length > 0);
    for (const [index, time] of times.entries()) assert.ok(index === 0 || time - times[index - 1]! >= 999, `${name}: ${times}`);
  }
});

test('who asks for a long pause is not waited for with a transaction open: the event comes back after it', async (t) => {
  const env = await testEnv(asking());
  t.after(() => env.close());
  env.answer('POST', 'http://mail:8080/mails', { status: 429, headers: { 'retry-after': '7' }, body: {} });
  const begin = performance.now();
  await assert.rejects(env.deliver('orders.confirmed', { id: '1' }), /after 50 deliveries: .*asks to wait 7 s/);
  assert.ok(performance.now() - begin < 7_000);
  assert.equal(env.calls.length, 1);
});

test('a breaker that is open is not counted either', async (t) => {
  const env = await testEnv(asking());
  t.after(() => env.close());
  env.answer('POST', 'http://mail:8080/mails', { status: 503, body: {} });
  await assert.rejects(env.deliver('orders.confirmed', { id: '1' }), /after 50 deliveries: .*answered 503/);
  assert.equal(env.calls.length, 20);
  assert.deepEqual(env.deadLetters(), []);
});

test('what another service has judged counts: the fifth such answer is the last', async (t) => {
  for (const status of [400, 404, 409, 500]) {
    const env = await testEnv(asking());
    t.after(() => env.close());
    env.answer('POST', 'http://mail:8080/mails', { status, body: { detail: 'never' } });
    await env.deliver('orders.confirmed', { id: '1' });
    assert.deepEqual(env.deadLetters().map(({ attempts, reason }) => [attempts, reason]), [[5, `mail:8080 answered ${status}: never`]]);
  }
});

test('nothing can be asked before the start', async () => {
  await assert.rejects(createService('early').client.get('http://mail:8080/'), /not been started/);
});
