import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { postgres, query, until } from './servers.ts';
import { endAll, type Started, service } from './service.ts';

let database: Awaited<ReturnType<typeof postgres>>;
let number = 0;
let url = '';
let migrations = '';
const folder = mkdtempSync(join(tmpdir(), 'kit-database-'));

beforeAll(async () => {
  database = await postgres();
});
beforeEach(async () => {
  url = await database.database(`plain${++number}`);
  migrations = join(folder, String(number));
  mkdirSync(migrations);
  migration('001_notes.sql', 'create table notes (id text primary key);');
});
afterEach(endAll);
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const migration = (name: string, sql: string): void => writeFileSync(join(migrations, name), sql);
const start = (env: Record<string, string> = {}): Promise<Started> =>
  service('notes', { DATABASE_URL: url, MIGRATIONS: migrations, ...env });
const tables = async (): Promise<string[]> =>
  (
    await query<{ name: string }>(url, "select tablename as name from pg_tables where schemaname = 'public' order by 1")
  ).map(({ name }) => name);

/** Ends with exit code 1 and this on stderr and in the log; nothing listens in the meantime. */
async function refused(message: RegExp): Promise<void> {
  const notes = await start();
  expect(await notes.ended).toBe(1);
  expect(notes.stderr()).toMatch(message);
  expect(notes.lines.at(-1)).toMatchObject({ level: 'error', msg: expect.stringMatching(message) });
  expect(notes.lines.map(({ msg }) => msg)).not.toContain('listening');
}

async function startsAndStops(): Promise<void> {
  const notes = await start();
  await notes.ready();
  expect(await notes.kill('SIGTERM')).toBe(0);
}

test('a broken migration names file, line and cause, and leaves nothing of itself', async () => {
  migration('002_more.sql', 'create table half (id text);\n\ncreate tabel other (id text);\n');
  await refused(/migrations\/002_more\.sql:3: syntax error at or near "tabel".*correct the file/);
  expect(await tables()).toContain('notes');
  expect(await tables()).not.toContain('half');
  migration('002_more.sql', 'create table half (id text);\n');
  await startsAndStops();
  expect(await tables()).toContain('half');
});

test('an edited migration, a missing one and a database of a newer version are refused', async () => {
  migration('002_more.sql', 'create table more (id text);');
  await startsAndStops();
  migration('001_notes.sql', 'create table notes (id text primary key, words text);');
  await refused(/migrations\/001_notes\.sql:1: was edited after it had been applied.*new file with the next number/);
  rmSync(join(migrations, '001_notes.sql'));
  await refused(/migrations\/001_notes\.sql was applied .* the file is missing; bring it back/);
  migration('001_notes.sql', 'create table notes (id text primary key);');
  rmSync(join(migrations, '002_more.sql'));
  await refused(
    /the database is of a newer version: it has migrations\/002_more\.sql.*start the version that brought it/,
  );
  migration('002_more.sql', 'create table more (id text);');
  await startsAndStops();
});

test('four replicas that migrate at once apply each migration once', async () => {
  migration('002_slow.sql', "select pg_sleep(0.5); create table slow (id text); insert into notes values ('once');");
  const replicas = await Promise.all([start(), start(), start(), start()]);
  await Promise.all(replicas.map((each) => each.ready()));
  expect(replicas.flatMap(({ lines }) => lines).filter(({ msg }) => msg === 'migrated 002_slow.sql')).toHaveLength(1);
  expect(await query(url, 'select id from notes')).toEqual([{ id: 'once' }]);
});

test('killed in the middle of a migration: nothing of it is there, and the next start applies it', async () => {
  migration('002_slow.sql', 'create table half (id text); select pg_sleep(30);');
  const notes = await start();
  const isMigrating = async (): Promise<boolean> =>
    (
      await query(
        url,
        "select 1 from pg_stat_activity where query like 'create table half%' and state = 'active' and pid <> pg_backend_pid()",
      )
    ).length > 0;
  await until('in the middle', isMigrating);
  await notes.kill();
  migration('002_slow.sql', 'create table half (id text);');
  await query(
    url,
    "select pg_terminate_backend(pid) from pg_stat_activity where query like 'create table half%' and pid <> pg_backend_pid()",
  );
  await startsAndStops();
  expect(await tables()).toContain('half');
});

test('a password that the data does not know is refused, with what to do', async () => {
  await query(url, "create user locked password 'right'");
  url = url.replace('camp@', 'locked:wrong@');
  await refused(/refuses user "locked".*\.env.*camp down --data/);
});

test('a database that comes late is waited for: alive, not ready, and then at work', async () => {
  await database.kill();
  const notes = await start();
  try {
    await until('alive', async () => (await notes.get('/livez')).status === 200);
    expect(await notes.get('/readyz')).toMatchObject({
      status: 503,
      body: { why: expect.stringMatching(/^waiting for the database: .*ECONNREFUSED/) },
    });
    expect(await notes.post('/notes', { id: 'early' })).toMatchObject({
      status: 503,
      body: { title: 'Service Unavailable' },
    });
    const complaints = notes.lines.filter(
      ({ msg, requestId }) => requestId === undefined && msg.startsWith('waiting for the database'),
    );
    const times = complaints.map(({ time }) => Date.parse(String(time)));
    expect(times.length).toBeGreaterThan(0);
    for (const [index, time] of times.entries())
      if (index > 0) expect(time - times[index - 1]!).toBeGreaterThanOrEqual(999);
  } finally {
    await database.start();
  }
  await notes.ready();
  expect((await notes.post('/notes', { id: 'late' })).status).toBe(201);
});

test('a database that hangs when the service starts is waited for, too', async () => {
  database.pause();
  const notes = await start();
  try {
    await until(
      'waiting',
      () => notes.lines.filter(({ msg }) => /^waiting for the database: .*(timeout|terminated)/i.test(msg)).length > 1,
    );
    expect((await notes.get('/livez')).status).toBe(200);
  } finally {
    database.resume();
  }
  await notes.ready();
});

test('a database that is killed under load: requests fail clearly, and go on by themselves when it is back', async () => {
  const notes = await start();
  await notes.ready();
  const statuses: number[] = [];
  const accepted: string[] = [];
  for (let index = 0; index < 60; index++) {
    if (index === 20) await database.kill();
    if (index === 40) await database.start();
    const { status } = await notes.post('/notes', { id: `n${index}` });
    statuses.push(status);
    if (status === 201) accepted.push(`n${index}`);
  }
  expect(new Set(statuses)).toEqual(new Set([201, 503]));
  expect(statuses.at(-1)).toBe(201);
  const kept = (await query<{ id: string }>(url, 'select id from notes')).map(({ id }) => id);
  expect(kept).toEqual(expect.arrayContaining(accepted));
  expect(notes.child.exitCode).toBeNull();
});

test('a database that hangs: not ready, an answer within the deadline, and well again after', async () => {
  const notes = await start();
  await notes.ready();
  database.pause();
  try {
    await until('not ready', async () => (await notes.get('/readyz')).status === 503);
    expect((await notes.get('/livez')).status).toBe(200);
    const deadline = Date.now() + 3_000;
    const answer = await notes.post('/notes', { id: 'hangs' }, { 'x-deadline': String(deadline) });
    expect(answer.status === 503 || answer.status === 504).toBe(true);
  } finally {
    database.resume();
  }
  await notes.ready();
  expect((await notes.post('/notes', { id: 'well' })).status).toBe(201);
});

test('a key that is sent twice is done once, across replicas and through a crash', async () => {
  const [one, two] = [await start(), await start()];
  await Promise.all([one.ready(), two.ready()]);
  const key = { 'idempotency-key': 'k-1' };
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => (index % 2 ? one : two).post('/once', { words: 'a' }, key)),
  );
  expect(answers.filter(({ status }) => status !== 201 && status !== 409)).toEqual([]);
  expect(await query(url, "select count(*)::int as n from notes where id like 'once-%'")).toEqual([{ n: 1 }]);
  const first = answers.find(({ status }) => status === 201);
  expect(await two.post('/once', { words: 'a' }, key)).toEqual(first);
  expect((await two.post('/once', { words: 'other' }, key)).status).toBe(422);
});

test('a failed query whose error was caught is not taken for success: Postgres has kept nothing', async () => {
  const notes = await start();
  await notes.ready();
  expect((await notes.post('/careless', {})).status).toBe(500);
  expect(notes.lines.map(({ msg }) => msg)).toContainEqual(expect.stringContaining('duplicate key value'));
  expect(await query(url, 'select id from notes')).toEqual([]);
});
