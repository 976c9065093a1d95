import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { brokersLetters } from '../../src/camp/dlq-broker.ts';
import { CampError } from '../../src/kit/failure.ts';
import { nats } from '../kit/servers.ts';

/*
 * Camp's own reader of dead letters, for projects without a kit, against the kit's program: over a real NATS both say the same.
 */

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

/** What the kit's program prints. */
async function kit(...args: string[]): Promise<string> {
  const cli = fileURLToPath(new URL('../../templates/kit/src/dlq-cli.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...args], {
    env: { ...process.env, NATS_URL: broker.url },
  });
  return stdout;
}

const own = async (...args: string[]): Promise<string> => `${await brokersLetters(broker.url, args)}\n`;

test('ls and show say what the kit says, across gaps, with long and foreign texts', async () => {
  await bury(
    letter('a', { text: 'x' }),
    letter('gone', null),
    letter('b', 'ü'.repeat(200_000)),
    letter('a', { text: 'y' }),
  );
  await (await jetstreamManager(connection)).streams.deleteMessage('dlq', 2);
  for (const args of [['ls'], ['ls', '--json'], ['show', 'a', '--json'], ['show', '3'], ['show', '3', '--json']])
    expect(await own(...args), args.join(' ')).toBe(await kit(...args));
});

test('where nothing has died they say so too, also without the stream', async () => {
  expect(await own('ls')).toBe(await kit('ls'));
  await (await jetstreamManager(connection)).streams.delete('dlq');
  for (const args of [['ls'], ['ls', '--json'], ['replay', '--all']])
    expect(await own(...args)).toBe(await kit(...args));
});

test('replay sends the event again, with its ids and as another message, and takes the letter away', async () => {
  const { streams } = await jetstreamManager(connection);
  await bury(letter('a', { text: 'ü' }), letter('b', null), letter('c', null));
  expect(await own('replay', 'a')).toBe('replayed 1  things.done  for counter_things_done\n');
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
  const codeOf = (url: string, ...args: string[]) =>
    brokersLetters(url, args).catch((error: CampError) => error.failures.map(({ code }) => code));
  expect(await codeOf(broker.url, 'show', '7')).toEqual(['NO_DEAD_LETTER']);
  expect(await codeOf(broker.url, 'replay', 'nobody')).toEqual(['NO_DEAD_LETTER']);
  expect(await codeOf('nats://127.0.0.1:1', 'ls')).toEqual(['DLQ_UNREACHABLE']);
});

test('where an event cannot be sent again its letter stays', async () => {
  await bury(letter('a', null));
  const { streams } = await jetstreamManager(connection);
  await streams.delete('events');
  await expect(brokersLetters(broker.url, ['replay', 'a'])).rejects.toThrow(CampError);
  expect((await streams.info('dlq')).state.messages).toBe(1);
});
