import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../src/client.ts';
import { within } from '../src/context.ts';
import { writeLog } from '../src/log.ts';
import { DependencyProblem } from '../src/problem.ts';
import { createBudget, parseRetryAfter } from '../src/retry.ts';
import { host, json, type Peer, peer, withDeadline } from './http.ts';

writeLog(() => {});

const failing = async (work: Promise<unknown>): Promise<DependencyProblem> => {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof DependencyProblem, String(error));
    return error;
  }
  assert.fail('nothing failed');
};

test('a GET is tried three times at most, a POST once, a POST with a key three times', async () => {
  await using broken = await peer((_req, res) => json(res, 500, { detail: 'oh' }));
  const client = createClient();
  const problem = await failing(withDeadline(10_000, () => client.get(broken.url)));
  assert.equal(problem.status, 502);
  assert.match(problem.message, /answered 500: oh/);
  assert.equal(broken.requests.length, 3);
  await failing(withDeadline(10_000, () => client.post(broken.url, {})));
  assert.equal(broken.requests.length, 4);
  await failing(withDeadline(10_000, () => client.post(broken.url, {}, { idempotencyKey: 'k' })));
  assert.equal(broken.requests.length, 7);
  assert.equal(broken.requests.at(-1)?.headers['idempotency-key'], 'k');
});

test('a deadline with a fraction, as another language may send it, is a deadline', async () => {
  await using stock = await peer((_req, res) => json(res, 200, { n: 1 }));
  const client = createClient();
  const context = { requestId: 'r-1', traceId: 'a'.repeat(32), deadline: Date.now() + 1_000.25 };
  assert.deepEqual(await within(context, () => client.get(stock.url)), { n: 1 });
});

test('ids, deadline and the word that somebody retries already go along', async () => {
  await using stock = await peer((_req, res) => json(res, 200, { n: 1 }));
  const client = createClient();
  const before = Date.now();
  assert.deepEqual(await withDeadline(5_000, () => client.get(`${stock.url}/items`)), { n: 1 });
  const { headers } = stock.requests[0]!;
  assert.equal(headers['x-request-id'], 'r-1');
  assert.match(String(headers['traceparent']), new RegExp(`^00-${'a'.repeat(32)}-[0-9a-f]{16}-01$`));
  // less what is kept to answer in
  assert.ok(Number(headers['x-deadline']) >= before + 4_899 && Number(headers['x-deadline']) <= Date.now() + 4_900);
  assert.equal(headers['x-retries'], '0');
});

test('a chain of four services with a failing end: three calls to it, not twenty-seven', async () => {
  await using d = await peer((_req, res) => json(res, 503));
  const next = (to: Peer | { url: string }) => (client: ReturnType<typeof createClient>) => [
    { method: 'GET', pattern: '/', idempotent: false, handler: async () => ({ body: await client.get(to.url) }) },
  ];
  await using c = await host(next(d));
  await using b = await host(next(c));
  await using a = await host(next(b));
  const response = await fetch(a.url);
  assert.equal(response.status, 502);
  assert.equal(d.requests.length, 3);
});

test('a fifth of the calls may be tried again, and a few for those that call seldom', () => {
  const budget = createBudget();
  let granted = 0;
  for (let calls = 0; calls < 1_000; calls++) {
    budget.earn();
    while (budget.spend()) granted += 1;
  }
  assert.ok(granted <= 210, `${granted} of 1000`);
  assert.ok(granted >= 190, `${granted} of 1000`);
});

test('who fails for everybody is hardly asked more often than without retries', async () => {
  await using broken = await peer((_req, res) => json(res, 500));
  const client = createClient();
  // more than the breaker lets through would hide what the budget does
  await Promise.all(Array.from({ length: 60 }, () => withDeadline(20_000, () => client.get(broken.url)).catch(() => {})));
  assert.ok(broken.requests.length <= 60 * 1.2 + 10, `${broken.requests.length} calls`);
});

test('a dependency that is slow, dead or broken is named, within the deadline', async () => {
  await using slow = await peer(() => {});
  const client = createClient();
  const late = await failing(withDeadline(300, () => client.get(slow.url)));
  assert.equal(late.status, 504);
  assert.match(late.message, /^127\.0\.0\.1:\d+ did not answer within \d+ ms$/);
  const tries = await failing(withDeadline(60_000, () => client.post(slow.url, {}, { timeoutMs: 100 })));
  assert.equal(tries.status, 504);
  assert.match(tries.message, /within 100 ms/);
  const dead = await failing(withDeadline(1_000, () => client.post('http://127.0.0.1:1/', {})));
  assert.equal(dead.status, 502);
  assert.match(dead.message, /127\.0\.0\.1:1 cannot be reached/);
  await using garbage = await peer((_req, res) => void res.writeHead(200, { 'content-type': 'application/json' }).end('{"half'));
  assert.match((await failing(withDeadline(1_000, () => client.post(garbage.url, {})))).message, /its JSON is broken/);
  const over = await failing(withDeadline(-1, () => client.get(slow.url)));
  assert.match(over.message, /the deadline is over/);
});

test('429 with Retry-After is obeyed, by everybody who asks the same', async () => {
  let isFull = true;
  await using full = await peer((_req, res) => (isFull ? json(res, 429, {}, { 'retry-after': '1' }) : json(res, 200, { ok: true })));
  const client = createClient();
  const times: number[] = [];
  full.requests.push = (...all) => (times.push(Date.now()), Array.prototype.push.apply(full.requests, all));
  const first = withDeadline(10_000, () => client.post(full.url, { n: 1 }));
  while (full.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50)); // the answer is here
  isFull = false;
  const second = withDeadline(10_000, () => client.get(full.url));
  assert.deepEqual(await Promise.all([first, second]), [{ ok: true }, { ok: true }]);
  assert.equal(times.length, 3);
  for (const time of times.slice(1)) assert.ok(time - times[0]! >= 1_000, `${time - times[0]!} ms after the answer`);
});

test('a pause longer than the deadline fails at once, with the pause', async () => {
  await using full = await peer((_req, res) => json(res, 429, {}, { 'retry-after': '30' }));
  const client = createClient();
  const first = await failing(withDeadline(1_000, () => client.get(full.url)));
  const second = await failing(withDeadline(1_000, () => client.get(full.url)));
  assert.equal(full.requests.length, 1);
  for (const problem of [first, second]) {
    assert.equal(problem.status, 503);
    assert.ok(Number(problem.headers['retry-after']) >= 29);
  }
});

test('Retry-After may be a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:07 GMT', now), 7_000);
  assert.equal(parseRetryAfter('2', now), 2_000);
  assert.equal(parseRetryAfter('soon', now), undefined);
});

test('the breaker opens after more than half of twenty, asks nobody else, and closes after one good probe', async (context) => {
  context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  let isBroken = true;
  await using stock = await peer((_req, res) => json(res, isBroken ? 500 : 200));
  await using other = await peer((_req, res) => json(res, 200));
  const client = createClient();
  const ask = (url: string) => withDeadline(5_000, () => client.get(url), true);
  for (let index = 0; index < 20; index++) assert.equal((await failing(ask(stock.url))).status, 502);
  const open = await failing(ask(stock.url));
  assert.equal(open.status, 503);
  assert.match(open.message, /is not asked at the moment/);
  assert.equal(stock.requests.length, 20);
  await ask(other.url);
  context.mock.timers.tick(5_001);
  assert.equal((await failing(ask(stock.url))).status, 502); // the probe
  assert.equal((await failing(ask(stock.url))).status, 503); // open again
  assert.equal(stock.requests.length, 21);
  context.mock.timers.tick(5_001);
  isBroken = false;
  await ask(stock.url);
  await ask(stock.url);
  assert.equal(stock.requests.length, 23);
});

test('an answer below 500 is no failure of the dependency, and can be looked at', async () => {
  await using stock = await peer((_req, res) => json(res, 404, { detail: 'no such item' }));
  const client = createClient();
  const problem = await failing(withDeadline(5_000, () => client.get(stock.url)));
  assert.deepEqual([problem.status, problem.reply?.status], [502, 404]);
  assert.equal(stock.requests.length, 1);
  assert.equal((await withDeadline(5_000, () => client.request('GET', stock.url))).status, 404);
});

