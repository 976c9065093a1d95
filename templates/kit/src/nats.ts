import * as js from '@nats-io/jetstream';
import { connect, headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Consumer, Verdict } from './consumer.ts';
import { correlation, traceparent } from './context.ts';
import { describe, log } from './log.ts';
import { Unavailable } from './problem.ts';
import type { Event } from './types.ts';
import { type Loop, repeat, sleep } from './wait.ts';

/** What a killed consumer had is delivered again after this; one that works says so three times as often. */
const ackWaitMs = 5_000;
/** Events that one consumer of one replica works at at the same time. */
const lanes = 4;
const timeout = 3_000;
const sevenDays = nanos(7 * 24 * 60 * 60 * 1_000);
const streams = [
  { name: 'events', subjects: ['events.>'], duplicate_window: nanos(120_000), max_age: sevenDays },
  { name: 'dlq', subjects: ['dlq.>'], duplicate_window: nanos(120_000), max_age: 0 },
];

export type Broker = ReturnType<typeof openNats>;

/** Connects in the background, for ever, and makes the streams and consumers whenever they are missing. */
export function openNats(url: string, service: string) {
  const loops: Loop[] = [];
  const pulls = new Set<js.ConsumerMessages>();
  const sources = new Map<string, Promise<js.Consumer>>();
  let making: Promise<js.JetStreamManager> | undefined;
  let connection: NatsConnection | undefined;
  let isConnected = false;
  let isDraining = false;

  const times = { timeout: 2_000, reconnectTimeWait: 250, reconnectJitter: 250, pingInterval: 2_000, maxPingOut: 2 };
  const options = { ...server(url), ...times, name: service, maxReconnectAttempts: -1 };
  const connecting = repeat('cannot use the broker', async () => {
    await watch(await connect(options)); // until it is closed
    return 500;
  });

  async function watch(nats: NatsConnection): Promise<void> {
    connection = nats;
    isConnected = true;
    for (const loop of loops) loop.kick();
    for await (const { type } of nats.status()) {
      if (type === 'disconnect') lost();
      if (type !== 'reconnect') continue;
      isConnected = true;
      log('the broker is back');
    }
    isConnected = false;
  }

  function lost(): void {
    if (isConnected) log.warn('lost the broker');
    isConnected = false;
    forget();
    for (const pull of pulls) pull.stop();
  }

  /** It may come back without what it had: the next one makes it again. */
  function forget(): void {
    making = undefined;
    sources.clear();
  }

  function live(): NatsConnection {
    if (connection && isConnected) return connection;
    throw new Unavailable('the broker cannot be reached');
  }

  async function makeStreams(): Promise<js.JetStreamManager> {
    const manager = await js.jetstreamManager(live(), { timeout });
    const known = new Set<string>();
    for await (const { config } of manager.streams.list()) known.add(config.name);
    // what somebody has configured otherwise stays as it is
    for (const stream of streams) if (!known.has(stream.name)) await manager.streams.add(stream);
    return manager;
  }

  async function makeSource({ name, type }: Consumer): Promise<js.Consumer> {
    const { consumers } = await (making ??= makeStreams());
    const wanted = { filter_subject: `events.${type}`, ack_wait: nanos(ackWaitMs), max_ack_pending: 1_000 };
    const fixed = { durable_name: name, ack_policy: js.AckPolicy.Explicit, max_deliver: -1 };
    await consumers.add('events', { ...wanted, ...fixed }).catch(() => consumers.update('events', name, wanted));
    return js.jetstream(live(), { timeout }).consumers.get('events', name);
  }

  async function send(subject: string, msgID: string, { requestId, traceparent }: Event, body: unknown) {
    const ids = headers();
    ids.set('x-request-id', requestId);
    ids.set('traceparent', traceparent);
    try {
      await (making ??= makeStreams());
      await js.jetstream(live()).publish(subject, JSON.stringify(body), { msgID, headers: ids, timeout });
    } catch (error) {
      throw failed(error);
    }
  }

  function failed(error: unknown): Unavailable {
    forget();
    const isPlain = /not enabled|no responders/i.test(describe(error));
    return new Unavailable(isPlain ? 'NATS runs without JetStream: start it with -js' : describe(error));
  }

  async function takeOne(consumer: Consumer): Promise<number> {
    if (!connection) return timeout; // kicked when it is there
    try {
      const source = sources.get(consumer.name) ?? makeSource(consumer);
      sources.set(consumer.name, source);
      const messages = await (await source).fetch({ max_messages: 1, expires: 5_000 });
      pulls.add(messages);
      if (isDraining || !isConnected) messages.stop();
      for await (const message of messages) await work(consumer, message);
      pulls.delete(messages);
      live();
      return 0;
    } catch (error) {
      throw failed(error);
    }
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
    consume(consumers: readonly Consumer[]): void {
      for (const consumer of consumers)
        for (let lane = 0; lane < lanes; lane++)
          loops.push(repeat(`${consumer.name} cannot read events`, () => takeOne(consumer)));
    },
    /** Why it is not connected, if it is not. */
    trouble: () => (isConnected ? undefined : 'the broker cannot be reached'),
    /** Takes no new events and waits for those at work. */
    async drain(): Promise<void> {
      isDraining = true;
      void connecting.stop();
      for (const pull of pulls) pull.stop();
      await Promise.all(loops.map((loop) => loop.stop()));
    },
    async close(): Promise<void> {
      if (isConnected) await Promise.race([connection?.flush().catch(() => {}), sleep(1_000)]);
      await connection?.close();
    },
  };
}

/** The client does not read a user and a password out of a URL. */
export function server(url: string) {
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
