import { type App, inside } from './app.ts';
import { durableName, type Subscription } from './broker.ts';
import type { ConsumerParts } from './consumer.ts';
import { createConsumer } from './consumer.ts';
import type { Database } from './database.ts';
import { createTx } from './outbox.ts';
import type { Client, EventHandler, Tx } from './types.ts';
import { transact } from './unit.ts';

/** `tx` of requests and of the app: the events that were emitted leave right after the commit. */
export function createTransact(service: string, database: Database | undefined, kick: () => void): <T>(work: (tx: Tx) => Promise<T>) => Promise<T> {
  return async (work) => {
    if (!database) throw new Error('no database: say app.database() before start()');
    const result = await transact(database, (session) => work(createTx(session, service)));
    kick();
    return result;
  };
}

/** One consumer for each type and name: whatever the service does for an event is one transaction. */
export function subscriptions(app: App, parts: ConsumerParts): Subscription[] {
  const byName = new Map<string, { type: string; handlers: EventHandler[] }>();
  for (const { type, as, handler } of inside(app).declared().handled) {
    const consumer = durableName(as ?? parts.service, type);
    const entry = byName.get(consumer) ?? { type, handlers: [] };
    entry.handlers.push(handler);
    byName.set(consumer, entry);
  }
  return [...byName].map(([consumer, { type, handlers }]) => createConsumer(consumer, type, handlers, parts));
}

/** The client and the libraries behind it are loaded with the first call. */
export function lazyClient(load: () => Promise<Client>): Client {
  let loading: Promise<Client> | undefined;
  const client = () => (loading ??= load());
  return {
    get: async (...args) => (await client()).get(...args),
    post: async (...args) => (await client()).post(...args),
    request: async (...args) => (await client()).request(...args),
  };
}

