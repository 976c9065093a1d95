// node --test: needs nothing but Node.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ask } from '../ask.js';

const folder = new URL('../', import.meta.url);
const page = readFileSync(new URL('index.html', folder), 'utf8');

test('the page says its language, its title and how wide it is', () => {
  assert.match(page, /<html lang="[a-z-]+">/);
  assert.match(page, /<title>[^<]+<\/title>/);
  assert.match(page, /<meta name="viewport"/);
});

test('every file that the page asks for is there', () => {
  const files = [...page.matchAll(/(?:src|href)="([^"#:]+)"/g)].map((match) => match[1]);
  assert.ok(files.length > 0);
  for (const file of files) assert.ok(existsSync(new URL(file, folder)), `${file} is missing`);
});

test('nothing is inline, so that a strict Content-Security-Policy can stay strict', () => {
  assert.doesNotMatch(page, /<style|<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=/);
});

/** A network that loses the first request, and the gateway after it; what was sent, and how long the page has paused. */
function network(t, answers) {
  const seen = { sent: [], pauses: [] };
  t.mock.method(globalThis, 'fetch', async (path, { signal, ...options }) => {
    seen.sent.push({ path, ...options });
    if (seen.sent.length === 1) throw new TypeError('the network has changed');
    const answer = answers[seen.sent.length - 2];
    if (answer instanceof Error) throw answer;
    return answer;
  });
  t.mock.method(globalThis, 'setTimeout', (done, ms) => {
    seen.pauses.push(ms);
    queueMicrotask(done);
  });
  return seen;
}

test('a post that is lost on its way, or whose answer is, is sent again as it was, under its key', async (t) => {
  const busy = Response.json({ detail: 'in progress' }, { status: 409 });
  const made = Response.json({ id: '1' }, { status: 201, headers: { 'x-request-id': 'r1' } });
  const { sent, pauses } = network(t, [busy, made]);
  const post = { body: { text: 'hello' }, headers: { 'idempotency-key': 'k1' } };
  assert.deepEqual(await ask('POST', '/api/posts', post), { body: { id: '1' }, requestId: 'r1' });
  assert.deepEqual(pauses, [250, 1000]);
  assert.deepEqual([sent.length, sent[0].body, sent[0].headers['idempotency-key']], [3, '{"text":"hello"}', 'k1']);
  for (const each of sent) assert.deepEqual(each, sent[0]);
});

test('what the gateway refuses is an error in its words, and not sent again', async (t) => {
  const { sent } = network(t, [Response.json({ detail: 'sign in first' }, { status: 401 })]);
  await assert.rejects(ask('GET', '/api/home'), { message: 'sign in first', status: 401 });
  assert.equal(sent.length, 2);
});

test('an answer that does not come in time is not waited for once more', async (t) => {
  const { sent } = network(t, [new DOMException('too late', 'TimeoutError')]);
  await assert.rejects(ask('GET', '/api/home'), { name: 'TimeoutError' });
  assert.equal(sent.length, 2);
});
