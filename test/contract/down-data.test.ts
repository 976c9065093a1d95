import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { downInstance } from '../../src/camp/down.ts';
import { stateFolders } from '../../src/camp/folders.ts';

let project: string;
const before = process.cwd();

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'camp-down-data-'));
  writeFileSync(join(project, 'Caddyfile'), 'localhost {\n}\n');
  process.chdir(project);
});

afterEach(() => {
  process.chdir(before);
  rmSync(project, { recursive: true, force: true });
});

const data = (instance?: string): string => join(stateFolders(project, instance).data, 'orders-db');

function makeData(instance?: string): void {
  mkdirSync(data(instance), { recursive: true });
  writeFileSync(join(data(instance), 'rows'), 'precious');
}

const deleteData = (instance?: string) =>
  downInstance({
    dir: project,
    env: process.env,
    isForced: true,
    ...(instance === undefined ? {} : { instance }),
    isWithData: true,
    mayDelete: () => Promise.resolve(true),
    onEvent: () => undefined,
    signal: AbortSignal.timeout(30_000),
  });

// the data of a throw-away cluster are deleted without a question: they must be its own
test("deleting an instance's data leaves those of the project alone", async () => {
  makeData();
  makeData('test');
  const { volumes } = await deleteData('test');
  expect(volumes.map(({ name }) => name)).toEqual([data('test')]);
  expect(existsSync(data('test'))).toBe(false);
  expect(existsSync(join(data(), 'rows'))).toBe(true);
});

test("deleting the project's data is shown by their folders", async () => {
  makeData();
  const { volumes } = await deleteData();
  expect(volumes.map(({ name, deleted }) => ({ name, deleted }))).toEqual([
    { name: '.camp/data/orders-db', deleted: true },
  ]);
  expect(existsSync(data())).toBe(false);
});
