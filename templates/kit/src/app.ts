import type { Database, DatabaseOptions } from './database.ts';
import type { Route, RouteOptions } from './router.ts';
import { createSaga, type BuiltSaga } from './saga.ts';
import type { Client, EventHandler, Handler, Saga, SagaOptions, Tx } from './types.ts';
import { nameLog } from './log.ts';

export interface ConsumerOptions {
  /** Instead of the service's name: a part of the service that gets every event by itself, such as a module. */
  readonly as?: string;
}

/** What a service says of itself; nothing is opened before start. */
export interface App {
  readonly name: string;
  database(options?: DatabaseOptions): void;
  route(method: string, pattern: string, handler: Handler, options?: RouteOptions): void;
  on<T = any>(type: string, handler: EventHandler<T>, options?: ConsumerOptions): void;
  saga<T extends object = any>(name: string, options: SagaOptions<T>): Saga<T>;
  /** Asks other services where there is no request: in handlers of events. */
  readonly client: Client;
  /** As in a request, outside of one. */
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Runs when the service stops, before its database closes. */
  onStop(work: () => unknown): void;
  /** Migrates, connects, listens; SIGTERM drains and ends the process. */
  start(): Promise<void>;
}

interface Handled {
  readonly type: string;
  readonly as: string | undefined;
  readonly handler: EventHandler;
}

/** What start and testEnv build the service from. */
export interface Declared {
  readonly name: string;
  readonly routes: readonly Route[];
  readonly handled: readonly Handled[];
  readonly sagas: readonly BuiltSaga<any>[];
  readonly stops: readonly (() => unknown)[];
  /** Undefined where neither a database nor anything that needs one was asked for. */
  readonly database: DatabaseOptions | undefined;
}

export interface Runtime {
  readonly database: Database | undefined;
  readonly client: Client;
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  now(): number;
}

interface Inside {
  readonly declared: () => Declared;
  bind(runtime: Runtime): void;
}

const insides = new WeakMap<App, Inside>();

/** For start and for tests: the parts of an app that are nobody else's business. */
export function inside(app: App): Inside {
  const found = insides.get(app);
  if (!found) throw new Error('not made by createService');
  return found;
}

/** The name is for tests and where SERVICE is not set: camp and Compose set it. */
export function createService(name: string): App {
  const routes: Route[] = [];
  const handled: Handled[] = [];
  const sagas: BuiltSaga<any>[] = [];
  const stops: (() => unknown)[] = [];
  let database: DatabaseOptions | undefined;
  let runtime: Runtime | undefined;
  nameLog(process.env['SERVICE'] || name);

  function running(): Runtime {
    if (!runtime) throw new Error('the service has not been started: app.tx and app.client are for handlers and after start()');
    return runtime;
  }

  const app: App = {
    name,
    database(options = {}) {
      database = options;
    },
    route(method, pattern, handler, options = {}) {
      routes.push({ method: method.toUpperCase(), pattern, handler, options });
      if (options.idempotent) database ??= {};
    },
    on(type, handler, options = {}) {
      handled.push({ type, handler: handler as EventHandler, as: options.as });
      database ??= {};
    },
    saga(sagaName, options) {
      const saga = createSaga(sagaName, options, () => runtime?.now() ?? Date.now());
      sagas.push(saga);
      for (const [type, handler] of saga.handlers) handled.push({ type, handler, as: undefined });
      database ??= {};
      return saga;
    },
    client: {
      get: async (...args) => running().client.get(...args),
      post: async (...args) => running().client.post(...args),
      request: async (...args) => running().client.request(...args),
    },
    tx: (work) => running().tx(work),
    onStop: (work) => void stops.push(work),
    start: async () => (await import('./start.ts')).start(app),
  };
  insides.set(app, {
    declared: () => ({ name, routes, handled, sagas, stops, database }),
    bind: (bound) => {
      runtime = bound;
    },
  });
  return app;
}
