// The whole system through its edge: `camp test` starts a throw-away one and says where it is.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';

const url = process.env['CAMP_URL'];
const skip = url ? false : 'CAMP_URL is not set: `camp test` starts the system and sets it';

interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: any;
}

/** Asks the edge. Its name need not be known to the resolver: it is this machine. */
function ask(method: string, path: string, { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, url),
      {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        lookup: (_, options, done) => (options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)),
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

async function signedIn(user: string): Promise<Record<string, string>> {
  const { status, headers } = await ask('POST', '/api/session', { body: { user } });
  assert.equal(status, 200);
  return { cookie: headers['set-cookie']?.[0]?.split(';')[0] ?? '' };
}

/** The timeline of somebody, asked for again until `look` likes it; half a minute is a lot. */
async function timelineOf(headers: Record<string, string>, look: (texts: readonly string[]) => boolean): Promise<readonly string[]> {
  for (let i = 0; ; i++) {
    const { body } = await ask('GET', '/api/home', { headers });
    const texts = (body.timeline?.posts ?? []).map((post: { text: string }) => post.text);
    if (look(texts)) return texts;
    if (i > 120) throw new Error(`the timeline still says ${JSON.stringify(body)}`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

const word = () => crypto.randomUUID();

test('the page is served', { skip }, async () => {
  const { status, body } = await ask('GET', '/');
  assert.equal(status, 200);
  assert.match(body, /Timeline/);
});

test('a post reaches the timelines of its author and of a follower, once, and nobody else', { skip }, async () => {
  const [ada, grace, linus] = [await signedIn('ada'), await signedIn('grace'), await signedIn('linus')];
  assert.equal((await ask('POST', '/api/follows/grace', { headers: ada })).status, 200);
  assert.equal((await ask('DELETE', '/api/follows/grace', { headers: linus })).status, 200);
  const text = word();
  const key = { 'idempotency-key': word() };
  // pressed twice: it is one post
  for (let i = 0; i < 2; i++) assert.equal((await ask('POST', '/api/posts', { headers: { ...grace, ...key }, body: { text } })).status, 201);
  for (const reader of [ada, grace]) {
    const texts = await timelineOf(reader, (all) => all.includes(text));
    assert.deepEqual(texts.filter((one) => one === text), [text]);
  }
  assert.ok(!(await timelineOf(linus, () => true)).includes(text));
});

test('whoever begins to follow sees what was there before, and no longer after they have stopped', { skip }, async () => {
  const [margaret, linus] = [await signedIn('margaret'), await signedIn('linus')];
  const text = word();
  assert.equal((await ask('POST', '/api/posts', { headers: linus, body: { text } })).status, 201);
  assert.equal((await ask('POST', '/api/follows/linus', { headers: margaret })).status, 200);
  await timelineOf(margaret, (all) => all.includes(text));
  assert.equal((await ask('DELETE', '/api/follows/linus', { headers: margaret })).status, 200);
  await timelineOf(margaret, (all) => !all.includes(text));
});

test('the id of a request comes back, and errors say what is wrong', { skip }, async () => {
  const id = word();
  const { status, headers, body } = await ask('GET', '/api/home', { headers: { 'x-request-id': id } });
  assert.equal(status, 401);
  assert.equal(headers['x-request-id'], id);
  assert.match(String(headers['content-type']), /problem\+json/);
  assert.equal(body.requestId, id);
  const long = await ask('POST', '/api/posts', { headers: await signedIn('ada'), body: { text: 'x'.repeat(281) } });
  assert.deepEqual([long.status, long.body.detail], [422, 'a post has at most 280 characters']);
});
