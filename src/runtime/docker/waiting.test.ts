import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startWaiting, waitingFor } from './waiting.ts';

const never = new AbortController().signal;
const command = (script: string) => ({
  argv: ['sh', '-c', script],
  cwd: '/',
  env: { PATH: process.env['PATH'] ?? '' },
});

it('does nothing before it is fed, and tells how it ended', async () => {
  const waiting = startWaiting(command('read -r line; echo "got $line"; echo trouble >&2; exit 3'));
  expect(await waiting.feed('a word\n', never)).toMatchObject({
    exitCode: 3,
    stdout: 'got a word\n',
    stderr: 'trouble\n',
  });
});

it('tells what cannot be started', async () => {
  const missing = { ...command(''), argv: ['/no/such/program'] };
  expect(await startWaiting(missing).feed('', never)).toMatchObject({ exitCode: 1, errno: 'ENOENT' });
  const long = { ...command(''), argv: ['sh', '-c', ':', 'x'.repeat(10_000_000)] };
  expect(await startWaiting(long).feed('', never)).toMatchObject({ exitCode: 1, errno: 'E2BIG' });
});

it('ends what is not wanted any more while it works', async () => {
  const waiting = startWaiting(command('read -r line; exec sleep 1000'));
  const result = waiting.feed('go\n', AbortSignal.timeout(200));
  expect((await result).exitCode).not.toBe(0);
});

it('takes what waits for the very same command, and ends what waits for another', async () => {
  const ahead = startWaiting(command('cat'));
  expect(waitingFor(command('cat'), ahead)).toBe(ahead);
  const other = waitingFor(command('cat; echo other'), ahead);
  expect(other).not.toBe(ahead);
  expect((await ahead.feed('', never)).exitCode).not.toBe(0);
  expect((await other.feed('', never)).stdout).toBe('other\n');
});

it('leaves the next one the socket at which both are recorded', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'camp-waiting-'));
  const path = join(folder, 's.sock');
  const recorded = (script: string) => {
    const { env, ...rest } = command(script);
    return { ...rest, env: { ...env, DOCKER_HOST: 'unix:///var/run/docker.sock' } };
  };
  const ahead = startWaiting(recorded('cat'), path);
  const other = waitingFor(recorded(`read -r line; test -S "${path}" && echo there`), ahead, path);
  await ahead.feed('', never);
  expect((await other.feed('go\n', never)).stdout).toBe('there\n');
  rmSync(folder, { recursive: true });
});
