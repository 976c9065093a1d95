// node --test: needs nothing but Node.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ask, place } from '../ask.js';
import { books, money, steps } from '../words.js';

const folder = new URL('../', import.meta.url);
const page = readFileSync(new URL('index.html', folder), 'utf8');

test('every file that the page asks for is there', () => {
  const files = [...page.matchAll(/(?:src|href)="([^"#:]+)"/g)].map((match) => match[1]);
  assert.ok(files.length > 0);
  for (const file of files) assert.ok(existsSync(new URL(file, folder)), `${file} is missing`);
});

test('nothing is inline, so that a strict Content-Security-Policy can stay strict', () => {
  assert.doesNotMatch(page, /<style|<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=/);
});

test('every input has a label, and every section a title', () => {
  for (const [section, id] of page.matchAll(/<(?:section|form)[^>]*aria-labelledby="([^"]+)"/g))
    assert.ok(page.includes(`id="${id}"`), section);
  for (const [input] of page.matchAll(/.*<input[^>]*>/g)) assert.match(input, /<label|name="sku"/);
});

test('an order is settled when every service is done with it', () => {
  const order = { status: 'confirmed', reason: null };
  const sold = { reservations: [{ status: 'sold', reason: null }] };
  const paid = { payments: [{ status: 'charged', reason: null }] };
  const told = { notifications: [{ text: 'confirmed' }] };
  assert.equal(steps(order, sold, paid, told).isSettled, true);
  assert.equal(steps(order, { reservations: [{ status: 'reserved' }] }, paid, told).isSettled, false);
  assert.equal(steps(order, sold, paid, { notifications: [] }).isSettled, false);
  assert.equal(steps(order, undefined, paid, told).isSettled, false);
  assert.equal(steps(undefined, sold, paid, told).status, 'pending');
});

test('the reason of a declined card is shown', () => {
  const { said } = steps(
    { status: 'cancelled', reason: 'the card was declined' },
    { reservations: [{ status: 'released', reason: null }] },
    { payments: [{ status: 'declined', reason: 'the card was declined' }] },
    { notifications: [{ text: 'cancelled' }] },
  );
  assert.deepEqual(said.payments, { text: 'declined: the card was declined', state: 'problem' });
});

test('the books say when they do not add up', () => {
  const sums = (sold, sent) =>
    books(
      { totals: { pending: { orders: 0 }, confirmed: { orders: 1, amount: 1400 }, cancelled: { orders: 1, amount: 0 } } },
      { products: [{ initial: 10, available: 9, reserved: 0, sold }] },
      { totals: { charged: 2800, refunded: 1400 } },
      { totals: { sent } },
    );
  assert.match(sums(1, 2).stock, /= 10 ✓$/);
  assert.match(sums(0, 2).stock, /✗$/);
  assert.match(sums(1, 2).money, /14\.00 € confirmed ✓$/);
  assert.match(sums(1, 3).messages, /✗$/);
  assert.equal(money(129000), '1290.00 €');
});

/** A network that loses the first requests, and the services after it; what was sent, and how long the page has paused. */
function network(t, lost, answers) {
  const seen = { sent: [], pauses: [] };
  t.mock.method(globalThis, 'fetch', async (path, options) => {
    seen.sent.push({ path, ...options });
    if (seen.sent.length <= lost) throw new TypeError('the network has changed');
    return answers[seen.sent.length - lost - 1];
  });
  t.mock.method(globalThis, 'setTimeout', (done, ms) => {
    seen.pauses.push(ms);
    queueMicrotask(done);
  });
  return seen;
}

test('an order that is lost on its way, or whose answer is, is sent again as it was, under its key', async (t) => {
  const busy = Response.json({ detail: 'in progress' }, { status: 409, headers: { 'retry-after': '1' } });
  const { sent, pauses } = network(t, 2, [busy, Response.json({ id: '1' }, { status: 202 })]);
  assert.deepEqual(await place({ items: [], card: 'good' }), { id: '1' });
  assert.deepEqual(pauses, [250, 500, 1000]);
  assert.equal(sent.length, 4);
  assert.match(sent[0].headers['idempotency-key'], /^[0-9a-f-]{36}$/);
  for (const each of sent) assert.deepEqual(each, sent[0]);
});

test('an answer that breaks off is asked for again', async (t) => {
  const half = new ReadableStream({ start: (to) => to.error(new TypeError('the network has changed')) });
  const json = { headers: { 'content-type': 'application/json' } };
  const { sent } = network(t, 0, [new Response(half, json), Response.json({ products: [] })]);
  assert.deepEqual(await ask('inventory'), { products: [] });
  assert.equal(sent.length, 2);
});

test('a network that does not come back is said, and an order that is refused is not sent again', async (t) => {
  const { sent, pauses } = network(t, 6, [Response.json({ detail: 'there is no product unicorn' }, { status: 400 })]);
  await assert.rejects(place({}), /^Error: no connection$/);
  assert.deepEqual([sent.length, pauses], [6, [250, 500, 1000, 2000, 4000]]);
  await assert.rejects(place({}), /no product unicorn/);
  assert.equal(sent.length, 7);
});
