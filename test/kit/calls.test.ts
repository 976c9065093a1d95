import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { until } from './servers.ts';
import { endAll, type Started, service } from './service.ts';

/* Issue: a slow or dead dependency, a receiver that says 429, retries through a chain; with services of the kit as processes. */

const closing: (() => void)[] = [];
afterEach(async () => {
  await endAll();
  for (const close of closing.splice(0)) close();
});

interface End {
  readonly url: string;
  /** When each request came, in the clock of performance.now. */
  readonly times: number[];
}

/** What is at the end of the chain, and does as it is told. */
async function end(answer: (count: number) => { status: number; headers?: Record<string, string> }): Promise<End> {
  const times: number[] = [];
  const server = createServer((_req, res) => {
    times.push(performance.now());
    const { status, headers } = answer(times.length);
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { times, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function link(name: string, next: { readonly url: string } | Started): Promise<Started> {
  const started = await service('link', { SERVICE: name, NEXT_URL: 'url' in next ? next.url : next.base });
  await started.ready();
  return started;
}

const answered = ({ lines }: Started): number => lines.filter(({ path }) => path === '/work').length;

test('a dependency that is paused: a clear answer within the deadline, nothing else is held up, the breaker opens and closes', async () => {
  const last = await end(() => ({ status: 200 }));
  const stock = await link('stock', last);
  const orders = await link('orders', stock);
  expect((await orders.get('/work')).status).toBe(200);
  stock.child.kill('SIGSTOP');

  const begin = performance.now();
  const deadline = String(Date.now() + 1_500);
  const late = await fetch(`${orders.base}/work`, { headers: { 'x-deadline': deadline, 'x-request-id': 'late-1' } });
  expect([late.status, late.headers.get('content-type')]).toEqual([504, 'application/problem+json']);
  expect(await late.json()).toMatchObject({
    status: 504,
    instance: '/work',
    requestId: 'late-1',
    dependency: 'next',
    detail: expect.stringMatching(/^next did not answer within \d+ ms$/),
  });
  // what a try may take is 2 s and the request as such 10 s: neither was waited for
  expect(performance.now() - begin).toBeLessThan(8_000);

  let open = 0;
  const slow = Array.from({ length: 24 }, async () => {
    open++;
    const answer = await orders.get('/work');
    open--;
    return answer as { status: number; body: Record<string, unknown> };
  });
  for (let i = 0; i < 10; i++) expect((await orders.get('/own')).status).toBe(200);
  expect(open).toBe(24);
  expect((await orders.get('/readyz')).status).toBe(200);
  const answers = await Promise.all(slow);
  expect(answers.map(({ status }) => status).filter((status) => status !== 504 && status !== 503)).toEqual([]);
  for (const { body } of answers)
    expect(body).toMatchObject({ dependency: 'next', detail: expect.stringMatching(/^next /) });

  const refused = await fetch(`${orders.base}/work`);
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({
    dependency: 'next',
    detail: 'next fails too often and is not asked at the moment',
  });

  stock.child.kill('SIGCONT');
  await until('asked again', async () => (await orders.get('/work')).status === 200);
  const said = orders.lines.map(({ msg }) => msg).filter((msg) => /^next (fails too often|answers again)/.test(msg));
  expect(said.at(0)).toMatch(/^next fails too often/);
  expect(said.at(-1)).toBe('next answers again');
});

test('the last of a chain is paused: the one that called it is first to say so, and it is what the caller is told', async () => {
  const last = await end(() => ({ status: 200 }));
  const stock = await link('stock', last);
  const inventory = await link('inventory', stock);
  const orders = await link('orders', inventory);
  expect((await orders.get('/work')).status).toBe(200);
  stock.child.kill('SIGSTOP');
  const headers = { 'x-deadline': String(Date.now() + 1_500) };
  const { status, body } = await orders.get('/work', headers);
  expect([status, (body as { detail: string }).detail]).toEqual([
    502,
    expect.stringMatching(/^next answered 504: next did not answer within \d+ ms$/),
  ]);
});

test('a receiver that says 429 is left alone for as long as it asks, by every request', async () => {
  const last = await end((count) => (count === 1 ? { status: 429, headers: { 'retry-after': '2' } } : { status: 200 }));
  const orders = await link('orders', last);
  const first = orders.get('/work');
  await until('it has said so', () => last.times.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 300)); // and was heard
  const others = Array.from({ length: 8 }, () => orders.get('/work'));
  const statuses = (await Promise.all([first, ...others])).map(({ status }) => status);
  expect(statuses).toEqual(statuses.map(() => 200));
  expect(last.times).toHaveLength(10);
  for (const time of last.times.slice(1)) expect(time - last.times[0]!).toBeGreaterThanOrEqual(1_990);
});

test('three services in a row before a broken one: three calls for one request, and a bounded number for many', async () => {
  const broken = await end(() => ({ status: 500 }));
  const payments = await link('payments', broken);
  const inventory = await link('inventory', payments);
  const orders = await link('orders', inventory);
  const chain = [orders, inventory, payments];
  expect((await orders.get('/work')).status).toBe(502);
  await until('all logged', () => answered(orders) === 1);
  expect([...chain.map(answered), broken.times.length]).toEqual([1, 3, 3, 3]);

  const many = 100;
  for (let i = 0; i < many; i += 10) await Promise.all(Array.from({ length: 10 }, () => orders.get('/work')));
  // one each, a fifth more, and the ten that a budget begins with; 27 each, if every service tried three times
  const bound = (1 + many) * 1.2 + 10;
  await until('all logged', () => answered(orders) === 1 + many);
  for (const count of [answered(inventory), answered(payments), broken.times.length])
    expect(count).toBeLessThanOrEqual(bound);
});
