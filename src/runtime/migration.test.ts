import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrationFailure } from './migration.ts';

let projectDir = '';
beforeEach(() => {
  projectDir = mkdtempSync(join(tmpdir(), 'camp-migration-'));
});
afterEach(() => rmSync(projectDir, { recursive: true, force: true }));

const of = (service = 'orders') => ({ service, folder: join(projectDir, 'services', service), projectDir });

function write(path: string, text: string): void {
  mkdirSync(dirname(join(projectDir, path)), { recursive: true });
  writeFileSync(join(projectDir, path), text);
}

/** Both lines that the kit ends with. */
const ended = (message: string): string[] => [
  JSON.stringify({ time: '2026-01-01T00:00:00.000Z', level: 'error', service: 'orders', msg: message }),
  message,
];

test('a broken migration: the file, the line and its text, what is wrong, what to do', () => {
  write('services/orders/migrations/002_x.sql', 'create table a (id text);\n\n  create tabel b (id text);\n');
  const words = 'migrations/002_x.sql:3: syntax error at or near "tabel"; correct the file and start again';
  expect(migrationFailure(of(), ended(words))).toEqual({
    fault: 'project',
    code: 'MIGRATION_FAILED',
    message: 'service "orders" cannot migrate its database: syntax error at or near "tabel"',
    hints: ['correct the file and start again'],
    source: {
      file: 'services/orders/migrations/002_x.sql',
      line: 3,
      col: 3,
      length: 25,
      text: '  create tabel b (id text);',
    },
  });
});

test('one that was edited is the subject of what is said', () => {
  write('services/orders/migrations/001_a.sql', '-- edited\n');
  const words = 'migrations/001_a.sql:1: was edited after it had been applied to this database; undo the edit';
  const failure = migrationFailure(of(), ended(words));
  expect(failure?.message).toContain(': migrations/001_a.sql was edited after it had been applied');
  expect(failure?.source).toMatchObject({ line: 1, text: '-- edited' });
});

test('a migration of a module is where the modules are', () => {
  write('modules/payments/migrations/001_a.sql', 'drop table a;\n');
  const failure = migrationFailure(of('shop'), ended('payments/migrations/001_a.sql:1: no such table: a; correct it'));
  expect(failure?.source?.file).toBe('modules/payments/migrations/001_a.sql');
});

test('one that is missing is named, and where it belongs', () => {
  write('services/orders/migrations/002_x.sql', '');
  const words = 'migrations/001_a.sql was applied to this database, but the file is missing; bring it back';
  const failure = migrationFailure(of(), ended(words));
  expect(failure?.message).toContain('migrations/001_a.sql was applied to this database, but the file is missing');
  expect(failure?.source).toEqual({ file: 'services/orders/migrations/001_a.sql', line: 1, col: 1 });
});

test('a newer database has no file here to blame', () => {
  const words = 'the database is of a newer version: it has migrations/003.sql; start the version that brought it';
  const failure = migrationFailure(of(), ended(words));
  expect(failure).toMatchObject({ code: 'MIGRATION_FAILED', hints: ['start the version that brought it'] });
  expect(failure?.source).toBeUndefined();
});

test.each([
  [['{"msg":"migrated 001_a.sql"}', 'Error: out of luck']],
  [['migrations/001_a.sql:1: wrong; correct it', 'one', 'two', 'three']],
  [['reading migrations/001_a.sql:1: fine']],
  [['{"msg":', '{"msg":1}', '']],
  [[]],
])('%j is no failure of a migration', (tail) => {
  expect(migrationFailure(of(), tail)).toBeUndefined();
});
