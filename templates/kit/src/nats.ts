import * as js from '@nats-io/jetstream';
import { connect, headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Consumer, Verdict } from './consumer.ts';
import { correlation, traceparent } from './context.ts';
import { describe, log } from './log.ts';
import { Unavailable } from './problem.ts';
import type { Event } from './types.ts';
import { repeat, sleep } from './wait.ts';

/** What a killed consumer had is delivered again after this; one that works says so three times as often. */
const ackWaitMs = 5_000;
/** Events that one consumer of one replica works at at the same time. */
const lanes = 4;
const timeout = 3_000;
const sevenDays = nanos(7 * 24 * 60 * 60 * 1_000);
const wantedStreams = [
  { name: 'events', subjects: ['events.>'], duplicate_window: nanos(120_000), max_age: sevenDays },
  { name: 'dlq', subjects: ['dlq.>'], duplicate_window: nanos(120_000), max_age: 0 },
];

export type Broker = ReturnType<typeof openNats>;

/** Connects in the background, for ever, and makes the streams and consumers whenever they are missing. */
export function openNats(url: string, service: string, consumers: readonly Consumer[]) {
  const pulls = new Set<js.ConsumerMessages>();
  let connection: NatsConnection | undefined;
  let making: ReturnType<typeof make> | undefined;
  let isDraining = false;

  const times = { timeout: 2_000, pingInterval: 2_000, maxPingOut: 2 };
  const options = { ...server(url), ...times, name: service, reconnect: false }; // the loop connects again
  const connecting = repeat('cannot use the broker', async () => {
    connection = await connect(options);
    log('connected to the broker');
    making = undefined;
    for (const loop of loops) loop.kick();
    await connection.closed();
    connection = undefined;
    if (!isDraining) log.warn('lost the broker');
    return 250 + Math.random() * 250;
  });
  const lane = (consumer: Consumer) => repeat(`${consumer.name} cannot read events`, () => takeOne(consumer));
  const loops = consumers.flatMap((consumer) => Array.from({ length: lanes }, () => lane(consumer)));

  async function make(nats: NatsConnection) {
    const { streams, consumers: known } = await js.jetstreamManager(nats, { timeout });
    const stream = js.jetstream(nats, { timeout });
    // what somebody has configured otherwise stays as it is
    for (const wanted of wantedStreams) await streams.info(wanted.name).catch(() => streams.add(wanted));
    const sources = new Map<string, js.Consumer>();
    for (const { name, type } of consumers) {
      const wanted = { filter_subject: `events.${type}`, ack_wait: nanos(ackWaitMs), max_ack_pending: 1_000 };
      const fixed = { durable_name: name, ack_policy: js.AckPolicy.Explicit, max_deliver: -1 };
      await known.add('events', { ...wanted, ...fixed }).catch(() => known.update('events', name, wanted));
      sources.set(name, await stream.consumers.get('events', name));
    }
    return { stream, sources };
  }

  /** Does what needs the broker, which may have come back without what it had: after a failure it is made again. */
  async function using<T>(work: (made: Awaited<ReturnType<typeof make>>) => Promise<T>): Promise<T> {
    if (!connection) throw new Unavailable('the broker cannot be reached');
    try {
      return await work(await (making ??= make(connection)));
    } catch (error) {
      making = undefined;
      const isPlain = /not enabled|no responders/i.test(describe(error));
      throw new Unavailable(isPlain ? 'NATS runs without JetStream: start it with -js' : describe(error));
    }
  }

  async function send(subject: string, msgID: string, { requestId, traceparent }: Event, body: unknown): Promise<void> {
    const ids = headers();
    ids.set('x-request-id', requestId);
    ids.set('traceparent', traceparent);
    const options = { msgID, headers: ids, timeout };
    await using(({ stream }) => stream.publish(subject, JSON.stringify(body), options));
  }

  async function takeOne(consumer: Consumer): Promise<number> {
    if (!connection) return timeout; // kicked when it is there
    return using(async ({ sources }) => {
      const messages = await sources.get(consumer.name)!.fetch({ max_messages: 1, expires: 5_000 });
      pulls.add(messages);
      if (isDraining) messages.stop();
      for await (const message of messages) await work(consumer, message);
      pulls.delete(messages);
      return 0;
    });
  }

  async function work(consumer: Consumer, message: js.JsMsg): Promise<void> {
    const heartbeat = setInterval(() => message.working(), ackWaitMs / 3);
    try {
      const verdict = await judge(consumer, message);
      if (verdict.kind === 'again') return message.nak(Math.max(1, verdict.delayMs));
      if (verdict.kind === 'done') return message.ack();
      // not until the dead letter is stored is the message given up; else it comes back by itself
      const { event, time } = verdict.letter;
      await send(`dlq.${consumer.name}`, `${event.id}.${consumer.name}.${time}`, event, verdict.letter);
      message.term();
    } finally {
      clearInterval(heartbeat);
    }
  }

  return {
    /** Stored when it resolves; the same id twice is one message. */
    publish: (event: Event) => send(`events.${event.type}`, event.id, event, event),
    /** Why it is not connected, if it is not. */
    trouble: () => (connection ? undefined : 'the broker cannot be reached'),
    /** Takes no new events and waits for those at work. */
    async drain(): Promise<void> {
      isDraining = true;
      void connecting.stop();
      for (const pull of pulls) pull.stop();
      await Promise.all(loops.map((loop) => loop.stop()));
    },
    async close(): Promise<void> {
      await Promise.race([connection?.flush().catch(() => {}), sleep(1_000)]);
      await connection?.close();
    },
  };
}

/** The client does not read a user and a password out of a URL. */
function server(url: string) {
  const { host: servers, username, password } = URL.parse(url) ?? { host: url, username: '', password: '' };
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  return pass ? { servers, user, pass } : user ? { servers, token: user } : { servers };
}

/** What the consumer says of an event; what is none is a dead letter at once. */
async function judge({ name: consumer, type, handle }: Consumer, message: js.JsMsg): Promise<Verdict> {
  const attempts = message.info.deliveryCount;
  let reason = 'not an event: it has no id or type';
  try {
    const event = message.json<Event>();
    if (event?.id && event.type) return await handle(event, attempts);
  } catch (error) {
    reason = `not an event: ${describe(error)}`;
  }
  const ids = correlation(message.headers?.get('x-request-id'), message.headers?.get('traceparent'));
  const [id, time, data] = [`message-${message.seq}`, new Date().toISOString(), message.string().slice(0, 10_000)];
  log.error(`${type} goes to the dead letters: ${reason}`, { consumer, eventId: id, ...ids });
  const { requestId } = ids;
  const event = { id, type, source: 'unknown', time, data, requestId, traceparent: traceparent(ids) };
  return { kind: 'dead', letter: { event, consumer, reason, attempts, time } };
}
