import { createClient, type Transport } from './client.ts';
import type { Handled } from './consumer.ts';
import { createTx, type Database, type DatabaseOptions, transact } from './database.ts';
import { nameLog } from './log.ts';
import type { Route, RouteOptions } from './router.ts';
import { type BuiltSaga, createSaga } from './saga.ts';
import type { Client, EventHandler, Handler, Saga, SagaOptions, Transact } from './types.ts';

/** What a service says of itself; nothing is opened before start. */
export interface App {
  readonly name: string;
  database(options?: DatabaseOptions): void;
  route(method: string, pattern: string, handler: Handler, options?: RouteOptions): void;
  /** `as` is a name instead of the service's: for a part of it that gets every event by itself, such as a module. */
  on<T = any>(type: string, handler: EventHandler<T>, options?: { readonly as?: string }): void;
  saga<T extends object = any>(name: string, options: SagaOptions<T>): Saga<T>;
  /** Asks other services where there is no request: in handlers of events. */
  readonly client: Client;
  /** As in a request, outside of one. */
  readonly tx: Transact;
  /** Migrates, connects, listens; SIGTERM drains and ends the process. */
  start(): Promise<void>;
  /** For start and testEnv, and nobody else's business. */
  readonly parts: Parts;
}

export interface Parts {
  readonly routes: Route[];
  readonly handled: Handled[];
  readonly sagas: BuiltSaga<any>[];
  /** Undefined where neither a database nor anything that needs one was asked for. */
  database: DatabaseOptions | undefined;
  /** Once it has been started. */
  runtime?: Runtime;
}

export interface Runtime {
  readonly service: string;
  readonly database: Database | undefined;
  readonly transport: Transport;
  now(): number;
}

/** The name is for tests and where SERVICE is not set: camp and Compose set it. */
export function createService(name: string): App {
  const parts: Parts = { routes: [], handled: [], sagas: [], database: undefined };
  nameLog(process.env['SERVICE'] || name);

  function running(): Runtime {
    if (parts.runtime) return parts.runtime;
    throw new Error('the service has not been started: app.tx and app.client are for handlers and after start()');
  }

  const app: App = {
    name,
    parts,
    client: createClient(async (url, init) => running().transport(url, init)),
    database(options = {}) {
      parts.database = options;
    },
    route(method, pattern, handler, options = {}) {
      parts.routes.push({ method: method.toUpperCase(), pattern, handler, options });
      if (options.idempotent) parts.database ??= {};
    },
    on(type, handler, { as } = {}) {
      parts.handled.push({ type, handler, as });
      parts.database ??= {};
    },
    saga(sagaName, options) {
      const saga = createSaga(sagaName, options, () => running().now());
      parts.sagas.push(saga);
      parts.handled.push(...saga.handled);
      parts.database ??= {};
      return saga;
    },
    tx(work) {
      const { database, service } = running();
      if (!database) throw new Error('no database: say app.database() before start()');
      return transact(database, (session) => work(createTx(session, service)));
    },
    start: async () => (await import('./start.ts')).start(app),
  };
  return app;
}
