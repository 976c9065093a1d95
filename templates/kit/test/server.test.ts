import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeLog } from '../src/log.ts';
import { Problem } from '../src/problem.ts';
import type { Route } from '../src/router.ts';
import { createService } from '../src/index.ts';
import { testEnv } from '../src/testing.ts';
import { host } from './http.ts';

const lines: Record<string, unknown>[] = [];
writeLog((line) => void lines.push(JSON.parse(line)));

const route = (pattern: string, handler: Route['handler'], method = 'GET'): Route => ({ method, pattern, handler, idempotent: false });
const body = async (response: Response) => (await response.json()) as Record<string, unknown>;

test('health: alive always, ready only when nothing is wrong, with the reason', async () => {
  let why: string | undefined = 'the database does not answer';
  await using service = await host(() => [], { trouble: async () => why });
  assert.equal((await fetch(`${service.url}/livez`)).status, 200);
  const unready = await fetch(`${service.url}/readyz`);
  assert.equal(unready.status, 503);
  assert.equal((await body(unready))['why'], why);
  why = undefined;
  assert.equal((await fetch(`${service.url}/readyz`)).status, 200);
});

test('errors are problems with the id of the request; what is unexpected is only in the log', async () => {
  await using service = await host(() => [
    route('/taken', () => {
      throw new Problem(409, 'out of stock', { headers: { 'x-more': 'yes' } });
    }),
    route('/bug', () => {
      throw new Error('secret detail');
    }),
  ]);
  const taken = await fetch(`${service.url}/taken`, { headers: { 'x-request-id': 'abc-1' } });
  assert.equal(taken.headers.get('content-type'), 'application/problem+json');
  assert.equal(taken.headers.get('x-more'), 'yes');
  assert.equal(taken.headers.get('x-request-id'), 'abc-1');
  assert.deepEqual(await body(taken), { type: 'about:blank', title: 'Conflict', status: 409, detail: 'out of stock', instance: '/taken', requestId: 'abc-1' });
  const bug = await fetch(`${service.url}/bug`);
  assert.equal(bug.status, 500);
  assert.doesNotMatch(await bug.text(), /secret/);
  assert.ok(lines.some(({ level, msg }) => level === 'error' && String(msg).includes('secret detail')));
  assert.equal((await fetch(`${service.url}/elsewhere`)).status, 404);
  const wrong = await fetch(`${service.url}/taken`, { method: 'POST' });
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET']);
});

test('over the limit: 429 with Retry-After, health still answers, and the place is free again after', async () => {
  process.env['MAX_INFLIGHT'] = '2';
  const { promise: go, resolve } = Promise.withResolvers<void>();
  await using service = await host(() => [route('/', async () => (await go, { body: {} }))]);
  delete process.env['MAX_INFLIGHT'];
  const held = [fetch(service.url), fetch(service.url)];
  while ((await fetch(`${service.url}/readyz`)).status === 200);
  const refused = await fetch(service.url);
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '1']);
  assert.match(String(refused.headers.get('endpoint-load-metrics')), /^TEXT application_utilization=\d+\.\d+, rps_fractional=\d/);
  assert.equal((await fetch(`${service.url}/livez`)).status, 200);
  resolve();
  assert.deepEqual((await Promise.all(held)).map(({ status }) => status), [200, 200]);
  assert.equal((await fetch(service.url)).status, 200);
});

test('a request whose deadline is over is not begun, and one that takes longer is ended', async () => {
  let begun = 0;
  await using service = await host(() => [
    route('/', async ({ signal }) => {
      begun += 1;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { body: {} };
    }),
  ]);
  const before = await fetch(service.url, { headers: { 'x-deadline': String(Date.now() - 1) } });
  assert.deepEqual([before.status, begun], [504, 0]);
  const during = await fetch(service.url, { headers: { 'x-deadline': String(Date.now() + 200) } });
  assert.deepEqual([during.status, begun], [504, 1]);
});

test('a body that is too long or no JSON is refused', async () => {
  await using service = await host(() => [route('/', async (call) => ({ body: await call.json() }), 'POST')]);
  const post = (content: string) => fetch(service.url, { method: 'POST', body: content });
  assert.equal((await post(`"${'x'.repeat(1024 * 1024)}"`)).status, 413);
  assert.equal((await post('{"half')).status, 400);
  assert.deepEqual(await body(await post('{"a":1}')), { a: 1 });
});

test('draining: not ready, and what is in flight ends', async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>();
  const { promise: arrived, resolve: here } = Promise.withResolvers<void>();
  await using service = await host(() => [route('/', async () => (here(), await go, { body: {} }))]);
  const held = fetch(service.url);
  await arrived;
  const drained = service.drain();
  await assert.rejects(fetch(`${service.url}/livez`));
  resolve();
  const answer = await held;
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('connection'), 'close');
  await drained;
});

test('paths: parameters are decoded, the rest of one is at hand', async () => {
  await using service = await host(() => [
    route('/orders/:id/lines/:line', ({ params }) => ({ body: params })),
    route('/files/*', ({ params }) => ({ body: params })),
  ]);
  assert.deepEqual(await body(await fetch(`${service.url}/orders/a%2Fb/lines/2`)), { id: 'a/b', line: '2' });
  assert.deepEqual(await body(await fetch(`${service.url}/files/x/y`)), { rest: 'x/y' });
  assert.equal((await fetch(`${service.url}/orders/%ff/lines/2`)).status, 400);
});

test('an idempotent route: one effect and one answer for each key', async () => {
  const app = createService('once');
  let runs = 0;
  app.route('POST', '/orders', async (call) => {
    runs += 1;
    const { fail, slow } = await call.json<{ fail?: boolean; slow?: boolean }>();
    await call.tx((tx) => tx.emit('orders.created', { run: runs }));
    if (slow) await new Promise((resolve) => setTimeout(resolve, 300));
    if (fail && runs === 1) throw new Error('a bug, after the effect');
    return { status: 201, body: { run: runs } };
  }, { idempotent: true });
  const env = await testEnv(app);
  const post = (key: string, content: object) => env.request('POST', '/orders', { headers: { 'idempotency-key': key }, body: content });
  assert.equal((await post('a', { fail: true })).status, 500);
  assert.equal(env.events('orders.created').length, 0, 'what failed left nothing');
  const first = await post('a', { fail: true });
  assert.deepEqual([first.status, first.body], [201, { run: 2 }]);
  const again = await post('a', { fail: true });
  assert.deepEqual([again.status, again.body, again.headers['idempotent-replayed']], [201, { run: 2 }, 'true']);
  assert.equal(runs, 2);
  assert.equal((await post('a', { other: true })).status, 422);
  const both = await Promise.all([post('b', { slow: true }), post('b', { slow: true })]);
  assert.deepEqual(both.map(({ status }) => status).toSorted(), [201, 409]);
  assert.equal(env.events('orders.created').length, 2);
  await env.close();
});
