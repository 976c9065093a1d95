import pg from 'pg';
import { config } from './config.ts';
import type { Database, Session } from './database.ts';
import { createPatientLog, describe } from './log.ts';
import { Fatal, Unavailable } from './problem.ts';
import { sleep } from './wait.ts';

/** Connection lost or refused, server starting or stopping, deadlock, lock not had, transaction idle, disk full. */
const states = /^(08...|57P0.|25P0[34]|40001|40P01|55P03|53...|58...|57014)$/;
const sockets = /^(ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)$/;
const lost =
  /connection (terminated|error|ended)|timeout ex(ceeded|pired)|read timeout|not queryable|after calling end/i;

// as numbers, as SQLite has them: what count(*) and sum() give would be text otherwise
pg.types.setTypeParser(pg.types.builtins.INT8, Number);
pg.types.setTypeParser(pg.types.builtins.NUMERIC, Number);

/** Nothing is connected yet. */
export function openPostgres(connectionString: string, service: string): Database {
  const complain = createPatientLog();
  const base = { connectionString, application_name: service, keepAlive: true };
  const pool = new pg.Pool({
    ...base,
    max: config.number('DB_POOL', 10),
    connectionTimeoutMillis: 2_000,
    // a server that hangs must not hang its clients
    query_timeout: 5_000,
    // a process that was paused with rows locked gives them back, and finds its transaction gone when it wakes up
    idle_in_transaction_session_timeout: 10_000,
  });
  // for questions of health, so that a busy service is not taken for a sick one
  const probe = new pg.Pool({ ...base, max: 1, connectionTimeoutMillis: 1_000, query_timeout: 1_000 });
  for (const each of [pool, probe]) {
    each.on('error', (error) => complain(`lost a connection to the database: ${describe(error)}`));
    // one that is in use at the moment says it in its query
    each.on('connect', (client) => client.on('error', () => {}));
  }

  async function transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let failure: { code?: string } | undefined;
    let isOver = false;
    const run = async (sql: string, values: readonly unknown[] = []) => {
      if (isOver) throw new Error('the transaction is over: await everything that belongs to it inside of it');
      return client.query(sql, [...values]).catch((error) => Promise.reject((failure = error)));
    };
    const isLost = () => isPassing(failure) && failure?.code !== '55P03';
    try {
      await run('begin');
      const result = await work({ query: async (sql, values) => (await run(sql, values)).rows });
      const { command } = await run('commit');
      if (command === 'ROLLBACK') throw failure; // whoever caught it: after it Postgres keeps nothing
      return result;
    } catch (error) {
      if (!isLost()) await run('rollback').catch(() => {});
      throw error;
    } finally {
      isOver = true;
      client.release(isLost()); // never used again
    }
  }

  async function migrating(work: (session: Session) => Promise<void>): Promise<void> {
    const client = new pg.Client({ ...base, connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    try {
      await client.connect().catch((error) => {
        // whatever else goes wrong before the first word is the moment's
        throw refusal(error, connectionString) ?? new Unavailable(describe(error), { cause: error });
      });
      await client.query("select pg_advisory_lock(hashtextextended('camp migrations', 0))");
      await work({ query: async (sql, values) => (await client.query(sql, values && [...values])).rows });
    } finally {
      await Promise.race([client.end().catch(() => {}), sleep(1_000)]); // frees the lock, too
    }
  }

  return {
    kind: 'postgres',
    service,
    transaction,
    migrating,
    isPassing,
    query: async (sql, values = []) => (await pool.query(sql, [...values])).rows,
    check: async () => void (await probe.query('select 1')),
    close: async () => void (await Promise.all([pool.end(), probe.end()])),
    afterCommit: () => {},
  };
}

function isPassing(error: unknown): boolean {
  if (error instanceof Unavailable) return true;
  if (error instanceof AggregateError) return error.errors.some(isPassing);
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string };
  return states.test(code) || sockets.test(code) || lost.test(message);
}

/** What waiting cannot heal. */
function refusal(error: { code?: string; message?: string }, url: string): Fatal | undefined {
  const { username, pathname, host } = new URL(url);
  if (error.code === '28P01' || error.code === '28000')
    return new Fatal(
      `the database at ${host} refuses user "${username}": ${error.message}. Its data was made with another ` +
        'password: put that one into .env, or delete the data to begin anew (camp down --data)',
    );
  if (error.code !== '3D000') return undefined;
  return new Fatal(`there is no database "${pathname.slice(1)}" at ${host}: create it, or correct DATABASE_URL`);
}
