import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/kit/spawn.ts';
import type { Engine } from '../../src/runtime/docker/engine/types.ts';
import { type Recorder, startRecorder } from '../../src/runtime/docker/recorder.ts';
import { engineForTests } from '../rig/docker.ts';

const found = await engineForTests('a recorder before the engine', ['busybox']);

describe.skipIf(!found)('a recorder before the engine', () => {
  const engine = found as Engine;
  const made: string[] = [];
  let folder: string;
  let recorder: Recorder;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'camp-rec-'));
    const started = startRecorder(engine.address.host, join(folder, 's.sock'));
    if (!started) throw new Error(`the engine is at no socket: ${engine.address.host}`);
    recorder = started;
  });
  afterEach(async () => {
    recorder.close();
    for (const id of made.splice(0)) await engine.api.removeContainer(id, { force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  async function docker(...args: readonly string[]): Promise<string> {
    const env = { ...(process.env as Record<string, string>), DOCKER_HOST: recorder.host };
    const { exitCode, stdout, stderr } = await runCommand(['docker', ...args], { env, timeoutMs: 60_000 });
    if (exitCode !== 0) throw new Error(stderr);
    return stdout.trim();
  }

  it('passes all on, and writes down what is created, word for word', async () => {
    made.push(await docker('create', '--label', 'a=b', 'busybox', 'true'));
    expect(await docker('inspect', '--format', '{{.Config.Image}}', ...made)).toBe('busybox');
    expect(recorder.requests()).toEqual([
      {
        path: expect.stringMatching(/^\/v1\.\d+\/containers\/create$/),
        body: expect.objectContaining({ Image: 'busybox', Cmd: ['true'], Labels: { a: 'b' } }),
      },
    ]);
    const [request] = recorder.requests() ?? [];
    if (request) expect(await engine.api.repeat(request)).toMatch(/^[0-9a-f]{64}$/);
    const again = (await engine.api.listContainers(['a=b'])).map(({ id }) => id);
    made.push(...again.filter((id) => !made.includes(id)));
    expect(again).toHaveLength(2);
  });

  it('passes on what stops being HTTP, of which nothing is to be repeated', async () => {
    made.push(await docker('run', '-d', 'busybox', 'sleep', '100'));
    expect(await docker('exec', made[0] ?? '', 'echo', 'both ways')).toBe('both ways');
    expect(recorder.requests()).toBeUndefined();
  });

  it('tells of nothing where the engine has refused, or was asked for nothing', async () => {
    expect(recorder.requests()).toBeUndefined();
    await expect(docker('create', 'no-such-image-anywhere.invalid/x')).rejects.toThrow();
    expect(recorder.requests()).toBeUndefined();
  });

  it('tells of nothing where a thing is named by an id', async () => {
    made.push(await docker('create', 'busybox'));
    made.push(await docker('create', '--network', `container:${made[0]}`, 'busybox'));
    expect(recorder.requests()).toBeUndefined();
  });

  it('takes over what is left at its path, and leaves nothing there', () => {
    const path = join(folder, 's.sock');
    const next = startRecorder(engine.address.host, path);
    expect(next?.host).toBe(`unix://${path}`);
    next?.close();
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['an engine at no socket', 'tcp://127.0.0.1:2375', 's.sock'],
    ['a path too long for a socket', 'unix:///var/run/docker.sock', `${'x'.repeat(110)}.sock`],
    ['a folder that is not there', 'unix:///var/run/docker.sock', 'none/s.sock'],
  ])('is none with %s', (_, host, name) => {
    expect(startRecorder(host, join(folder, name))).toBeUndefined();
  });
});
