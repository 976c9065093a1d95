import { Fatal } from './problem.ts';
export interface Session {
  query<R = any>(sql: string, values?: readonly unknown[]): Promise<R[]>;
}

/** An open transaction. */
export interface Transaction extends Session {
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** A migration that failed: where in its text, if the server said so. */
export interface ScriptError {
  readonly message: string;
  /** Index into the text. */
  readonly at?: number;
}

/** What the kit needs of a database; postgres.ts and sqlite.ts are the two there are. Its own `query` is a transaction of one statement. */
export interface Database extends Session {
  readonly kind: 'postgres' | 'sqlite';
  /** Throws Unavailable where it cannot be reached at the moment, Fatal where it refuses for good. */
  begin(): Promise<Transaction>;
  /** Runs work while no other process of this database does the same under this name; undefined where another does. */
  exclusive<T>(name: string, work: (session: Session) => Promise<T>): Promise<T | undefined>;
  /** The same, but waits its turn; the session is outside of any transaction. */
  serialized<T>(name: string, work: (session: Session) => Promise<T>): Promise<T>;
  describeScriptError(error: unknown): ScriptError;
  /** True where the failure is the moment's (connection lost, server stopping, deadlock) and trying again is right. */
  isUnavailable(error: unknown): boolean;
  /** Answers a question of its own, or throws. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** A folder of migrations. */
export type Folder = URL | string;

export interface DatabaseOptions {
  /** Folder of NNN_words.sql, applied once each, in order, before the service listens; a service of several modules has a folder each, by name. */
  readonly migrations?: Folder | Readonly<Record<string, Folder>>;
  /** Instead of DATABASE_URL, and of DB, the file of SQLite. */
  readonly url?: string;
}

/** DATABASE_URL (postgres://…), or where it is not set SQLite in the file DB, or in memory. */
export async function openDatabase(service: string, url = process.env['DATABASE_URL'] ?? ''): Promise<Database> {
  if (/^postgres(ql)?:/.test(url)) return (await import('./postgres.ts')).openPostgres(url, service);
  if (/^\w+:\/\//.test(url) && !/^(sqlite|file):/.test(url)) throw new Fatal(`DATABASE_URL is ${url.slice(0, url.indexOf(':'))}://…: the kit knows postgres:// and sqlite:FILE`);
  return (await import('./sqlite.ts')).openSqlite(sqliteFile(url) || process.env['DB'] || ':memory:');
}

/** Of `sqlite:FILE`, `file:FILE` or FILE. */
export const sqliteFile = (url: string): string => url.replace(/^(sqlite|file):(\/\/)?/, '');
