import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { until } from './servers.ts';
import { endAll, type Started, service } from './service.ts';

const folder = mkdtempSync(join(tmpdir(), 'kit-alone-'));
const cure = join(folder, 'cure');
let file = '';
let number = 0;

beforeEach(() => {
  file = join(folder, `data${++number}`, 'counter.db');
});
afterEach(endAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Neither a database server nor a broker: a file and this process. */
const start = (): Promise<Started> => service('counter', { DB: file, CURE: cure });

function handled(): Record<string, number> {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database.prepare('select id, count(*) as times from effects group by id').all();
    return Object.fromEntries(rows.map(({ id, times }) => [String(id), Number(times)]));
  } finally {
    database.close();
  }
}

interface Letters {
  readonly letters: readonly { readonly id: string; readonly reason: string }[];
}

async function dlq(...args: string[]): Promise<Letters> {
  const cli = fileURLToPath(new URL('../../templates/kit/src/dlq-cli.ts', import.meta.url));
  const env = { PATH: process.env['PATH'], DB: file };
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...args], { env });
  return JSON.parse(stdout) as Letters;
}

test('killed while it handles its own events: each once after the next start', async () => {
  const counter = await start();
  await counter.ready();
  const ids = ['slow-1', 'slow-2', 'quick-1', 'quick-2'];
  expect((await counter.post('/emit', { ids })).status).toBe(202);
  await until('at work', () => counter.lines.some(({ msg }) => msg === 'in the middle'));
  await counter.kill();
  expect(Object.keys(handled()).length).toBeLessThan(ids.length);
  const again = await start();
  await until('all handled', () => Object.keys(handled()).length === ids.length);
  expect(handled()).toEqual(Object.fromEntries(ids.map((id) => [id, 1])));
  expect(await again.kill('SIGTERM')).toBe(0);
});

test('poison holds nobody up, lies in the database, and can be replayed', async () => {
  const counter = await start();
  await counter.ready();
  await counter.post('/emit', { ids: ['poison-1', 'good-1', 'good-2'] });
  await until('the others handled', () => Object.keys(handled()).length === 2);
  await until('dead', async () => (await dlq('ls')).letters.length === 1);
  const [letter] = (await dlq('ls')).letters;
  expect(letter).toMatchObject({ reason: 'cannot digest poison-1', attempts: 5, consumer: 'counter_things_done' });
  writeFileSync(cure, '');
  await dlq('replay', '--all');
  await until('handled at last', () => handled()['poison-1'] === 1);
  expect(await dlq('ls')).toEqual({ letters: [] });
});
