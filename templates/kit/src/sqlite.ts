import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Database, Session, Transaction } from './database.ts';
import { createTurns } from './wait.ts';

/** One connection: transactions take turns, so that two handlers never share one. */
export function openSqlite(file: string): Database {
  if (file !== ':memory:') mkdirSync(dirname(resolve(file)), { recursive: true });
  const connection = new DatabaseSync(file);
  connection.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma busy_timeout = 5000');
  const session: Session = { query: async (sql, values = []) => run(connection, sql, values) };
  const turn = createTurns();
  const named = new Map<string, Promise<unknown>>();

  async function begin(): Promise<Transaction> {
    const release = await turn();
    try {
      connection.exec('begin immediate');
    } catch (error) {
      release();
      throw error;
    }
    let isOpen = true;
    const end = (sql: string) => async () => {
      if (!isOpen) return;
      isOpen = false;
      try {
        // an error such as a full disk may have rolled it back already
        if (connection.isTransaction || sql === 'commit') connection.exec(sql);
      } catch (error) {
        if (connection.isTransaction) connection.exec('rollback');
        throw error;
      } finally {
        release();
      }
    };
    return { ...session, commit: end('commit'), rollback: end('rollback') };
  }

  /** Outside of the transactions of others. */
  const alone: Session = {
    query: async (sql, values = []) => {
      const release = await turn();
      try {
        return run(connection, sql, values);
      } finally {
        release();
      }
    },
  };

  return {
    kind: 'sqlite',
    begin,
    query: alone.query,
    async exclusive(name, work) {
      if (named.has(name)) return undefined;
      const working = work(alone);
      named.set(name, working);
      try {
        return await working;
      } finally {
        named.delete(name);
      }
    },
    serialized: (_name, work) => work(alone),
    describeScriptError: (error) => ({ message: error instanceof Error ? error.message : String(error) }),
    isUnavailable: (error) => /database is (locked|busy)/.test(error instanceof Error ? error.message : ''),
    check: async () => void connection.prepare('select 1').get(),
    close: async () => connection.close(),
  };
}

function run<R>(connection: DatabaseSync, sql: string, values: readonly unknown[]): R[] {
  if (values.length === 0 && sql.includes(';')) {
    connection.exec(sql);
    return [];
  }
  const rows = connection.prepare(portable(sql)).all(...values.map(plain));
  return rows.map((row) => ({ ...row })) as R[];
}

/** What Postgres is told in its own words: $1 is ?1 here, and nothing needs locking. Text in quotes stays as it is. */
function portable(sql: string): string {
  const unlocked = sql.replace(/\s+for\s+(no\s+key\s+)?update(\s+(skip\s+locked|nowait))?\s*;?\s*$/i, '');
  return unlocked.replace(/'(?:[^']|'')*'|\$(\d+)/g, (all, n) => (n ? `?${n}` : all));
}

function plain(value: unknown): SQLInputValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object' && !(value instanceof Uint8Array)) return JSON.stringify(value);
  return value as SQLInputValue;
}
