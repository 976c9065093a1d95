// node --test: needs nothing but Node.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
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
