import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Database, DatabaseOptions, Folder, Session } from './database.ts';
import { log } from './log.ts';
import { Fatal } from './problem.ts';

interface Migration {
  /** As the database knows it: `001_words.sql`, or `module/001_words.sql`. */
  readonly name: string;
  /** As people do. */
  readonly file: string;
  readonly sql: string;
  readonly checksum: string;
}

/** One folder: its own sequence, which the others do not touch. */
interface Sequence {
  /** Nothing, or `module/`. */
  readonly prefix: string;
  readonly migrations: readonly Migration[];
}

/** The kit's own tables, then what of the folders has not been applied: in order, once, one replica at a time, a transaction each. */
export async function migrate(database: Database, folders: DatabaseOptions['migrations']): Promise<void> {
  const sequences = readSequences(folders);
  await database.serialized('camp migrations', async (session) => {
    await session.query(tables(database.kind));
    const applied = await session.query<Applied>('select name, checksum from camp_migrations order by name');
    for (const { prefix, migrations } of sequences) {
      refuseWhatChanged(prefix, migrations, applied.filter(({ name }) => name.slice(0, name.indexOf('/') + 1) === prefix));
    }
    const known = new Set(applied.map(({ name }) => name));
    for (const migration of sequences.flatMap(({ migrations }) => migrations)) if (!known.has(migration.name)) await apply(database, session, migration);
  });
}

interface Applied {
  readonly name: string;
  readonly checksum: string;
}

function readSequences(folders: DatabaseOptions['migrations']): Sequence[] {
  if (folders === undefined) return [];
  if (typeof folders === 'string' || folders instanceof URL) return [{ prefix: '', migrations: readMigrations(folders, '') }];
  return Object.entries(folders).map(([module, folder]) => ({ prefix: `${module}/`, migrations: readMigrations(folder, `${module}/`) }));
}

function readMigrations(folder: Folder, prefix: string): Migration[] {
  const path = folder instanceof URL ? fileURLToPath(folder) : resolve(folder);
  if (!existsSync(path)) return [];
  const names = readdirSync(path).filter((name) => name.endsWith('.sql')).sort();
  const fileOf = (name: string | undefined) => `${prefix}migrations/${name}`;
  for (const [index, name] of names.entries()) {
    const number = /^(\d+)_[\w-]+\.sql$/.exec(name)?.[1];
    if (number === undefined) throw new Fatal(`${fileOf(name)}: the name must be like 001_words.sql; rename it`);
    if (names[index - 1]?.startsWith(`${number}_`)) throw new Fatal(`${fileOf(name)}: has the same number as ${fileOf(names[index - 1])}; give it the next free one`);
  }
  return names.map((name) => {
    const sql = readFileSync(join(path, name), 'utf8').replaceAll('\r\n', '\n');
    return { name: prefix + name, file: fileOf(name), sql, checksum: createHash('sha256').update(sql).digest('hex').slice(0, 16) };
  });
}

function refuseWhatChanged(prefix: string, migrations: readonly Migration[], applied: readonly Applied[]): void {
  const latest = migrations.at(-1);
  for (const { name, checksum } of applied) {
    const file = `${prefix}migrations/${name.slice(prefix.length)}`;
    const here = migrations.find((migration) => migration.name === name);
    if (here && here.checksum !== checksum) {
      throw new Fatal(`${file}:1: was edited after it had been applied to this database; undo the edit and put the change into a new file with the next number (nothing was changed)`);
    }
    if (here) continue;
    if (name > (latest?.name ?? '')) {
      throw new Fatal(`the database is of a newer version: it has ${file}, the newest here is ${latest?.file ?? 'none'}; start the version that brought it, bring the file back where it was removed, or restore an older copy of the data (nothing was changed)`);
    }
    throw new Fatal(`${file} was applied to this database, but the file is missing; bring it back, from git for example (nothing was changed)`);
  }
}

async function apply(database: Database, session: Session, { name, file, sql, checksum }: Migration): Promise<void> {
  await session.query('begin');
  try {
    await session.query(sql);
    await session.query('insert into camp_migrations (name, checksum, applied_at) values ($1, $2, $3)', [name, checksum, new Date().toISOString()]);
    await session.query('commit');
  } catch (error) {
    await session.query('rollback').catch(() => {});
    if (database.isUnavailable(error)) throw error;
    const { message, at } = database.describeScriptError(error);
    const place = at === undefined ? lineByTrial(sql, message) : sql.slice(0, at).split('\n').length;
    throw new Fatal(`${file}:${place}: ${message}; correct the file and start again (nothing of it was applied)`, { cause: error });
  }
  log(`migrated ${name}`);
}

/** SQLite names the word, not the line: the first line that has it outside of a comment. */
function lineByTrial(sql: string, message: string): number {
  const word = /near "([^"]+)"|(?:no such \w+|already exists|has no column named):? ?(\w+)?/.exec(message);
  const wanted = word?.[1] ?? word?.[2];
  const index = wanted === undefined ? -1 : sql.split('\n').findIndex((line) => line.replace(/--.*/, '').includes(wanted));
  return index < 0 ? 1 : index + 1;
}

/** What the kit keeps beside the service's own tables, in its own database: in the same transaction as they change. */
const tables = (kind: Database['kind']): string => `
create table if not exists camp_outbox (
  position ${kind === 'postgres' ? 'bigint generated always as identity' : 'integer'} primary key${kind === 'sqlite' ? ' autoincrement' : ''}, id text not null, body text not null);
create table if not exists camp_inbox (
  consumer text not null, event_id text not null, handled_at bigint not null, primary key (consumer, event_id));
create index if not exists camp_inbox_handled_at on camp_inbox (handled_at);
create table if not exists camp_failures (
  consumer text not null, event_id text not null, attempts integer not null, primary key (consumer, event_id));
create table if not exists camp_idempotency (
  key text primary key, fingerprint text not null, answer text not null, stored_at bigint not null);
create index if not exists camp_idempotency_stored_at on camp_idempotency (stored_at);
create table if not exists camp_sagas (
  saga text not null, id text not null, state text not null, step integer not null, down_to integer not null, tries integer not null,
  has_ended integer not null, data text not null, reason text not null, due bigint not null, request_id text not null,
  trace_id text not null, primary key (saga, id));
create index if not exists camp_sagas_due on camp_sagas (due);
create table if not exists camp_dead_letters (
  id text primary key, consumer text not null, body text not null, dead_at bigint not null);
create table if not exists camp_migrations (
  name text primary key, checksum text not null, applied_at text not null);
`;
