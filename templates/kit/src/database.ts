import { currentOrNew, traceparent, within } from './context.ts';
import { Fatal } from './problem.ts';
import type { Event, Tx } from './types.ts';
import { createQueue } from './wait.ts';

export interface Session {
  query<R = any>(sql: string, values?: readonly unknown[]): Promise<R[]>;
}

/** What the kit needs of a database; postgres.ts and sqlite.ts are the two there are. Its own `query` stands alone. */
export interface Database extends Session {
  readonly kind: 'postgres' | 'sqlite';
  /** Whose it is: the source of the events. */
  readonly service: string;
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Runs work while no other process does the same; outside of any transaction, and without limits of time. */
  migrating(work: (session: Session) => Promise<void>): Promise<void>;
  /** True where the failure is the moment's (connection lost, server stopping, deadlock) and trying again is right. */
  isPassing(error: unknown): boolean;
  /** Answers a question of its own, or throws. */
  check(): Promise<void>;
  close(): Promise<void>;
  /** Called after each commit: something may have been emitted. */
  afterCommit(): void;
}

/** A folder of migrations. */
export type Folder = URL | string;

export interface DatabaseOptions {
  /** Folder of NNN_words.sql; a service of several modules has a folder each, by name. */
  readonly migrations?: Folder | Readonly<Record<string, Folder>>;
}

/** DATABASE_URL (postgres://…), or where it is not set SQLite in the file DB, or in memory. */
export async function openDatabase(service: string, url = process.env['DATABASE_URL'] ?? ''): Promise<Database> {
  if (/^postgres(ql)?:/.test(url)) return (await import('./postgres.ts')).openPostgres(url, service);
  if (/^(?!sqlite:|file:)\w+:\/\//.test(url))
    throw new Fatal(`DATABASE_URL is ${url.split(':')[0]}://…: the kit knows postgres:// and sqlite:FILE`);
  return (await import('./sqlite.ts')).openSqlite(sqliteFile(url) || process.env['DB'] || ':memory:', service);
}

/** Of `sqlite:FILE`, `file:FILE` or FILE. */
const sqliteFile = (url: string): string => url.replace(/^(sqlite|file):(\/\/)?/, '');

/** Runs work in the open transaction of this context, where a failure takes only itself back, or in one of its own. */
export async function transact<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  const context = currentOrNew();
  const inside = (session: Session) =>
    within({ ...context, open: { session, queue: createQueue() } }, () => work(createTx(session, database.service)));
  if (!context.open) {
    const result = await database.transaction(inside);
    database.afterCommit();
    return result;
  }
  const { session, queue } = context.open;
  return queue(async () => {
    await session.query('savepoint part');
    try {
      const result = await inside(session);
      await session.query('release savepoint part');
      return result;
    } catch (error) {
      // a lost connection has nothing to take back
      await session.query('rollback to savepoint part').catch(() => {});
      throw error;
    }
  });
}

/** The transaction as handlers see it: what it emits is a row of the same transaction. */
function createTx({ query }: Session, source: string): Tx {
  const { requestId } = currentOrNew();
  return {
    requestId,
    query,
    async emit(type, data) {
      const [id, time] = [crypto.randomUUID(), new Date().toISOString()];
      const event: Event = { id, type, source, time, data, requestId, traceparent: traceparent(currentOrNew()) };
      await query('insert into camp_outbox (id, body) values ($1, $2)', [id, JSON.stringify(event)]);
      return id;
    },
  };
}
