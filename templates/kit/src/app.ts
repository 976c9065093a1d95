import { createClient, type Transport } from './client.ts';
import type { Handled } from './consumer.ts';
import { type Database, type DatabaseOptions, transact } from './database.ts';
import { nameLog } from './log.ts';
import type { Route } from './router.ts';
import { createSaga, type Saga } from './saga.ts';
import type { EventHandler, Handler, SagaOptions, Transact } from './types.ts';

/** What a service says of itself; nothing is opened before start. */
export type App = ReturnType<typeof createService>;

/** For start and testEnv. */
interface Parts {
  readonly routes: Route[];
  readonly handled: Handled[];
  readonly sagas: Saga[];
  /** None where neither one nor anything that needs it was asked for. */
  database?: DatabaseOptions;
  runtime?: { readonly database: Database | undefined; readonly transport: Transport; readonly now: () => number };
}

/** The name is for tests and where SERVICE is not set: camp and Compose set it. */
export function createService(name: string) {
  const parts: Parts = { routes: [], handled: [], sagas: [] };
  nameLog(process.env['SERVICE'] || name);

  function running() {
    if (parts.runtime) return parts.runtime;
    throw new Error('the service has not been started: app.tx and app.client are for handlers and after start()');
  }

  const app = {
    name,
    parts,
    database(options: DatabaseOptions = {}): void {
      parts.database = options;
    },
    /** `idempotent` honours Idempotency-Key: what the handler writes and its answer are one, once for each key. */
    route(method: string, pattern: string, handler: Handler, { idempotent = false } = {}): void {
      parts.routes.push({ method, pattern, handler, idempotent });
      if (idempotent) parts.database ??= {};
    },
    /** `as` is a name instead of the service's: for a part of it that gets every event by itself, such as a module. */
    on<T = any>(type: string, handler: EventHandler<T>, { as }: { readonly as?: string } = {}): void {
      parts.handled.push({ type, handler, as });
      parts.database ??= {};
    },
    saga<T extends object = any>(sagaName: string, options: SagaOptions<T>): Pick<Saga<T>, 'begin'> {
      const saga = createSaga(sagaName, options, () => running().now());
      parts.sagas.push(saga);
      for (const type of saga.answers) app.on(type, saga.onAnswer);
      return saga;
    },
    /** Asks other services where there is no request: in handlers of events. */
    client: createClient(async (url, init) => running().transport(url, init)),
    /** As in a request, outside of one. */
    tx: (async (work) => {
      const { database } = running();
      if (!database) throw new Error('no database: say app.database() before start()');
      return transact(database, work);
    }) as Transact,
    /** Migrates, connects, listens; SIGTERM drains and ends the process. */
    start: async (): Promise<void> => (await import('./start.ts')).start(app),
  };
  return app;
}
