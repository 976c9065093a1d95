import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** One test of a service that fails with 500, and never closes its environment. */
async function unclosed(expected: number, env: Record<string, string> = {}): Promise<{ code: number; output: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'kit-own-'));
  const file = join(folder, 'unclosed.test.ts');
  writeFileSync(
    file,
    `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createService, log } from '${kit}src/index.ts';
import { testEnv } from '${kit}src/testing.ts';
log('before any environment');
test('asks', async () => {
  const app = createService('unclosed');
  app.route('GET', '/', () => {
    throw new Error('a bug of the service');
  });
  app.on('a.b', () => {});
  const env = await testEnv(app);
  assert.equal((await env.request('GET', '/')).status, ${expected});
  await env.deliver('a.b', {});
});
`,
  );
  try {
    const ended = await run(process.execPath, ['--test', file], {
      env: { PATH: process.env['PATH'], ...env },
      timeout: 60_000,
    }).catch((error) => error as { code: number; stdout: string; stderr: string });
    return { code: 'code' in ended ? ended.code : 0, output: ended.stdout + ended.stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a test that fails before it closes its environment ends, and shows what went wrong in the service', async () => {
  const { code, output } = await unclosed(200);
  expect(code).toBe(1);
  expect(output).toMatch(/^unclosed said:$/m);
  expect(output).toMatch(/^\{.*"msg":"Error: a bug of the service/m);
});

test('a test that passes prints no log, unless KIT_LOG asks for it', async () => {
  const quiet = await unclosed(500);
  expect(quiet.code).toBe(0);
  expect(quiet.output).not.toMatch(/"msg"/);
  const loud = await unclosed(500, { KIT_LOG: '1' });
  expect(loud.output).toMatch(/"msg":"before any environment"/);
  expect(loud.output).toMatch(/"msg":"Error: a bug of the service/);
});
