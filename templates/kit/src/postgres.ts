import pg from 'pg';
import { config } from './config.ts';
import type { Database, ScriptError, Session, Transaction } from './database.ts';
import { createPatientLog, describe } from './log.ts';
import { Fatal, Unavailable } from './problem.ts';
import { atMost } from './wait.ts';

/** Connection lost or refused, server starting or stopping, deadlock, lock not had, idle transaction ended, disk or memory full. */
const passing = /^(08...|57P0.|25P0[34]|40001|40P01|55P03|53...|58...|57014)$/;
const socketErrors = /^(ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)$/;
const lost = /connection terminated|timeout exceeded|timeout expired|query read timeout|connection error|not queryable|connection ended|after calling end/i;

/** As numbers, as SQLite has them: what count(*) and sum() give would be text otherwise. */
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => (oid === 20 || oid === 1700 ? Number : pg.types.getTypeParser(oid, format as 'text')),
} as pg.CustomTypesConfig;

/** Nothing is connected yet. A pool of its own for questions of health, so that a busy service is not taken for a sick one. */
export function openPostgres(connectionString: string, service: string): Database {
  const complain = createPatientLog();
  const base = { connectionString, types, application_name: service, keepAlive: true };
  const pool = new pg.Pool({
    ...base,
    max: config.number('DB_POOL', 10),
    connectionTimeoutMillis: 2_000,
    // a server that hangs must not hang its clients
    query_timeout: 5_000,
    // a process that was paused with rows locked gives them back, and finds its transaction gone when it wakes up
    idle_in_transaction_session_timeout: 10_000,
  });
  const probe = new pg.Pool({ ...base, max: 1, connectionTimeoutMillis: 1_000, query_timeout: 1_000 });
  for (const each of [pool, probe]) {
    each.on('error', (error) => complain(`lost a connection to the database: ${describe(error)}`));
    // one that is in use at the moment says it in its query
    each.on('connect', (client) => client.on('error', () => {}));
  }
  let checking: Promise<void> | undefined;

  async function begin(): Promise<Transaction> {
    const client = await connect();
    const { query, end } = transactionOn(client);
    try {
      await query('begin');
    } catch (error) {
      client.release(true);
      throw unavailable(error);
    }
    return { query, commit: () => end('commit'), rollback: () => end('rollback') };
  }

  async function connect(): Promise<pg.PoolClient> {
    try {
      return await pool.connect();
    } catch (error) {
      throw unavailable(error);
    }
  }

  async function query<R>(sql: string, values: readonly unknown[] = []): Promise<R[]> {
    const client = await connect();
    try {
      const { rows } = await client.query(sql, [...values]);
      client.release();
      return rows as R[];
    } catch (error) {
      client.release(isUnavailable(error));
      throw error;
    }
  }

  async function exclusive<T>(name: string, work: (session: Session) => Promise<T>): Promise<T | undefined> {
    const transaction = await begin();
    try {
      const [lock] = await transaction.query<{ ok: boolean }>('select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as ok', [name]);
      const result = lock?.ok ? await work(transaction) : undefined;
      await transaction.commit();
      return result;
    } catch (error) {
      await transaction.rollback().catch(() => {});
      throw error;
    }
  }

  /** On a connection of its own, without limits: a migration may take its time. */
  async function serialized<T>(name: string, work: (session: Session) => Promise<T>): Promise<T> {
    const client = new pg.Client({ ...base, connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    const session: Session = { query: async (sql, values = []) => rowsOf(await (values.length > 0 ? client.query(sql, [...values]) : client.query(sql))) };
    try {
      await client.connect().catch((error) => {
        // whatever else goes wrong before the first word is the moment's
        throw refusal(error, connectionString) ?? unavailable(error);
      });
      await session.query('select pg_advisory_lock(hashtextextended($1, 0))', [name]);
      return await work(session);
    } finally {
      await atMost(1_000, client.end(), () => new Error('')).catch(() => {}); // frees the lock, too
    }
  }

  return {
    kind: 'postgres',
    begin,
    query,
    exclusive,
    serialized,
    describeScriptError,
    isUnavailable,
    check: () => (checking ??= probe.query('select 1').then(() => {}).finally(() => (checking = undefined))),
    close: async () => void (await Promise.all([pool.end(), probe.end()])),
  };
}

const rowsOf = (result: pg.QueryResult | pg.QueryResult[]): any[] => (Array.isArray(result) ? result.at(-1)?.rows ?? [] : result.rows);

/** A connection that failed is never used again. */
function transactionOn(client: pg.PoolClient) {
  let isBroken = false;
  let isOpen = true;
  async function query<R>(sql: string, values: readonly unknown[] = []): Promise<R[]> {
    if (!isOpen) throw new Error('the transaction is over: await everything that belongs to it inside of it');
    try {
      return (await client.query(sql, [...values])).rows as R[];
    } catch (error) {
      if (isUnavailable(error) && (error as { code?: string }).code !== '55P03') isBroken = true;
      throw error;
    }
  }
  async function end(sql: 'commit' | 'rollback'): Promise<void> {
    if (!isOpen) return;
    try {
      if (isBroken && sql === 'commit') throw new Unavailable('the database was lost in the middle of a transaction');
      if (!isBroken) await query(sql);
    } finally {
      isOpen = false;
      client.release(isBroken);
    }
  }
  return { query, end };
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof Unavailable) return true;
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string };
  return passing.test(code) || socketErrors.test(code) || lost.test(message);
}

const unavailable = (error: unknown) => new Unavailable(`the database cannot be reached: ${describe(error)}`, { cause: error });

/** What waiting cannot heal. */
function refusal(error: unknown, connectionString: string): Fatal | undefined {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  const { username, pathname, host } = URL.canParse(connectionString) ? new URL(connectionString) : { username: '', pathname: '', host: '' };
  if (code === '28P01' || code === '28000') {
    return new Fatal(
      `the database at ${host} refuses user "${username}": ${message}. Its data was made with another password: put that one into .env, or delete the data to begin anew (camp down --data)`,
      { cause: error },
    );
  }
  if (code === '3D000') return new Fatal(`there is no database "${pathname.slice(1)}" at ${host}: create it, or correct DATABASE_URL`, { cause: error });
  return undefined;
}

function describeScriptError(error: unknown): ScriptError {
  const { message = String(error), detail, hint, position } = error as { message?: string; detail?: string; hint?: string; position?: string };
  const text = [message, detail, hint].filter(Boolean).join('; ');
  return position === undefined ? { message: text } : { message: text, at: Number(position) - 1 };
}
