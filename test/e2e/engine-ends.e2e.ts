import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ProjectStatus } from '../../src/report/types.ts';
import { createHome, eventually, type Home } from '../rig/cluster.ts';
import { EngineFolder } from '../rig/engine-folder.ts';
import { can, small } from '../rig/folder.ts';
import { requireImages } from '../rig/images.ts';
import { type SecondEngine, startSecondEngine, whyNoSecondEngine } from '../rig/second-engine.ts';
import { type Shell, shell } from '../rig/shell.ts';
import { setTrap } from '../rig/trap.ts';
import { bin, hasStack } from '../rig/trial.ts';

/*
 * An engine that is killed, stopped, frozen or full while camp works with it (RELIABILITY H2, H3): the command ends soon and
 * says so; with the engine back the next one converges, and `down` leaves nothing. The engine is the test's own.
 */

/** RELIABILITY H2. */
const soon = 10_000;
/** Ours to kill: dockerd, its files and everything that it starts. */
const root = realpathSync(mkdtempSync(join(tmpdir(), 'camp-ends-')));
const why = requireImages('an engine that ends', ['busybox']) ?? whyNoSecondEngine();
let home: Home;
let engine: SecondEngine;

beforeAll(async () => {
  if (why && process.env['CI']) throw new Error(why);
  if (why) return void console.warn(`skipped: an engine that ends: ${why}`);
  // without a bridge it cannot know what `host-gateway` is
  engine = await startSecondEngine(join(root, 'engine'), ['--host-gateway-ip', '127.0.0.1']);
  loadBusybox(engine);
  home = homeAt(engine);
}, 120_000);

afterAll(async () => {
  await engine?.end();
  home?.[Symbol.dispose]();
  rmSync(root, { recursive: true, force: true });
}, 60_000);

beforeEach(({ skip }) => skip(why !== undefined, why));

function loadBusybox({ socket }: SecondEngine): void {
  const copied = spawnSync('sh', ['-c', `docker save busybox | docker -H 'unix://${socket}' load`], {
    encoding: 'utf8',
  });
  if (copied.status !== 0) throw new Error(copied.stderr);
}

function homeAt({ socket }: SecondEngine): Home {
  const made = createHome();
  return { ...made, env: { ...made.env, DOCKER_HOST: `unix://${socket}` } };
}

/** `camp up` in a terminal of its own, as it were; with the engine behind a trap. */
function up(folder: EngineFolder, env: NodeJS.ProcessEnv = {}): Shell {
  return shell(process.execPath, [bin, 'up'], folder.dir, { ...folder.home.env, ...env });
}

async function endsSoon(one: Shell, code: RegExp, ms = soon): Promise<void> {
  try {
    expect(await one.exits(ms), one.output).toBe(4);
  } finally {
    await one.end();
  }
  expect(one.stderr).toMatch(code);
  expect(one.stderr).toMatch(/^ {2}fix: \S/m);
  expect(hasStack({ ...one, code: 4, ms: 0, peakMb: 0, isHanging: false }), one.stderr).toBe(false);
}

async function stateOf(folder: EngineFolder, service: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await folder.camp(['ps', '--json']);
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as ProjectStatus).services.find((one) => one.name === service)?.state;
}

const unique = (name: string): string => `ee${process.pid}-${name}`;
const project = (...api: readonly string[]): string =>
  ['services:', '  api:', ...api, '    init: true', '    stop_grace_period: 0s', ''].join('\n');
const sleeper = project('    image: busybox', '    command: [sleep, "1000"]');
const unhealthy = project(
  '    image: busybox',
  '    command: [sleep, "1000"]',
  '    healthcheck: { test: [CMD, "false"], interval: 1s }',
);

/** The engine is back, and the files are such that they can come up. */
async function comesUp(folder: EngineFolder, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder.dir, file), text);
  const { report } = await folder.up({ timeoutMs: 60_000 });
  expect(report.services.map((one) => `${one.name} ${one.state}`)).toEqual(['api ready']);
  await folder.down();
  expect(await folder.inEngine()).toEqual([]);
}

describe('an engine that is killed during up', () => {
  test('while it builds', async () => {
    const seconds = `${60_000 + process.pid}`;
    await using folder = new EngineFolder(home, unique('build'), {
      'compose.yaml': project('    build: { context: ., network: none }', '    command: [sleep, "1000"]'),
      Dockerfile: `FROM busybox\nRUN echo under way; sleep ${seconds}\n`,
    });
    const one = up(folder);
    await eventually('the build is under way', () => runs(['sleep', seconds]), 30_000);
    await engine.kill();
    await endsSoon(one, /error ENGINE_UNREACHABLE/);
    const down = await folder.camp(['down']);
    expect([down.code, down.stderr]).toEqual([0, '']);
    await engine.again();
    await comesUp(folder, { Dockerfile: 'FROM busybox\nRUN true\n' });
  });

  test.each([
    ['creates containers', /^POST \S+\/containers\/create/m, sleeper],
    ['starts one', /^POST \S+\/containers\/\w+\/start/m, sleeper],
    ['waits until one is healthy', /^POST \S+\/containers\/\w+\/exec/m, unhealthy],
  ])('while it %s', async (what, words, compose) => {
    await using folder = new EngineFolder(home, unique(what.replaceAll(' ', '-')), { 'compose.yaml': compose });
    using trap = await setTrap(join(root, 'trap.sock'), engine.socket, words, { isClosing: true, spring: engine.kill });
    const one = up(folder, { DOCKER_HOST: trap.host });
    await Promise.race([trap.sprung, one.exits(30_000)]);
    await endsSoon(one, /error ENGINE_UNREACHABLE/);
    // what was made is not forgotten, and not called gone
    const down = await folder.camp(['down']);
    expect(down.code, down.stderr).toBe(4);
    expect(down.stderr).toMatch(/ENGINE_UNREACHABLE containers of this project may be left: the Docker engine/);
    await engine.again();
    await comesUp(folder, { 'compose.yaml': sleeper });
  });
});

/** Whether any process has just this command. */
function runs(argv: readonly string[]): boolean {
  const wanted = `${argv.join('\0')}\0`;
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && commandOf(name) === wanted);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    // it has ended meanwhile
    return '';
  }
}

test('an engine that is stopped while up waits', async () => {
  await using folder = new EngineFolder(home, unique('stopped'), { 'compose.yaml': unhealthy });
  const one = up(folder);
  await eventually('it runs', async () => (await folder.inEngine()).length > 1, 30_000);
  engine.signal('SIGTERM');
  await endsSoon(one, /error ENGINE_UNREACHABLE/);
  await engine.kill();
  await engine.again();
  await comesUp(folder, { 'compose.yaml': sleeper });
});

test('an engine that freezes while up waits', async () => {
  await using folder = new EngineFolder(home, unique('frozen'), { 'compose.yaml': unhealthy });
  const words = /^POST \S+\/containers\/\w+\/exec/m;
  const spring = (): void => engine.signal('SIGSTOP');
  using trap = await setTrap(join(root, 'trap.sock'), engine.socket, words, { isClosing: false, spring });
  const one = up(folder, { DOCKER_HOST: trap.host });
  await Promise.race([trap.sprung, one.exits(30_000)]);
  try {
    // each of its questions has a deadline of ten seconds: that it hangs, and that nothing can be removed
    await endsSoon(one, /error ENGINE_HANGS/, 30_000);
    const ps = await folder.camp(['ps']);
    expect([ps.code, ps.isHanging], ps.stderr).toEqual([0, false]);
    const down = await folder.camp(['down'], { timeoutMs: 30_000 });
    expect([down.code, down.isHanging], down.stderr).toEqual([4, false]);
    expect(down.stderr).toMatch(/ENGINE_HANGS containers of this project may be left: the Docker engine/);
  } finally {
    engine.signal('SIGCONT');
  }
  await comesUp(folder, { 'compose.yaml': sleeper });
});

describe('an engine that is killed under a project that runs', () => {
  const mixed = (name: string): Readonly<Record<string, string>> => ({
    ...small,
    'compose.yaml': [
      `name: ${name}`,
      'services:',
      '  api:',
      '    build: ./api',
      '    x-camp: { run: node main.cjs }',
      '  db:',
      '    image: busybox',
      '    init: true',
      '    stop_grace_period: 0s',
      '    command: [sleep, "1000"]',
      '',
    ].join('\n'),
    Caddyfile: `{$CAMP_DOMAIN:${name}.localhost} {\n\treverse_proxy api:8080\n}\n`,
  });

  test('ps answers, processes go on serving, and the containers come back with it', async () => {
    const name = unique('running');
    await using folder = new EngineFolder(home, name, mixed(name));
    const { report } = await folder.up({ timeoutMs: 60_000 });
    expect(report.services.map((one) => `${one.name} ${one.placement} ${one.state}`)).toEqual([
      'api process ready',
      'db container ready',
    ]);
    await engine.kill();
    for (let round = 0; round < 3; round++) {
      expect((await folder.get(report)).status).toBe(200);
      expect(await stateOf(folder, 'api')).toBe('ready');
    }
    // a process can still be steered
    expect((await folder.camp(['restart', 'api'])).code).toBe(0);
    expect((await folder.get(report)).status).toBe(200);
    await engine.again();
    await eventually('the container is back', async () => (await stateOf(folder, 'db')) === 'ready', 30_000);
    expect((await folder.inEngine()).some((one) => one.includes('db'))).toBe(true);
    expect((await folder.get(report)).status).toBe(200);
  });

  test('down ends what it can, says what may be left, and finishes with the engine', async () => {
    const name = unique('down');
    await using folder = new EngineFolder(home, name, mixed(name));
    await folder.up({ timeoutMs: 60_000 });
    await engine.kill();
    const down = await folder.camp(['down']);
    expect([down.code, down.isHanging], down.stderr).toEqual([4, false]);
    expect(down.stderr).toMatch(/error ENGINE_UNREACHABLE containers of this project may be left: /);
    // another engine does not have them
    expect(down.stderr).toMatch(/fix: camp down, as soon as it runs again/);
    expect(down.stderr).not.toContain('unset DOCKER_HOST');
    expect(folder.processes()).toEqual([]);
    await engine.again();
    expect((await folder.inEngine()).length).toBeGreaterThan(0);
    await folder.down();
    expect(await folder.inEngine()).toEqual([]);
  });
});

test('an engine whose disk is full', async ({ skip }) => {
  skip(!can('mount', ['unshare', '-m', 'true']));
  const dir = join(root, 'full');
  mkdirSync(join(dir, 'data'), { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'tmpfs', join(dir, 'data')], {
    encoding: 'utf8',
  });
  expect(mounted.status, mounted.stderr).toBe(0);
  const full = await startSecondEngine(dir);
  const theirs = homeAt(full);
  try {
    loadBusybox(full);
    await using folder = new EngineFolder(theirs, unique('full'), {
      'compose.yaml': project('    build: { context: ., network: none }', '    command: [sleep, "1000"]'),
      Dockerfile: 'FROM busybox\nRUN echo filling; dd if=/dev/zero of=/big bs=1M count=200\n',
    });
    const outcome = await folder.fails({ timeoutMs: 60_000 });
    expect(outcome.code, outcome.stdout).toBe(4);
    const [first] = outcome.errors;
    expect(first).toMatchObject({ fault: 'machine', code: 'DISK_FULL' });
    expect(first?.message).toContain('the disk of the Docker engine is full');
    expect(first?.evidence?.join('\n')).toMatch(/no space left on device/i);
    expect(first?.hints[0]).toBe('docker system df');
    expect(await folder.inEngine()).toEqual([]);
    await comesUp(folder, { Dockerfile: 'FROM busybox\nRUN true\n' });
  } finally {
    await full.end();
    theirs[Symbol.dispose]();
  }
}, 180_000);
