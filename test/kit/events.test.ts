import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { brokersGraves } from '../../src/camp/dlq-broker.ts';
import { tend } from '../../src/camp/dlq-letters.ts';
import { nats, postgres, query, until } from './servers.ts';
import { endAll, type Started, service } from './service.ts';

let database: Awaited<ReturnType<typeof postgres>>;
let broker: Awaited<ReturnType<typeof nats>>;
let number = 0;
let url = '';
let name = '';
const folder = mkdtempSync(join(tmpdir(), 'kit-events-'));
const cure = join(folder, 'cure');

beforeAll(async () => {
  [database, broker] = await Promise.all([postgres(), nats()]);
});
beforeEach(async () => {
  name = `counter${++number}`;
  url = await database.database(name);
});
afterEach(async () => {
  await endAll();
  await clearEvents();
});
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const start = (env: Record<string, string> = {}): Promise<Started> =>
  service('counter', { SERVICE: name, DATABASE_URL: url, NATS_URL: broker.url, CURE: cure, ...env });

/** How often each was handled. */
async function handled(): Promise<Record<string, number>> {
  const rows = await query<{ id: string; times: string }>(
    url,
    'select id, count(*) as times from effects group by id order by id',
  );
  return Object.fromEntries(rows.map(({ id, times }) => [id, Number(times)]));
}

const waiting = async (): Promise<number> => (await query(url, 'select 1 from camp_outbox')).length;
const ids = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
const once = (all: string[]): Record<string, number> => Object.fromEntries(all.map((id) => [id, 1]));

async function onBroker<T>(work: (nats: Awaited<ReturnType<typeof connect>>) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: `127.0.0.1:${broker.port}` });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** Each test has a stream of its own: the consumers of a new service read all that is there. */
const clearEvents = (): Promise<unknown> =>
  onBroker(async (nats) => {
    const manager = await jetstreamManager(nats);
    for (const stream of ['events', 'dlq']) await manager.streams.delete(stream).catch(() => {});
  });

const messages = (): Promise<number> =>
  onBroker(async (nats) => (await (await jetstreamManager(nats)).streams.info('events')).state.messages);

test('what was rolled back is never sent', async () => {
  const counter = await start();
  await counter.ready();
  expect((await counter.post('/emit', { ids: ['never'], fail: true })).status).toBe(409);
  expect((await counter.post('/emit', { ids: ['sent'] })).status).toBe(202);
  await until('the other one handled', async () => (await handled())['sent'] === 1);
  expect(await handled()).toEqual({ sent: 1 });
});

test('a broker that is killed and started again loses nothing and doubles nothing', async () => {
  const counter = await start();
  await counter.ready();
  const all = ids('during', 40);
  for (const [index, id] of all.entries()) {
    if (index === 15) await broker.kill();
    if (index === 30) await broker.start();
    expect((await counter.post('/emit', { ids: [id] })).status).toBe(202);
  }
  await until('all handled', async () => Object.keys(await handled()).length === all.length);
  expect(await handled()).toEqual(once(all));
  expect(await waiting()).toBe(0);
});

test('without the broker the service is alive but not ready, and says why', async () => {
  await broker.kill();
  const counter = await start();
  try {
    await until('alive', async () => (await counter.get('/livez')).status === 200);
    await until('not ready', async () => (await counter.get('/readyz')).status === 503);
    expect((await counter.get('/readyz')).body).toMatchObject({ why: 'the broker cannot be reached' });
    expect((await counter.post('/emit', { ids: ['kept'] })).status).toBe(202);
  } finally {
    await broker.start();
  }
  await counter.ready();
  await until('handled', async () => (await handled())['kept'] === 1);
});

test('a broker that is lost while an event is handled ends nothing, and the event is done once', async () => {
  const counter = await start();
  await counter.ready();
  await counter.post('/emit', { ids: ['slow-1'] });
  await until('at work', () => counter.lines.some(({ msg }) => msg === 'in the middle'));
  await broker.kill();
  try {
    await until('handled', async () => (await handled())['slow-1'] === 1);
  } finally {
    await broker.start();
  }
  await until('brought again', () => counter.lines.some(({ msg }) => msg === 'event again, nothing to do'));
  expect(await handled()).toEqual({ 'slow-1': 1 });
  expect(counter.child.exitCode).toBeNull();
});

test('a broker that hangs is noticed, and what was emitted meanwhile goes out when it is back', async () => {
  const counter = await start();
  await counter.ready();
  await counter.post('/emit', { ids: ['before'] });
  await until('handled', async () => (await handled())['before'] === 1);
  broker.pause();
  try {
    await until('not ready', async () => (await counter.get('/readyz')).status === 503);
    expect((await counter.post('/emit', { ids: ['meanwhile'] })).status).toBe(202);
  } finally {
    broker.resume();
  }
  await counter.ready();
  await until('handled', async () => (await handled())['meanwhile'] === 1);
  expect(await handled()).toEqual({ before: 1, meanwhile: 1 });
});

test('a stream that is gone is made again, and what is in the outbox goes into it', async () => {
  const counter = await start();
  await counter.ready();
  await counter.post('/emit', { ids: ['before'] });
  await until('handled', async () => (await handled())['before'] === 1);
  await clearEvents();
  await counter.post('/emit', { ids: ['after'] });
  await until('handled', async () => (await handled())['after'] === 1);
  expect(await handled()).toEqual({ before: 1, after: 1 });
});

test('killed after the broker had the message and before its row was deleted: sent again, and dropped', async () => {
  const counter = await start({ CONSUME: 'no' });
  await counter.ready();
  await query(
    url,
    "create function hold() returns trigger language plpgsql as 'begin perform pg_sleep(3); return old; end'",
  );
  await query(url, 'create trigger hold before delete on camp_outbox for each row execute function hold()');
  await counter.post('/emit', { ids: ['twice'] });
  await until('with the broker', async () => (await messages()) === 1);
  await counter.kill();
  await query(url, 'drop trigger hold on camp_outbox');
  expect(await waiting()).toBe(1);
  const again = await start();
  await until('sent again', async () => (await waiting()) === 0);
  await until('handled', async () => (await handled())['twice'] === 1);
  expect(await messages()).toBe(1);
  expect(await again.kill('SIGTERM')).toBe(0);
});

test('the same event as several messages, and in another order, has its effect once', async () => {
  const counter = await start();
  await counter.ready();
  const events = ids('again', 20).map((id) => ({
    id: `event-${id}`,
    type: 'things.done',
    source: 'test',
    time: '',
    data: { id },
    requestId: 'r-1',
    traceparent: '',
  }));
  await onBroker(async (nats) => {
    const { streams } = await jetstreamManager(nats);
    // whoever is connected makes it, a moment after it is ready
    await until('the stream is there', () => streams.info('events').then(Boolean, () => false));
    for (const event of [...events, ...events.toReversed(), ...events])
      await jetstream(nats).publish('events.things.done', JSON.stringify(event));
  });
  await until('all handled', () => counter.lines.filter(({ msg }) => msg.startsWith('event')).length === 60);
  expect(await handled()).toEqual(once(ids('again', 20)));
});

test('a consumer killed or paused in the middle, beside another replica: once', async () => {
  const [one, two] = [await start(), await start()];
  await Promise.all([one.ready(), two.ready()]);
  await one.post('/emit', { ids: ['slow-a', 'slow-b', 'slow-c'] });
  const isBusy = ({ lines }: Started): boolean => lines.some(({ msg }) => msg === 'in the middle');
  await until('one of them at work', () => isBusy(one) || isBusy(two));
  const victim = isBusy(one) ? one : two;
  victim.child.kill('SIGSTOP');
  await until('the other has done all', async () => Object.keys(await handled()).length === 3);
  victim.child.kill('SIGCONT');
  await until('ready after it woke up', async () => (await victim.get('/readyz')).status === 200);
  await one.post('/emit', { ids: ['after'] });
  await until('all handled', async () => Object.keys(await handled()).length === 4);
  expect(await handled()).toEqual({ ...once(['slow-a', 'slow-b', 'slow-c']), after: 1 });
});

test('poison goes to the dead letters with its reason, holds nobody up, and can be replayed', async () => {
  const counter = await start();
  await counter.ready();
  await counter.post(
    '/emit',
    { ids: ['poison-1', 'terminal-1', ...ids('good', 10)] },
    { 'x-request-id': 'poisoned-request' },
  );
  await onBroker((nats) => jetstream(nats).publish('events.things.done', 'not even JSON'));
  await until('the others handled', async () => Object.keys(await handled()).length === 10);
  await until('three dead letters', async () => (await letters()).length === 3);
  const consumer = `${name}_things_done`;
  const dead = await letters();
  expect(
    dead
      .map(({ reason, attempts }) => ({ reason: reason.replace(/: .*/, ''), attempts }))
      .toSorted((a, b) => a.reason.localeCompare(b.reason)),
  ).toEqual([
    { reason: 'cannot digest poison-1', attempts: 5 },
    { reason: 'not an event', attempts: 1 },
    { reason: 'unknown product', attempts: 1 },
  ]);
  const poison = dead.find(({ attempts }) => attempts === 5)!;
  expect(poison).toMatchObject({
    consumer,
    event: { type: 'things.done', requestId: 'poisoned-request', data: { id: 'poison-1' } },
  });
  expect(await dlq('show', poison.id)).toEqual({ letters: [poison] });
  writeFileSync(cure, '');
  expect(await dlq('replay', poison.id)).toEqual({
    replayed: [{ id: poison.id, consumer, eventId: poison.event['id'], type: 'things.done' }],
  });
  await until('handled at last', async () => (await handled())['poison-1'] === 1);
  expect((await letters()).map(({ id }) => id)).not.toContain(poison.id);
  await expect(dlq('replay', poison.id)).rejects.toThrow(/no dead letter/);
  rmSync(cure);
});

interface Letter {
  readonly id: string;
  readonly consumer: string;
  readonly reason: string;
  readonly attempts: number;
  readonly event: Record<string, unknown>;
}

const letters = async (): Promise<readonly Letter[]> => (await dlq<{ letters: Letter[] }>('ls')).letters;

async function dlq<T = unknown>(...args: string[]): Promise<T> {
  const graves = await brokersGraves(broker.url);
  try {
    return JSON.parse(await tend([graves], [...args, '--json'])) as T;
  } finally {
    graves.close();
  }
}

test('a request is in every log line, also on the other side of the broker', async () => {
  const emitter = await start({ CONSUME: 'no' });
  const consumer = await start();
  await Promise.all([emitter.ready(), consumer.ready()]);
  const trace = 'a'.repeat(32);
  await emitter.post(
    '/emit',
    { ids: ['seen'] },
    { 'x-request-id': 'request-7', traceparent: `00-${trace}-${'b'.repeat(16)}-01` },
  );
  await until('handled', () => consumer.lines.some(({ msg }) => msg === 'event'));
  for (const { lines } of [emitter, consumer]) {
    const line = lines.find(({ msg, path }) => msg === 'event' || path === '/emit');
    expect(line).toMatchObject({ requestId: 'request-7', traceId: trace });
  }
});

test('SIGTERM: what is in flight ends, nothing new is taken, exit 0', async () => {
  const counter = await start();
  await counter.ready();
  await counter.post('/emit', { ids: ['slow-1'] });
  await until('at work', () => counter.lines.some(({ msg }) => msg === 'in the middle'));
  const slow = counter.get('/slow');
  await until('the request has arrived', async () => (await counter.get('/livez')).status === 200);
  const ended = counter.kill('SIGTERM');
  await until('draining', () => counter.lines.some(({ msg }) => msg === 'draining'));
  await expect(counter.get('/livez')).rejects.toThrow();
  expect(await slow).toEqual({ status: 200, body: { slow: true } });
  expect(await ended).toBe(0);
  expect(await handled()).toEqual({ 'slow-1': 1 });
});
