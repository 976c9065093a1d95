import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { followContainers } from '../../src/camp/containers/follow.ts';
import { failuresOf } from '../../src/kit/failure.ts';
import { readText } from '../../src/kit/files.ts';
import type { Service, WatchRule } from '../../src/project/types.ts';
import { connectEngine } from '../../src/runtime/docker/engine/connect.ts';
import type { Api } from '../../src/runtime/docker/engine/types.ts';
import { syncInto } from '../../src/runtime/docker/sync.ts';
import { initialSync } from '../../src/runtime/watch/initial.ts';
import { type Rules, rulesFor } from '../../src/runtime/watch/rules.ts';
import { eventually } from '../rig/cluster.ts';
import { requireImages } from '../rig/images.ts';

const why = requireImages('what is brought into containers', ['busybox']);
let root = '';
let api: Api;
const started: string[] = [];
let stop: (() => void) | undefined;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'camp-sync-'));
  if (!why) ({ api } = await connectEngine(process.env, new AbortController().signal));
}, 60_000);
beforeEach(({ skip }) => skip(why !== undefined, why));
afterEach(() => {
  stop?.();
  for (const id of started.splice(0)) docker('rm', '--force', id);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function docker(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('docker', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

function container(...options: readonly string[]): string {
  const id = docker('run', '--detach', '--init', ...options, 'busybox', 'sleep', '600');
  started.push(id);
  return id;
}

function write(path: string, text: string): string {
  const whole = join(root, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text);
  return whole;
}

const inside = (id: string, ...argv: readonly string[]): string => docker('exec', id, ...argv);
const there = (id: string, path: string): boolean => spawnSync('docker', ['exec', id, 'test', '-e', path]).status === 0;

const rule = (action: WatchRule['action'], path: string, more: Partial<WatchRule> = {}): WatchRule => ({
  path: join(root, path),
  action,
  ignore: [],
  isInitialSync: false,
  ...more,
});
const rules = (...watch: readonly WatchRule[]): Rules => rulesFor({ name: 'web', watch }, readText);

describe('what changed here changes in the container', () => {
  test.each([
    ['root', [], '0 0'],
    ['a user with a number only', ['--user', '4321:1234'], '4321 1234'],
    ['a user whose number is long', ['--user', '1000680000:1000680001'], '1000680000 1000680001'],
  ] as const)('for %s', async (_, options, owner) => {
    const id = container(...options);
    const long = `${'d'.repeat(90)}/${'f'.repeat(120)}`;
    const paths = ['a.txt', 'new/deep/b.sh', 'zwölf/ü ber.txt', long, "it's; $(x)"];
    const changes = paths.map((name) => ({
      path: write(`one/${name}`, `text of ${name}`),
      target: `/srv/app/${name}`,
    }));
    chmodSync(join(root, 'one/new/deep/b.sh'), 0o750);
    expect(await syncInto(api, id, changes)).toEqual({ copied: 5, removed: 0 });
    for (const name of paths) expect(inside(id, 'cat', `/srv/app/${name}`)).toBe(`text of ${name}`);
    expect(inside(id, 'stat', '-c', '%a %u %g', '/srv/app/new/deep/b.sh')).toBe(`750 ${owner}`);
  });

  test('files and folders that are gone here are gone there, also what is not the user’s own', async () => {
    const id = container('--user', '4321:1234');
    const keep = { path: write('two/keep', 'k'), target: '/srv/keep' };
    const more = ['dir/x', 'dir/y', 'file'].map((name) => ({
      path: write(`two/${name}`, 'x'),
      target: `/srv/${name}`,
    }));
    await syncInto(api, id, [keep, ...more]);
    rmSync(join(root, 'two/dir'), { recursive: true });
    rmSync(join(root, 'two/file'));
    const gone = ['dir', 'file', 'never'].map((name) => ({ path: join(root, 'two', name), target: `/srv/${name}` }));
    expect(await syncInto(api, id, [...gone, keep])).toEqual({ copied: 1, removed: 3 });
    expect(['dir', 'file', 'keep'].map((name) => there(id, `/srv/${name}`))).toEqual([false, false, true]);
  });

  test('a file where there was a folder, and the other way round', async () => {
    const id = container();
    await syncInto(api, id, [{ path: write('three/x/inner', '1'), target: '/srv/x/inner' }]);
    rmSync(join(root, 'three/x'), { recursive: true });
    const changes = [
      { path: join(root, 'three/x/inner'), target: '/srv/x/inner' },
      { path: write('three/x', 'file'), target: '/srv/x' },
    ];
    await syncInto(api, id, [{ path: join(root, 'three/none'), target: '/srv/x' }, ...changes]);
    expect(inside(id, 'cat', '/srv/x')).toBe('file');
  });

  test('a container that cannot be written to says so', async () => {
    const id = container('--read-only');
    const change = { path: write('four/a', 'x'), target: '/srv/a' };
    const error = await syncInto(api, id, [change]).catch((caught: unknown) => caught);
    expect(failuresOf(error)[0]).toMatchObject({ code: 'SYNC_FAILED', fault: 'service' });
    expect(failuresOf(error)[0]?.evidence?.join()).toMatch(/read-only/);
  });

  test('an image without `id` gets files of root; one without `rm` keeps what it has, and says so', async () => {
    const id = container('--user', '4321');
    const bare: Api = { ...api, exec: async () => ({ exitCode: 127, stdout: '', stderr: 'no such program' }) };
    await syncInto(bare, id, [{ path: write('bare/a', 'x'), target: '/srv/a' }]);
    expect(inside(id, 'stat', '-c', '%u', '/srv/a')).toBe('0');
    rmSync(join(root, 'bare/a'));
    const error = await syncInto(bare, id, [{ path: join(root, 'bare/a'), target: '/srv/a' }]).catch(
      (caught: unknown) => caught,
    );
    expect(failuresOf(error)[0]).toMatchObject({ code: 'SYNC_FAILED', evidence: ['no such program'] });
  });

  test('more than an archive holds goes in several', async () => {
    const id = container();
    const big = 'x'.repeat(20 * 1024 * 1024);
    const changes = [1, 2, 3].map((n) => ({ path: write(`five/${n}`, big + n), target: `/srv/${n}` }));
    expect(await syncInto(api, id, changes)).toEqual({ copied: 3, removed: 0 });
    for (const n of [1, 2, 3]) expect(inside(id, 'tail', '-c', '1', `/srv/${n}`)).toBe(String(n));
  });
});

describe('from a save to the container', () => {
  /** What the supervisor is asked for, and what is said. */
  function follow(id: string, ...watch: readonly WatchRule[]): readonly string[] {
    const seen: string[] = [];
    const ending = new AbortController();
    stop = followContainers({
      services: [{ name: 'web', watch } as unknown as Service],
      api,
      signal: ending.signal,
      emit: (event) => void ('message' in event && seen.push(event.message)),
      read: readText,
      containersOf: () => [id],
      rebuild: async (services) => void seen.push(`rebuild ${services.join()}`),
      restart: async (service) => void seen.push(`restart ${service}`),
    });
    return seen;
  }

  test('a saved file, a new folder, a rename and a removal arrive; what is ignored does not', async () => {
    const id = container('--user', '4321:1234');
    write('six/src/a', 'old');
    follow(id, rule('sync', 'six/src', { target: '/srv/src', ignore: ['out/', '*.tmp'] }));
    write('six/src/a', 'new');
    await eventually(
      'the file is there',
      async () => there(id, '/srv/src/a') && inside(id, 'cat', '/srv/src/a') === 'new',
    );
    write('six/src/x.tmp', '1');
    write('six/src/out/y', '1');
    write('six/src/deep/er/b', 'b');
    await eventually('the new folder is there', async () => there(id, '/srv/src/deep/er/b'));
    write('six/src/deep/er/c', 'c');
    await eventually('the folder is followed', async () => there(id, '/srv/src/deep/er/c'));
    renameSync(join(root, 'six/src/deep'), join(root, 'six/src/moved'));
    await eventually('it is moved', async () => there(id, '/srv/src/moved/er/c') && !there(id, '/srv/src/deep'));
    rmSync(join(root, 'six/src/a'));
    await eventually('it is gone', async () => !there(id, '/srv/src/a'));
    rmSync(join(root, 'six/src/moved'), { recursive: true });
    write('six/src/moved/again', '1');
    await eventually('a folder of the same name is followed, too', async () => there(id, '/srv/src/moved/again'));
    expect([there(id, '/srv/src/x.tmp'), there(id, '/srv/src/out')]).toEqual([false, false]);
  });

  test('sync+exec runs its command after the files have arrived', async () => {
    const id = container();
    write('seven/conf', 'old');
    const exec = { command: ['sh', '-c', 'cp /etc/conf /tmp/applied'], isPrivileged: false, env: {} };
    const seen = follow(id, rule('sync+exec', 'seven/conf', { target: '/etc/conf', exec }));
    write('seven/conf', 'new');
    await eventually('both are done', async () => seen.includes('sh has run'));
    expect(seen).toEqual(['conf brought into its container', 'sh has run']);
    expect(inside(id, 'cat', '/tmp/applied')).toBe('new');
  });

  test('initial_sync brings everything that its rule covers', async () => {
    const id = container();
    for (const name of ['a', 'b/c', 'out/no', 'Dockerfile', '.git/config']) write(`eight/${name}`, name);
    const initial = rule('sync', 'eight', { target: '/srv', ignore: ['out'], isInitialSync: true });
    const changes = initialSync(rules(initial, rule('sync', 'eight', { target: '/other' })));
    expect(changes.map(({ target }) => target).sort()).toEqual(['/srv/a', '/srv/b/c']);
    follow(id, initial);
    await eventually('all of it is there', async () => there(id, '/srv/a') && there(id, '/srv/b/c'));
  });

  test('rebuild and restart are asked for, in this order, and a failure ends nothing', async () => {
    const id = container('--read-only');
    for (const name of ['package.json', 'src/a', 'conf']) write(`nine/${name}`, '1');
    const seen = follow(
      id,
      rule('rebuild', 'nine/package.json'),
      rule('sync', 'nine/src', { target: '/srv' }),
      rule('restart', 'nine/conf'),
    );
    write('nine/src/a', '22');
    await eventually('the failure is said', async () => seen.some((line) => line.includes('could not be copied')));
    write('nine/conf', '22');
    write('nine/package.json', '22');
    await eventually('the image is built again', async () => seen.includes('rebuild web'));
    write('nine/conf', '333');
    await eventually('it is restarted', async () => seen.includes('restart web'));
  });

  test('what is mounted from here is not copied onto itself', async () => {
    write('ten/src/a', 'old');
    write('ten/src/b', 'old');
    const id = container('--volume', `${join(root, 'ten/src')}:/srv/src`);
    const seen = follow(
      id,
      rule('sync', 'ten/src', { target: '/srv/src' }),
      rule('sync', 'ten/src', { target: '/other' }),
    );
    write('ten/src/a', 'new');
    await eventually('the copy is there', async () => there(id, '/other/a'));
    write('ten/src/b', 'new');
    await eventually('the next copy is there', async () => there(id, '/other/b'));
    // a file that was copied onto itself would have been seen again meanwhile
    expect(seen.filter((line) => line.startsWith('a '))).toHaveLength(1);
    expect(inside(id, 'cat', '/srv/src/a')).toBe('new');
  });
});
