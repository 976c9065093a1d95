import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { migrate } from '../src/migrate.ts';
import { openSqlite } from '../src/sqlite.ts';

const dir = mkdtempSync(join(tmpdir(), 'module-migrations-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(dir, file)), { recursive: true });
  writeFileSync(join(dir, file), text);
}

write('orders/001_a.sql', 'create table orders_a (id text primary key);');
write('stock/001_a.sql', 'create table stock_a (id text primary key);');
const both = { orders: join(dir, 'orders'), stock: join(dir, 'stock') };

async function names(database: ReturnType<typeof openSqlite>): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>('select name from camp_migrations order by name');
  return rows.map(({ name }) => name);
}

test('each module has its own sequence: the same number twice is two migrations, applied once', async () => {
  const database = openSqlite(':memory:');
  for (let i = 0; i < 2; i++) await migrate(database, both);
  assert.deepEqual(await names(database), ['orders/001_a.sql', 'stock/001_a.sql']);
  write('orders/002_b.sql', 'create table orders_b (id text primary key);');
  await migrate(database, both);
  assert.deepEqual(await names(database), ['orders/001_a.sql', 'orders/002_b.sql', 'stock/001_a.sql']);
  await database.close();
});

test('a module that has been taken out is left alone, one that was edited or broken is named', async () => {
  const database = openSqlite(':memory:');
  await migrate(database, both);
  await migrate(database, { orders: both.orders });
  write('stock/001_a.sql', 'create table stock_other (id text primary key);');
  await assert.rejects(migrate(database, both), /^Fatal: stock\/migrations\/001_a\.sql:1: was edited/);
  write('stock/001_a.sql', 'create table stock_a (id text primary key);');
  write('orders/003_c.sql', '\ncreate tabel orders_c (id text);');
  await assert.rejects(migrate(database, both), /^Fatal: orders\/migrations\/003_c\.sql:2: near "tabel"/);
  await database.close();
});
