import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readLogs } from './log-files.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'camp-logs-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const record = (line: string, time = '2026-01-01T00:00:00.000Z', service = 'api'): string =>
  `${JSON.stringify({ time, service, replica: `${service}:1`, stream: 'stdout', line })}\n`;
const put = (file: string, ...records: readonly string[]): void => writeFileSync(join(folder, file), records.join(''));
const linesOf = async (services?: readonly string[]): Promise<readonly string[]> =>
  (await readLogs(folder, services ? { services } : {})).map(({ line }) => line);

it('reads what was set aside first, services among each other by time, and leaves out what was cut off', async () => {
  put('api.1.ndjson', record('1'), record('2'));
  put('api.ndjson', record('3'), record('5', '2026-01-01T00:00:02.000Z'), record('6').slice(0, 20));
  put('web.ndjson', record('4', '2026-01-01T00:00:01.000Z', 'web'));
  expect(await linesOf()).toEqual(['1', '2', '3', '4', '5']);
  expect(await linesOf(['web', 'gone', 'web'])).toEqual(['4']);
  expect(await readLogs(join(folder, 'none'), {})).toEqual([]);
});

/** Sets the file aside and begins a new one, as fast as it can; each record has a number of its own. */
const rotating = `
const { renameSync, writeFileSync } = require('node:fs');
const { workerData: { file, aside, count } } = require('node:worker_threads');
for (let n = 1; ; n++) {
  renameSync(file, aside);
  Atomics.store(count, 0, n);
  writeFileSync(file, JSON.stringify({ time: '2026-01-01T00:00:00.000Z', service: 'api', line: String(n) }) + '\\n');
}`;

it('misses nothing that is there and reads nothing twice while files are set aside', async () => {
  put('api.ndjson', record('0'));
  const count = new Int32Array(new SharedArrayBuffer(4));
  const [file, aside] = [join(folder, 'api.ndjson'), join(folder, 'api.1.ndjson')];
  const worker = new Worker(rotating, { eval: true, workerData: { file, aside, count } });
  try {
    await expect.poll(() => Atomics.load(count, 0)).toBeGreaterThan(0);
    for (let reading = 0; reading < 300; reading++) {
      const before = Atomics.load(count, 0);
      const found = (await linesOf(['api'])).map(Number);
      expect(new Set(found).size).toBe(found.length);
      expect(Math.max(...found, 0)).toBeGreaterThanOrEqual(before - 1);
    }
  } finally {
    await worker.terminate();
  }
});
