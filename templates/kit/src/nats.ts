import {
  AckPolicy,
  type Consumer as Source,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { connect, headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Consumer, Verdict } from './consumer.ts';
import { correlation, traceparent } from './context.ts';
import { describe, log } from './log.ts';
import { Unavailable } from './problem.ts';
import type { Envelope } from './types.ts';
import { repeat, sleep } from './wait.ts';

/** What a killed consumer had is delivered again after this; one that works says so three times as often. */
const ackWaitMs = 5_000;
const pullMs = 5_000;
/** Events that one consumer of one replica works at at the same time. */
const lanes = 4;
const timeout = 3_000;
const day = 24 * 60 * 60 * 1_000;

const stream = { retention: RetentionPolicy.Limits, storage: StorageType.File, duplicate_window: nanos(120_000) };
const streams = [
  { ...stream, name: 'events', subjects: ['events.>'], max_age: nanos(7 * day) },
  { ...stream, name: 'dlq', subjects: ['dlq.>'], max_age: 0 },
];

export interface Broker {
  /** Stored when it resolves; the same id twice is one message. */
  publish(event: Envelope): Promise<void>;
  consume(consumers: readonly Consumer[]): void;
  /** Why it is not connected, if it is not. */
  trouble(): string | undefined;
  /** Takes no new events and waits for those at work. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** Connects in the background, for ever, and makes the streams and consumers whenever they are missing. */
export function openNats(url: string, service: string): Broker {
  const loops: ReturnType<typeof repeat>[] = [];
  const pulls = new Set<ConsumerMessages>();
  const sources = new Map<string, Promise<Source>>();
  let connection: NatsConnection | undefined;
  let isConnected = false;
  let isDraining = false;
  let making: Promise<JetStreamManager> | undefined;

  const times = { timeout: 2_000, reconnectTimeWait: 250, reconnectJitter: 250, pingInterval: 2_000, maxPingOut: 2 };
  connect({ ...server(url), ...times, name: service, maxReconnectAttempts: -1, waitOnFirstConnect: true }).then(
    watch,
    (error) => log.error(`the broker cannot be used: ${describe(error)}`),
  );

  async function watch(nats: NatsConnection): Promise<void> {
    connection = nats;
    isConnected = true;
    for (const loop of loops) loop.kick();
    for await (const { type } of nats.status()) {
      if (type === 'disconnect' && isConnected) {
        log.warn('lost the broker');
        isConnected = false;
        forget();
        for (const pull of pulls) pull.stop();
      }
      if (type === 'reconnect') {
        isConnected = true;
        log('the broker is back');
      }
    }
  }

  /** It may have come back without what it had. */
  function forget(): void {
    making = undefined;
    sources.clear();
  }

  function live(): NatsConnection {
    if (!connection || !isConnected) throw new Unavailable('the broker cannot be reached');
    return connection;
  }

  /** Makes the streams where nobody has; what somebody has configured otherwise stays as it is. */
  async function makeStreams(): Promise<JetStreamManager> {
    const manager = await jetstreamManager(live(), { timeout });
    const known = new Set<string>();
    for await (const { config } of manager.streams.list()) known.add(config.name);
    for (const each of streams) if (!known.has(each.name)) await manager.streams.add(each);
    return manager;
  }

  async function send(subject: string, msgID: string, { requestId, traceparent }: Envelope, body: unknown) {
    const ids = headers();
    ids.set('x-request-id', requestId);
    ids.set('traceparent', traceparent);
    try {
      await (making ??= makeStreams());
      await jetstream(live()).publish(subject, JSON.stringify(body), { msgID, headers: ids, timeout });
    } catch (error) {
      forget(); // the next one makes them again, if that was it
      throw new Unavailable(`the broker did not take the message: ${why(error)}`, { cause: error });
    }
  }

  async function makeSource({ name, type }: Consumer): Promise<Source> {
    const { consumers } = await (making ??= makeStreams());
    const wanted = { filter_subject: `events.${type}`, ack_wait: nanos(ackWaitMs), max_ack_pending: 1_000 };
    const fixed = { durable_name: name, ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All };
    const known = await consumers.info('events', name).catch(() => undefined);
    if (!known) await consumers.add('events', { ...wanted, ...fixed, max_deliver: -1 });
    else if (known.config.ack_wait !== wanted.ack_wait) await consumers.update('events', name, wanted);
    return jetstream(live(), { timeout }).consumers.get('events', name);
  }

  async function takeOne(consumer: Consumer): Promise<number> {
    if (!connection) return pullMs;
    try {
      const source = sources.get(consumer.name) ?? makeSource(consumer);
      sources.set(consumer.name, source);
      const message = await pull(await source);
      if (message) await work(consumer, message);
      return 0;
    } catch (error) {
      forget();
      throw new Unavailable(why(error));
    }
  }

  async function pull(source: Source): Promise<JsMsg | undefined> {
    live();
    const messages = await source.fetch({ max_messages: 1, expires: pullMs });
    pulls.add(messages);
    if (isDraining) messages.stop();
    for await (const message of messages) {
      pulls.delete(messages);
      return message;
    }
    pulls.delete(messages);
    return undefined;
  }

  async function work(consumer: Consumer, message: JsMsg): Promise<void> {
    const heartbeat = setInterval(() => message.working(), ackWaitMs / 3);
    try {
      const verdict = await judge(consumer, message);
      if (verdict.kind === 'again') return message.nak(Math.max(1, verdict.delayMs));
      if (verdict.kind === 'done') return message.ack();
      // not until the dead letter is stored is the message given up; else it comes back by itself
      const { event, reason, time } = verdict.letter;
      await send(`dlq.${consumer.name}`, `${event.id}.${consumer.name}.${time}`, event, verdict.letter);
      message.term(reason.slice(0, 200));
    } finally {
      clearInterval(heartbeat);
    }
  }

  return {
    publish: (event) => send(`events.${event.type}`, event.id, event, event),
    consume(consumers) {
      for (const consumer of consumers)
        for (let lane = 0; lane < lanes; lane++)
          loops.push(repeat(`${consumer.name} cannot read events`, () => takeOne(consumer)));
    },
    trouble: () => (isConnected ? undefined : 'the broker cannot be reached'),
    async drain() {
      isDraining = true;
      const stopped = loops.map((loop) => loop.stop());
      for (const each of pulls) each.stop();
      await Promise.all(stopped);
    },
    async close() {
      if (isConnected) await Promise.race([connection?.flush().catch(() => {}), sleep(1_000)]);
      await connection?.close();
    },
  };
}

const why = (error: unknown): string =>
  /not enabled|no responders/i.test(describe(error))
    ? 'NATS runs without JetStream: start it with -js'
    : describe(error);

/** The client does not read a user and a password out of a URL. */
export function server(url: string): { servers: string; user?: string; pass?: string; token?: string } {
  if (!URL.canParse(url)) return { servers: url };
  const { host, username, password } = new URL(url);
  const user = decodeURIComponent(username);
  if (user && password) return { servers: host, user, pass: decodeURIComponent(password) };
  return user ? { servers: host, token: user } : { servers: host };
}

/** What the consumer says of an event; what is none is a dead letter at once. */
async function judge(consumer: Consumer, message: JsMsg): Promise<Verdict> {
  const deliveries = message.info.deliveryCount;
  let why = 'it has no id or type';
  try {
    const event = message.json<Envelope>();
    if (typeof event?.id === 'string' && typeof event.type === 'string')
      return await consumer.handle({ ...event, deliveries });
  } catch (error) {
    why = describe(error);
  }
  const ids = correlation(message.headers?.get('x-request-id'), message.headers?.get('traceparent'));
  const time = new Date().toISOString();
  const event: Envelope = {
    ...{ id: `message-${message.seq}`, type: consumer.type, source: 'unknown', time },
    ...{ data: message.string().slice(0, 10_000), requestId: ids.requestId, traceparent: traceparent(ids) },
  };
  const reason = `not an event: ${why}`;
  log.error(`${event.type} goes to the dead letters: ${reason}`, {
    consumer: consumer.name,
    eventId: event.id,
    ...ids,
  });
  return { kind: 'dead', letter: { event, consumer: consumer.name, reason, attempts: deliveries, time } };
}
