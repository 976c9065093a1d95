import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migrate, prune } from '../src/migrate.ts';
import { openSqlite } from '../src/sqlite.ts';

const day = 24 * 60 * 60 * 1_000;

test('what was handled or answered long ago is forgotten, nothing younger', async () => {
  const database = openSqlite(':memory:');
  await migrate(database, undefined);
  for (const age of [0, 6, 8, 59, 61]) {
    await database.query('insert into camp_inbox values ($1, $2, $3)', ['c', `${age}`, 100 * day - age * day]);
    await database.query('insert into camp_idempotency values ($1, $2, $3, $4)', [`${age}`, '', '{}', 100 * day - age * day]);
  }
  await prune(database, 100 * day);
  const left = async (sql: string) => (await database.query<{ id: string }>(sql)).map(({ id }) => Number(id)).toSorted((a, b) => a - b);
  assert.deepEqual(await left('select event_id as id from camp_inbox'), [0, 6, 8, 59]);
  assert.deepEqual(await left('select key as id from camp_idempotency'), [0, 6]);
  await database.close();
});
