import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const kit = fileURLToPath(new URL('../../templates/kit/', import.meta.url));
const run = promisify(execFile);

test('the tests that come with the kit pass where nothing runs and nothing is set', async () => {
  const files = globSync('test/*.test.ts', { cwd: kit });
  expect(files.length).toBeGreaterThan(4);
  const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', ...files], {
    cwd: kit,
    env: { PATH: process.env['PATH'] },
    maxBuffer: 32 * 1024 * 1024,
  });
  expect(stdout).toMatch(/^# fail 0$/m);
  expect(stdout).toMatch(/^# skipped 0$/m);
});

test('the kit is sound TypeScript, as it is checked in a project', async () => {
  const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));
  await expect(run(tsc, ['-p', kit])).resolves.toMatchObject({ stdout: '' });
});
