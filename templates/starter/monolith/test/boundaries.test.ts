import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { violations } from '../tools/boundaries.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = readdirSync(join(root, 'modules'));
const made: string[] = [];
after(() => made.forEach((dir) => rmSync(dir, { recursive: true, force: true })));

test('no module of this project reaches into another', () => {
  const found = violations(root).map(({ file, line, what }) => `${file}:${line} ${what}`);
  assert.deepEqual(found, []);
});

test('every module exports itself and its contract, and has a contract', () => {
  for (const name of modules) {
    const { exports } = JSON.parse(readFileSync(join(root, 'modules', name, 'package.json'), 'utf8'));
    assert.deepEqual(Object.keys(exports), ['.', './contract'], name);
    assert.ok(existsSync(join(root, 'modules', name, exports['./contract'])), name);
  }
});

test('Node itself refuses a deep import of a module', () => {
  for (const name of modules) {
    const { name: packageName } = JSON.parse(readFileSync(join(root, 'modules', name, 'package.json'), 'utf8'));
    const { resolve } = createRequire(join(root, 'modules', name, 'package.json'));
    assert.doesNotThrow(() => resolve(`${packageName}/contract`));
    assert.throws(() => resolve(`${packageName}/src/index.ts`), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
  }
});

// What the reader must find: one change each to a project of two modules that keep to the rules.

const sound: Readonly<Record<string, string>> = {
  'modules/orders/package.json': '{ "name": "@p/orders", "dependencies": { "@p/stock": "*", "@p/kit": "*" } }',
  'modules/orders/src/index.ts': "import { createService } from '@p/kit';\nimport type { Levels } from '@p/stock/contract';\nimport { query } from './query.ts';\n",
  'modules/orders/src/query.ts': "// stock_levels is not ours, and import '../../stock/src/index.ts' is only a comment\nexport const query = 'select id from orders_placed';\n",
  'modules/orders/src/contract.ts': "import type { Levels } from '@p/stock/contract';\n",
  'modules/orders/migrations/001_orders.sql': 'create table orders_placed (id text primary key);\n',
  'modules/stock/package.json': '{ "name": "@p/stock", "dependencies": {} }',
  'modules/stock/src/index.ts': "export const levels = 'select * from stock_levels';\n",
  'modules/stock/src/contract.ts': 'export interface Levels { sku: string }\n',
  'modules/stock/migrations/001_stock.sql': '-- create table other_thing\ncreate table if not exists stock_levels (sku text primary key);\n',
  'services/shop/package.json': '{ "name": "shop" }',
  'services/shop/src/app.ts': "import { orders } from '@p/orders';\nimport './main.ts';\nimport { levels } from '@p/stock';\n",
};

/** Writes the sound project with some files changed, and gives what is found in it. */
function found(changed: Readonly<Record<string, string>> = {}): readonly string[] {
  const dir = mkdtempSync(join(tmpdir(), 'boundaries-'));
  made.push(dir);
  for (const [path, text] of Object.entries({ ...sound, ...changed })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return violations(dir).map(({ file, line, what }) => `${file}:${line} ${what}`);
}

test('modules that keep to the rules are left alone', () => assert.deepEqual(found(), []));

const orders = 'modules/orders/src/index.ts';
const cases: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ['a relative way out', { [orders]: "\nimport { levels } from '../../stock/src/index.ts';\n" }, `${orders}:2 orders leaves its module by ../../stock/src/index.ts`],
  ['a dynamic import', { [orders]: "const { levels } = await import('../../stock/src/index.ts');\n" }, `${orders}:1 orders leaves its module by ../../stock/src/index.ts`],
  ['a re-export', { [orders]: "export * from '../../stock/src/index.ts';\n" }, `${orders}:1 orders leaves its module by ../../stock/src/index.ts`],
  ['a file read by its address', { [orders]: "const url = new URL('../../stock/migrations/', import.meta.url);\n" }, `${orders}:1 orders leaves its module by ../../stock/migrations/`],
  ['an absolute path', { [orders]: "import '/srv/modules/stock/src/index.ts';\n" }, `${orders}:1 orders leaves its module by /srv/modules/stock/src/index.ts`],
  ['an import known at run time only', { [orders]: 'const name = 1;\nawait import(name);\n' }, `${orders}:2 imports something that is only known at run time: write the name down`],
  ['the whole of another module', { [orders]: "import { levels } from '@p/stock';\n" }, `${orders}:1 @p/stock is the inside of stock: only @p/stock/contract is for others`],
  ['a deep import', { [orders]: "import type {\n  Level,\n} from '@p/stock/src/index.ts';\n" }, `${orders}:3 @p/stock/src/index.ts is the inside of stock: only @p/stock/contract is for others`],
  ['a dependency that is not declared', { 'modules/stock/src/index.ts': "import type { Order } from '@p/orders/contract';\n" }, 'modules/stock/src/index.ts:1 stock imports @p/orders/contract, but its package.json does not name @p/orders'],
  ['a contract with an inside', { 'modules/stock/src/contract.ts': "export * from './index.ts';\n" }, 'modules/stock/src/contract.ts:1 the contract of stock imports ./index.ts: a contract has no inside'],
  ["a query on another module's table", { 'modules/orders/src/query.ts': 'export const query = `select id\n  from orders_placed join STOCK_LEVELS using (sku)`;\n' }, 'modules/orders/src/query.ts:2 orders names stock_levels, a table of stock: ask its contract or listen to its events'],
  ["a migration that touches another module's table", { 'modules/orders/migrations/002_more.sql': 'alter table stock_levels add column hold integer;\n' }, 'modules/orders/migrations/002_more.sql:1 orders names stock_levels, a table of stock: ask its contract or listen to its events'],
  ['a foreign key into another module', { 'modules/orders/migrations/001_orders.sql': 'create table orders_placed (\n  sku text references stock_levels (sku)\n);\n' }, 'modules/orders/migrations/001_orders.sql:2 orders names stock_levels, a table of stock: ask its contract or listen to its events'],
  ['a table without its module in its name', { 'modules/stock/migrations/002_more.sql': 'create table levels (sku text);\n' }, 'modules/stock/migrations/002_more.sql:1 the tables of stock begin with stock_, levels does not'],
  ['a service that goes in by path', { 'services/shop/src/app.ts': "import { orders } from '../../../modules/orders/src/index.ts';\n" }, 'services/shop/src/app.ts:1 leaves its service by ../../../modules/orders/src/index.ts'],
  ['a service that goes in deep', { 'services/shop/src/app.ts': "import { query } from '@p/orders/src/query.ts';\n" }, 'services/shop/src/app.ts:1 @p/orders/src/query.ts is the inside of orders: only @p/orders/contract is for others'],
  ["a service that asks a module's table", { 'services/shop/src/app.ts': "const all = 'select * from orders_placed';\n" }, 'services/shop/src/app.ts:1 a service names orders_placed, a table of orders'],
];
for (const [name, changed, expected] of cases) test(`it finds ${name}`, () => assert.deepEqual(found(changed), [expected]));
