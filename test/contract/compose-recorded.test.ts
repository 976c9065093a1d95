import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/kit/spawn.ts';
import { composeCli } from '../../src/runtime/docker/compose.ts';
import { findCompose } from '../../src/runtime/docker/engine/find-compose.ts';
import type { Compose, Engine } from '../../src/runtime/docker/engine/types.ts';
import { recordingsIn } from '../../src/runtime/docker/recording.ts';
import { engineForTests } from '../rig/docker.ts';

const found = await engineForTests('what Compose has created once', ['busybox']);
const alone = { signal: new AbortController().signal, onMade: () => undefined };
const guard = 'edge.camp';
const told = `services: { ${guard}: { image: busybox, deploy: { replicas: 0 } }, api: { labels: { added: "1" } } }`;
const usual = `
services:
  api: { image: busybox, command: ["sleep", "1000"], environment: { A: "1" }, mem_limit: 64m, stop_grace_period: 3s }
  web: { image: busybox, hostname: web, networks: { inner: { aliases: [www] } }, tmpfs: [/scratch], depends_on: [api] }
networks: { inner: { internal: true } }
`;

/* Decision 19: what Compose asked of the engine is asked again without Compose, when all that it was told is the same. */
describe.skipIf(!found)('what Compose has created once', () => {
  const engine = found as Engine;
  let folder: string;
  let name: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'camp-recorded-'));
    name = `camprec-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    mkdirSync(join(folder, 'run'));
    write(usual);
  });
  afterEach(async () => {
    await down();
    await docker('image', 'rm', '-f', `${name}:own`).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  });

  const write = (text: string): void => writeFileSync(join(folder, 'compose.yaml'), text);
  const down = () => docker('compose', '-p', name, '-f', join(folder, 'compose.yaml'), 'down', '-t', '0');

  async function docker(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await runCommand(['docker', ...args], { timeoutMs: 60_000 });
    if (exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** As a camp of its own would: nothing is left of the one before but the recording. */
  async function create(
    how: { text?: string; inputs?: unknown; isFresh?: boolean; env?: Record<string, string> } = {},
  ): Promise<void> {
    const { text = told, isFresh = true, env = {} } = how;
    const inputs = isFresh ? (how.inputs ?? 'the model') : undefined;
    const cli = composeCli({
      engine,
      compose: counted,
      project: { id: name, name, dir: folder, files: [join(folder, 'compose.yaml')], envFiles: [], profiles: [] },
      runDir: join(folder, 'run'),
      ownEnv: { ...process.env, ...env },
      recordings: recordingsIn(folder, () => [join(folder, 'compose.yaml')]),
    });
    await cli.begin(['up', '--no-start', '--pull', 'never', 'api', 'web'], guard).go(text, { inputs, ...alone });
  }

  /** The Compose there is, which leaves a line for each of its starts. */
  async function counted(signal: AbortSignal): Promise<Compose> {
    const real = await findCompose(process.env, engine, signal);
    const wrapper = join(folder, 'counted');
    writeFileSync(wrapper, `#!/bin/sh\necho one >> "${folder}/starts"\nexec ${real.argv.join(' ')} "$@"\n`);
    chmodSync(wrapper, 0o755);
    return { argv: [wrapper], version: real.version };
  }

  const starts = (): number =>
    existsSync(join(folder, 'starts')) ? readFileSync(join(folder, 'starts'), 'utf8').trim().split('\n').length : 0;

  /** All that the engine knows of them, but ids, times and what it has given out by itself. */
  async function made(): Promise<unknown> {
    const inspected = async (...names: readonly string[]): Promise<readonly Record<string, unknown>[]> =>
      JSON.parse(await docker('inspect', ...names)) as Record<string, unknown>[];
    const containers = await inspected(`${name}-api-1`, `${name}-web-1`);
    const networks = await inspected(`${name}_default`, `${name}_inner`);
    const ids = [...containers, ...networks].map((one) => String(one['Id'])); // a host name is the first twelve of one
    const given =
      /^(Id|Created|IPAM|NetworkID|SandboxID|GraphDriver|State|ResolvConfPath|HostnamePath|HostsPath|LogPath)$/;
    return JSON.parse(
      JSON.stringify([containers, networks], (key, value: unknown) =>
        given.test(key) || (typeof value === 'string' && value.length >= 12 && ids.some((id) => id.startsWith(value)))
          ? undefined
          : value,
      ),
    );
  }

  it('is created the same again without Compose', async () => {
    await create();
    const first = await made();
    await down();
    await create();
    expect(starts()).toBe(1);
    expect(await made()).toEqual(first);
    expect(JSON.stringify(first)).toContain('"added":"1"');
    expect(statSync(join(folder, 'creation.json')).mode & 0o777).toBe(0o600);
  });

  it('is what Compose itself takes for its own: it has nothing to change', async () => {
    await create();
    await down();
    await create();
    const files = ['-f', join(folder, 'compose.yaml'), '-f', join(folder, 'told.yaml')];
    writeFileSync(join(folder, 'told.yaml'), told);
    const before = await docker('ps', '-a', '-q', '--filter', `label=com.docker.compose.project=${name}`);
    await docker('compose', '-p', name, ...files, 'up', '--no-start', '--pull', 'never', 'api', 'web');
    expect(await docker('ps', '-a', '-q', '--filter', `label=com.docker.compose.project=${name}`)).toBe(before);
  });

  it.each([
    ['what camp adds', () => create({ text: told.replace('"1"', '"2"') })],
    ['what decides beside the files', () => create({ inputs: 'another model' })],
    ['a file', () => (write(usual.replace('64m', '65m')), create())],
    ['the environment of Compose', () => create({ env: { COMPOSE_PARALLEL_LIMIT: '1' } })],
    ['nothing, but something is there already', () => create({ isFresh: false })],
  ])('is asked of Compose anew after a change of %s', async (_, again) => {
    await create();
    await down();
    await again();
    expect(starts()).toBe(2);
    await made();
  });

  it('is asked of Compose anew when a name of an image has got another meaning', async () => {
    write(usual.replaceAll('image: busybox', `image: "${name}:own"`));
    await docker('tag', 'busybox', `${name}:own`);
    await create();
    await down();
    await create();
    expect(starts()).toBe(1);
    await down();
    const running = (await docker('run', '-d', 'busybox', 'sleep', '100')).trim();
    await docker('commit', running, `${name}:own`);
    await docker('rm', '-f', running);
    await create();
    expect(starts()).toBe(2);
    const [{ Id: id }] = JSON.parse(await docker('image', 'inspect', `${name}:own`)) as [{ Id: string }];
    expect(JSON.stringify(await made())).toContain(id);
  });

  it('is asked of Compose when the engine does not take it, which says why; then of the engine no more', async () => {
    await create();
    await down();
    const taken = (await docker('create', '--name', `${name}-web-1`, 'busybox')).trim();
    try {
      await expect(create()).rejects.toThrow(/is taken by another container/);
      expect(starts()).toBe(2);
    } finally {
      await docker('rm', '-f', taken);
    }
    await create();
    expect(starts()).toBe(3);
    await made();
  });

  it('is never repeated where a container is named by its id: in the network of another', async () => {
    write(usual.replace('hostname: web, networks: { inner: { aliases: [www] } }', 'network_mode: "service:api"'));
    await create();
    await down();
    await create();
    expect(starts()).toBe(2);
  });

  it('is recorded of an engine at a socket alone, and not where there can be no socket', async () => {
    rmSync(join(folder, 'run'), { recursive: true });
    await create();
    await down();
    await create();
    expect(starts()).toBe(2);
  });
});
