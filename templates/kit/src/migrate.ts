import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Database, DatabaseOptions, Folder, Session } from './database.ts';
import { log } from './log.ts';
import { Fatal } from './problem.ts';

interface Migration {
  /** As the database knows it: `001_words.sql`, or `module/001_words.sql`. */
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** As people know it. */
const fileOf = (name: string): string => name.replace(/[^/]*$/, 'migrations/$&');

/** The kit's tables, then what has not been applied: in order, once, one replica at a time, a transaction each. */
export async function migrate(database: Database, folders: DatabaseOptions['migrations'] = {}): Promise<void> {
  const isOne = typeof folders === 'string' || folders instanceof URL;
  const sequences = isOne ? [read('', folders)] : Object.entries(folders).map(([name, each]) => read(`${name}/`, each));
  await database.migrating(async (session) => {
    await session.query(tables(database.kind));
    const applied = await session.query<Migration>('select name, checksum from camp_migrations order by name');
    for (const { prefix, migrations } of sequences) {
      const known = applied.filter(({ name }) => name.slice(0, name.lastIndexOf('/') + 1) === prefix);
      for (const one of known) refuseChange(one, migrations);
    }
    for (const migration of sequences.flatMap(({ migrations }) => migrations))
      if (!applied.some(({ name }) => name === migration.name)) await apply(database, session, migration);
  });
}

/** One folder: its own sequence, which the others do not touch. */
function read(prefix: string, folder: Folder): { prefix: string; migrations: Migration[] } {
  const path = folder instanceof URL ? fileURLToPath(folder) : folder;
  const names = existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.sql')) : [];
  const migrations = names.sort().map((name, index) => {
    const number = /^(\d+_)[\w-]+\.sql$/.exec(name)?.[1];
    if (!number || names[index - 1]?.startsWith(number))
      throw new Fatal(`${fileOf(prefix + name)}: the name must be like 001_words.sql, each number once; rename it`);
    const sql = readFileSync(join(path, name), 'utf8').replaceAll('\r\n', '\n');
    return { name: prefix + name, sql, checksum: createHash('sha256').update(sql).digest('hex').slice(0, 16) };
  });
  return { prefix, migrations };
}

function refuseChange({ name, checksum }: Migration, migrations: readonly Migration[]): void {
  const file = fileOf(name);
  const here = migrations.find((migration) => migration.name === name);
  if (here?.checksum === checksum) return;
  const latest = migrations.at(-1)?.name ?? '';
  const why = here
    ? `${file}:1: was edited after it had been applied to this database; undo the edit and put the change into a new ` +
      'file with the next number'
    : name > latest
      ? `the database is of a newer version: it has ${file}, the newest here is ${latest || 'none'}; start the ` +
        'version that brought it, bring the file back where it was removed, or restore an older copy of the data'
      : `${file} was applied to this database, but the file is missing; bring it back, from git for example`;
  throw new Fatal(`${why} (nothing was changed)`);
}

async function apply(database: Database, session: Session, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await session.query('begin');
    await session.query(sql);
    const row = [name, checksum, new Date().toISOString()];
    await session.query('insert into camp_migrations (name, checksum, applied_at) values ($1, $2, $3)', row);
    await session.query('commit');
  } catch (error) {
    await session.query('rollback').catch(() => {});
    if (database.isPassing(error)) throw error;
    const { message = '', detail, hint, position } = error as Record<string, string | undefined>;
    const line = position ? sql.slice(0, Number(position) - 1).split('\n').length : lineByTrial(sql, message);
    const what = [message, detail, hint].filter(Boolean).join('; ');
    throw new Fatal(`${fileOf(name)}:${line}: ${what}; correct the file and start again (nothing of it was applied)`);
  }
  log(`migrated ${name}`);
}

/** SQLite names the word, not the line: the first line that has it outside of a comment. */
function lineByTrial(sql: string, message: string): number {
  const word = /near "([^"]+)"|(?:no such \w+|already exists|has no column named):? ?(\w+)?/.exec(message);
  const wanted = word?.[1] ?? word?.[2] ?? '\n';
  const index = sql.split('\n').findIndex((line) => line.replace(/--.*/, '').includes(wanted));
  return Math.max(1, index + 1);
}

/** What the kit keeps beside the service's own tables, in its own database: in the same transaction as they change. */
const tables = (kind: Database['kind']): string => `
create table if not exists camp_outbox (
  position ${kind === 'postgres' ? 'bigint generated always as identity' : 'integer'} primary key,
  id text not null, body text not null);
create table if not exists camp_inbox (
  consumer text not null, event_id text not null, handled_at bigint not null, primary key (consumer, event_id));
create index if not exists camp_inbox_handled_at on camp_inbox (handled_at);
create table if not exists camp_failures (
  consumer text not null, event_id text not null, attempts integer not null, primary key (consumer, event_id));
create table if not exists camp_idempotency (
  key text primary key, fingerprint text not null, answer text not null, stored_at bigint not null);
create index if not exists camp_idempotency_stored_at on camp_idempotency (stored_at);
create table if not exists camp_sagas (
  saga text not null, id text not null, state text not null, step integer not null, tries integer not null,
  data text not null, reason text not null, due bigint not null,
  request_id text not null, trace_id text not null, primary key (saga, id));
create index if not exists camp_sagas_due on camp_sagas (due);
create table if not exists camp_dead_letters (
  id text primary key, consumer text not null, body text not null, dead_at bigint not null);
create table if not exists camp_migrations (
  name text primary key, checksum text not null, applied_at text not null);
`;

const day = 24 * 60 * 60 * 1_000;

/**
 * What the kit remembers does not grow for ever. The inbox remembers longer than the broker keeps events (7 days) and
 * people keep dead letters, an answer as long as a caller may reasonably repeat its request.
 */
export async function prune(database: Database, now = Date.now()): Promise<number> {
  await database.query('delete from camp_inbox where handled_at < $1', [now - 60 * day]);
  await database.query('delete from camp_idempotency where stored_at < $1', [now - 7 * day]);
  return day / 24; // once an hour
}
