import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { brokersGraves } from '../../src/camp/dlq-broker.ts';
import { tend } from '../../src/camp/dlq-letters.ts';
import { nats } from '../kit/servers.ts';

/* The dead letters that a broker keeps, over a real NATS. */

let broker: Awaited<ReturnType<typeof nats>>;
let connection: NatsConnection;
beforeAll(async () => {
  broker = await nats();
  connection = await connect({ servers: `127.0.0.1:${broker.port}` });
});
afterAll(async () => {
  await connection?.close();
  await broker?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  const { streams } = await jetstreamManager(connection);
  for (const name of ['events', 'dlq']) {
    await streams.delete(name).catch(() => {});
    await streams.add({ name, subjects: [`${name}.>`] });
  }
});

const letter = (id: string, data: unknown) => ({
  event: {
    ...{ id, type: 'things.done', source: 'test', time: '2026-01-01T00:00:00.000Z', data },
    ...{ requestId: `request-${id}`, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
  },
  consumer: 'counter_things_done',
  reason: 'cannot digest é😀\nat all',
  attempts: 5,
  time: '2026-01-01T00:00:01.000Z',
});

async function bury(...letters: readonly object[]): Promise<void> {
  for (const one of letters) await jetstream(connection).publish('dlq.counter_things_done', JSON.stringify(one));
}

async function dlq(url: string, ...args: string[]): Promise<string> {
  const graves = await brokersGraves(url);
  try {
    return await tend([graves], args);
  } finally {
    graves.close();
  }
}
const own = (...args: string[]): Promise<string> => dlq(broker.url, ...args);

test('ls and show say all there is to say, across gaps, with long and foreign texts', async () => {
  const long = letter('b', 'ü'.repeat(200_000));
  await bury(letter('a', { text: 'x' }), letter('gone', null), long, letter('a', { text: 'y' }));
  await (await jetstreamManager(connection)).streams.deleteMessage('dlq', 2);
  const line = (id: string) => `${id}  ${long.time}  counter_things_done  things.done  5×  ${long.reason}`;
  expect(await own('ls')).toBe(['1', '3', '4'].map(line).join('\n'));
  const all = [
    { ...letter('a', { text: 'x' }), id: '1' },
    { ...long, id: '3' },
    { ...letter('a', { text: 'y' }), id: '4' },
  ];
  expect(JSON.parse(await own('ls', '--json'))).toEqual({ letters: all });
  expect(JSON.parse(await own('show', 'a', '--json'))).toEqual({ letters: [all[0], all[2]] });
  expect(JSON.parse(await own('show', '3'))).toEqual(all[1]);
});

test('where nothing has died they say so too, also without the stream', async () => {
  expect(await own('ls')).toBe('no dead letters');
  await (await jetstreamManager(connection)).streams.delete('dlq');
  expect(await own('ls')).toBe('no dead letters');
  expect(JSON.parse(await own('ls', '--json'))).toEqual({ letters: [] });
  expect(await own('replay', '--all')).toBe('nothing to replay');
});

test('replay sends the event again, with its ids and as another message, and takes the letter away', async () => {
  const { streams } = await jetstreamManager(connection);
  await bury(letter('a', { text: 'ü' }), letter('b', null), letter('c', null));
  expect(await own('replay', 'a')).toBe('replayed 1  things.done  for counter_things_done');
  const sent = await streams.getMessage('events', { seq: 1 });
  expect(sent?.subject).toBe('events.things.done');
  expect(sent?.json()).toEqual(letter('a', { text: 'ü' }).event);
  const headers = ['Nats-Msg-Id', 'x-request-id', 'traceparent'].map((name) => sent?.header.get(name));
  expect(headers).toEqual(['a.replay.1', 'request-a', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`]);
  expect(JSON.parse(await own('replay', '--all', '--json'))).toEqual({
    replayed: [
      { id: '2', consumer: 'counter_things_done', eventId: 'b', type: 'things.done' },
      { id: '3', consumer: 'counter_things_done', eventId: 'c', type: 'things.done' },
    ],
  });
  expect((await streams.info('dlq')).state.messages).toBe(0);
  expect((await streams.info('events')).state.messages).toBe(3);
});

test('a letter that nobody has, and a broker that does not answer', async () => {
  for (const args of [
    ['show', '7'],
    ['replay', 'nobody'],
  ])
    await expect(own(...args)).rejects.toMatchObject({ failures: [{ code: 'NO_DEAD_LETTER' }] });
  await expect(dlq('nats://127.0.0.1:1', 'ls')).rejects.toThrow(/ECONNREFUSED/);
});

test('where an event cannot be sent again its letter stays', async () => {
  await bury(letter('a', null));
  const { streams } = await jetstreamManager(connection);
  await streams.delete('events');
  await expect(own('replay', 'a')).rejects.toThrow(/./);
  expect((await streams.info('dlq')).state.messages).toBe(1);
});
