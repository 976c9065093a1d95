import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Database } from './database.ts';
import { createQueue } from './wait.ts';

/** One connection: transactions take turns, so that two handlers never share one. */
export function openSqlite(file: string, service = 'service'): Database {
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true });
  const connection = new DatabaseSync(file);
  connection.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on');
  connection.exec('pragma busy_timeout = 5000');
  const queue = createQueue();
  const query = async (sql: string, values: readonly unknown[] = []) => run(connection, sql, values);

  return {
    kind: 'sqlite',
    service,
    query: (sql, values) => queue(() => query(sql, values)),
    transaction: (work) =>
      queue(async () => {
        connection.exec('begin immediate');
        try {
          const result = await work({ query });
          connection.exec('commit');
          return result;
        } catch (error) {
          if (connection.isTransaction) connection.exec('rollback'); // a full disk may have done it already
          throw error;
        }
      }),
    migrating: (work) => queue(() => work({ query })),
    isPassing: (error) => /database is (locked|busy)/.test(error instanceof Error ? error.message : ''),
    check: async () => void connection.prepare('select 1').get(),
    close: async () => connection.close(),
    afterCommit: () => {},
  };
}

function run(connection: DatabaseSync, sql: string, values: readonly unknown[]): any[] {
  if (values.length === 0 && sql.includes(';')) {
    connection.exec(sql);
    return [];
  }
  const rows = connection.prepare(portable(sql)).all(...values.map(plain));
  return rows.map((row) => ({ ...row })); // they have no prototype
}

/** What Postgres is told in its own words: $1 is ?1 here, and nothing needs locking. Text in quotes stays as it is. */
function portable(sql: string): string {
  const unlocked = sql.replace(/\s+for\s+(no\s+key\s+)?update(\s+(skip\s+locked|nowait))?\s*$/i, '');
  return unlocked.replace(/'(?:[^']|'')*'|\$(\d+)/g, (all, n) => (n ? `?${n}` : all));
}

function plain(value: unknown): SQLInputValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object' && !(value instanceof Uint8Array)) return JSON.stringify(value);
  return value as SQLInputValue;
}
