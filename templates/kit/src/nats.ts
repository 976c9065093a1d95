import { AckPolicy, type ConsumerMessages, DeliverPolicy, jetstream, jetstreamManager, type JsMsg, type JetStreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { connect, headers as createHeaders, type NatsConnection, nanos } from '@nats-io/transport-node';
import { type Broker, eventPrefix, type Subscription } from './broker.ts';
import { correlation, traceparent } from './context.ts';
import { createPatientLog, describe, log } from './log.ts';
import { Unavailable } from './problem.ts';
import type { DeadLetter, Envelope } from './types.ts';
import { atMost, sleep } from './wait.ts';

/** What a killed consumer had is delivered again after this; one that works says so three times as often. */
const ackWaitMs = 5_000;
const pullMs = 5_000;
/** Events that one consumer of one replica works at at the same time. */
const lanes = 4;
const day = 24 * 60 * 60 * 1_000;

const streams = [
  { name: 'events', subjects: [`${eventPrefix}>`], retention: RetentionPolicy.Limits, storage: StorageType.File, duplicate_window: nanos(120_000), max_age: nanos(7 * day) },
  { name: 'dlq', subjects: ['dlq.>'], retention: RetentionPolicy.Limits, storage: StorageType.File, duplicate_window: nanos(120_000), max_age: 0 },
];

/** Connects in the background, for ever, and makes the streams and consumers whenever they are missing. */
export function openNats(url: string, service: string): Broker {
  const stopping = new AbortController();
  const complain = createPatientLog();
  const running = new Set<Promise<void>>();
  const pulls = new Set<ConsumerMessages>();
  let connection: NatsConnection | undefined;
  let isConnected = false;
  let streamsMade: Promise<JetStreamManager> | undefined;
  const connecting = connectForEver();

  async function connectForEver(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        connection = await connect({ ...server(url), name: service, maxReconnectAttempts: -1, reconnectTimeWait: 250, reconnectJitter: 250, timeout: 2_000, pingInterval: 2_000, maxPingOut: 2 });
        isConnected = true;
        void watch(connection);
        return;
      } catch (error) {
        complain(`waiting for the broker: ${describe(error)}`);
        await sleep(300, stopping.signal);
      }
    }
  }

  async function watch(nats: NatsConnection): Promise<void> {
    for await (const { type } of nats.status()) {
      if (type === 'disconnect' || type === 'staleConnection') {
        if (isConnected) log.warn('lost the broker');
        isConnected = false;
        // it may come back without what it had
        streamsMade = undefined;
        for (const pull of pulls) pull.stop();
      }
      if (type === 'reconnect') {
        isConnected = true;
        log('the broker is back');
      }
    }
  }

  /** Ours where nobody has made them; what somebody has configured otherwise stays as it is. */
  async function makeStreams(): Promise<JetStreamManager> {
    const manager = await jetstreamManager(live(), { timeout: 3_000 });
    const known = new Set<string>();
    for await (const { config } of manager.streams.list()) known.add(config.name);
    for (const stream of streams) if (!known.has(stream.name)) await manager.streams.add(stream);
    return manager;
  }

  function live(): NatsConnection {
    if (!connection || !isConnected) throw new Unavailable('the broker cannot be reached');
    return connection;
  }

  async function manager(): Promise<JetStreamManager> {
    streamsMade ??= makeStreams();
    try {
      return await streamsMade;
    } catch (error) {
      streamsMade = undefined;
      const isWithout = /not enabled|no responders/i.test(describe(error));
      throw isWithout ? new Unavailable('NATS runs without JetStream: start it with -js') : error;
    }
  }

  async function send(subject: string, id: string, body: unknown, ids: Pick<Envelope, 'requestId' | 'traceparent'>): Promise<void> {
    const headers = createHeaders();
    headers.set('x-request-id', ids.requestId);
    headers.set('traceparent', ids.traceparent);
    try {
      await manager();
      await jetstream(live(), { timeout: 3_000 }).publish(subject, JSON.stringify(body), { msgID: id, headers, timeout: 3_000 });
    } catch (error) {
      streamsMade = undefined; // the next one makes them again, if that was it
      throw error instanceof Unavailable ? error : new Unavailable(`the broker did not take the message: ${describe(error)}`, { cause: error });
    }
  }

  async function lane(subscription: Subscription): Promise<void> {
    await connecting;
    let isMade = false;
    while (!stopping.signal.aborted) {
      try {
        if (!isMade) await makeConsumer(subscription);
        isMade = true;
        const message = await pull(subscription.consumer);
        if (message) await work(subscription, message);
      } catch (error) {
        isMade = false;
        if (stopping.signal.aborted) return;
        complain(`${subscription.consumer} cannot read events at the moment: ${describe(error)}`);
        await sleep(300, stopping.signal);
      }
    }
  }

  async function makeConsumer({ consumer, type }: Subscription): Promise<void> {
    const { consumers } = await manager();
    const wanted = {
      durable_name: consumer, filter_subject: eventPrefix + type, ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ackWaitMs), max_deliver: -1, max_ack_pending: 1_000,
    };
    const { durable_name: _, ...changeable } = wanted;
    const known = await consumers.info('events', consumer).catch(() => undefined);
    if (!known) await consumers.add('events', wanted);
    else if (known.config.filter_subject !== wanted.filter_subject || known.config.ack_wait !== wanted.ack_wait) await consumers.update('events', consumer, changeable);
  }

  async function pull(consumer: string): Promise<JsMsg | undefined> {
    const source = await jetstream(live(), { timeout: 3_000 }).consumers.get('events', consumer);
    const messages = await source.fetch({ max_messages: 1, expires: pullMs });
    pulls.add(messages);
    try {
      for await (const message of messages) return message;
      return undefined;
    } finally {
      pulls.delete(messages);
    }
  }

  async function work(subscription: Subscription, message: JsMsg): Promise<void> {
    const heartbeat = setInterval(() => message.working(), ackWaitMs / 3);
    try {
      const event = parse(message);
      const verdict =
        typeof event === 'string'
          ? { kind: 'dead' as const, letter: letterOf(subscription.consumer, message, event) }
          : await subscription.handle({ ...event, deliveries: message.info.deliveryCount });
      if (verdict.kind === 'again') message.nak(Math.max(1, Math.round(verdict.delayMs)));
      else if (verdict.kind === 'done') message.ack();
      else if (await buried(verdict.letter)) message.term(verdict.letter.reason.slice(0, 200));
    } finally {
      clearInterval(heartbeat);
    }
  }

  /** Not until the dead letter is stored is the message given up. */
  async function buried(letter: DeadLetter): Promise<boolean> {
    while (!stopping.signal.aborted) {
      try {
        await send(`dlq.${letter.consumer}`, `${letter.event.id}.${letter.consumer}.${letter.time}`, letter, letter.event);
        return true;
      } catch (error) {
        complain(`a dead letter cannot be stored at the moment: ${describe(error)}`);
        await sleep(500, stopping.signal);
      }
    }
    return false;
  }

  return {
    isLocal: false,
    publish: (event) => send(eventPrefix + event.type, event.id, event, event),
    subscribe(subscription) {
      for (let index = 0; index < lanes; index++) {
        const one = lane(subscription);
        running.add(one);
        void one.finally(() => running.delete(one));
      }
    },
    trouble: () => (isConnected ? undefined : 'the broker cannot be reached'),
    async drain() {
      stopping.abort();
      for (const each of pulls) each.stop();
      await Promise.all(running);
    },
    async close() {
      stopping.abort();
      const nats = connection;
      if (nats) await atMost(1_000, nats.flush().then(() => nats.close()), () => new Error('')).catch(() => nats.close());
    },
  };
}

/** The client does not read a user and a password out of a URL. */
export function server(url: string): { servers: string; user?: string; pass?: string; token?: string } {
  if (!URL.canParse(url)) return { servers: url };
  const { host, username, password } = new URL(url);
  const user = decodeURIComponent(username);
  if (user && password) return { servers: host, user, pass: decodeURIComponent(password) };
  return user ? { servers: host, token: user } : { servers: host };
}

/** The event, or why it is none. */
function parse(message: JsMsg): Envelope | string {
  try {
    const event = message.json<Envelope>();
    if (typeof event?.id !== 'string' || typeof event.type !== 'string') return 'not an event: it has no id or type';
    return event;
  } catch (error) {
    return `not an event: ${describe(error)}`;
  }
}

function letterOf(consumer: string, message: JsMsg, reason: string): DeadLetter {
  const ids = correlation(message.headers?.get('x-request-id'), message.headers?.get('traceparent'));
  const event: Envelope = {
    id: message.headers?.get('Nats-Msg-Id') || `message-${message.seq}`, type: message.subject.slice(eventPrefix.length), source: 'unknown',
    time: new Date().toISOString(), data: message.string().slice(0, 10_000), requestId: ids.requestId, traceparent: traceparent(ids),
  };
  log.error(`${event.type} goes to the dead letters: ${reason}`, { consumer, eventId: event.id, ...ids });
  return { event, consumer, reason, attempts: message.info.deliveryCount, time: new Date().toISOString() };
}
