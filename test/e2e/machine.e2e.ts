import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createHome, eventually } from '../rig/cluster.ts';
import { treeOf } from '../rig/failing-disk.ts';
import { can, Folder, small } from '../rig/folder.ts';
import { hasStack, type Trial, trial } from '../rig/trial.ts';

/* Trouble with the machine: exit 4, the cause named, one thing to do; or it works in spite of it. Never a hang, never a stack. */
const home = createHome();
afterAll(() => home[Symbol.dispose]());

const caddy = spawnSync('sh', ['-c', 'command -v caddy'], { encoding: 'utf8' }).stdout.trim();
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const isRoot = process.getuid?.() === 0;
const canBeNobody = isRoot && can('run as another user', [...nobody, 'true']);
const canMount = isRoot && can('mount', ['unshare', '-m', 'true']);
const canIsolate = isRoot && can('make a network namespace', ['unshare', '-n', 'true']);

function expectMachine(
  outcome: Trial & { readonly errors: readonly { fault: string; code: string; hints: readonly string[] }[] },
  code: string,
): void {
  expect(outcome.code, outcome.stdout).toBe(4);
  expect(outcome.errors[0]).toMatchObject({ fault: 'machine', code });
  expect(outcome.errors[0]?.hints.length).toBeGreaterThan(0);
  expect(hasStack(outcome), outcome.stdout + outcome.stderr).toBe(false);
}

/** PATH with these programs only. */
function pathWith(name: string, programs: Readonly<Record<string, string>>): string {
  const bin = join(home.dir, name);
  mkdirSync(bin);
  for (const [program, target] of Object.entries({ node: process.execPath, ...programs }))
    symlinkSync(target, join(bin, program));
  return bin;
}

/** Listens on a port as soon as nobody else does. */
async function strangerOn(port: number): Promise<Disposable> {
  const server = await eventually(
    `port ${port} is free`,
    () =>
      new Promise<Server | undefined>((resolve) => {
        const one = createServer();
        one.once('error', () => resolve(undefined));
        one.listen(port, '127.0.0.1', () => resolve(one));
      }),
    60_000,
  );
  return { [Symbol.dispose]: () => void server.close() };
}

describe('ports', () => {
  test('a port that was asked for and is held: whose it is, and nothing runs', async () => {
    await using folder = new Folder(home, 'strict');
    const stranger = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { port } = stranger.address() as { port: number };
    const outcome = await folder.fails({}, '--port', String(port));
    stranger.close();
    expectMachine(outcome, 'PORT_IN_USE');
    expect(outcome.errors[0]?.message).toContain(`pid ${process.pid}`);
    expect(outcome.errors[0]?.message).toContain(String(port));
    expect(folder.processes()).toEqual([]);
    const { report } = await folder.up({}, '--port', String(port));
    expect((await folder.get(report)).status).toBe(200);
  });

  test('without --port another port is used, and it is said whose the first one is', async () => {
    // a stranger of this test's own: other tests take 443 and give it back when they like
    using _ = isRoot ? await strangerOn(443) : undefined;
    using __ = await strangerOn(8443);
    await using second = new Folder(home, 'second', {
      ...small,
      'compose.yaml': (small['compose.yaml'] ?? '').replace('small', 'second'),
      Caddyfile: (small['Caddyfile'] ?? '').replace('small', 'second'),
    });
    const said = await second.camp(['up', '-d']);
    const why = isRoot
      ? new RegExp(`port 443\\s+is\\s+held\\s+by[^]+\\(pid\\s+${process.pid}\\)`)
      : /port 443\s+may\s+only\s+be\s+used\s+by\s+root/;
    const words = said.stdout + said.stderr;
    expect(words).toMatch(why);
    const { report } = await second.up();
    expect([443, 8443]).not.toContain(report.edge?.https);
    // not for each port that was tried
    expect(words.match(/the\s+edge\s+listens\s+on\s+\d+/g)).toEqual([
      expect.stringMatching(new RegExp(`${report.edge?.https}$`)),
    ]);
    expect((await second.get(report)).text).toContain('second');
  });

  test.skipIf(!canBeNobody)(
    'somebody who may not use 443 gets a high port, the one line that changes it, and HTTPS',
    async () => {
      const root = mkdtempSync(join(tmpdir(), 'camp-nobody-'));
      const own = {
        dir: root,
        env: { ...home.env, HOME: root, CAMP_HOME: join(root, 'camp'), TMPDIR: root },
        [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
      };
      using _ = own;
      await using folder = new Folder(own, 'mine');
      for (const path of ['', 'mine', 'mine/api', 'mine/compose.yaml', 'mine/Caddyfile', 'mine/api/main.cjs'])
        chownSync(join(root, path), 65_534, 65_534);
      const said = await folder.camp(['up', '-d'], { wrap: nobody });
      expect((said.stdout + said.stderr).replace(/\s+/g, ' ')).toContain(
        'sudo sysctl -w net.ipv4.ip_unprivileged_port_start=80',
      );
      const { report } = await folder.up({ wrap: nobody });
      expect(report.edge?.https).toBeGreaterThan(1023);
      expect((await folder.get(report)).status).toBe(200);
      await folder.down({ wrap: nobody });
      const strict = await folder.fails({ wrap: nobody }, '--port', '443');
      expectMachine(strict, 'NO_PERMISSION');
      expect(strict.errors[0]?.hints[0]).toContain('sysctl');
    },
  );
});

describe('no Caddy', () => {
  const empty = (): string => mkdtempSync(join(home.dir, 'no-caddy-'));

  test.skipIf(!canIsolate)('none here and no network: every attempt is told, soon', async () => {
    const camp = empty();
    await using folder = new Folder(home, 'no-network');
    const outcome = await folder.fails({
      wrap: ['unshare', '-n'],
      env: { PATH: pathWith('bare', {}), CAMP_HOME: camp },
    });
    expectMachine(outcome, 'NO_CADDY');
    const { evidence = [] } = outcome.errors[0] ?? {};
    for (const attempt of ['PATH', 'cache', 'release', 'apt', 'Homebrew'])
      expect(evidence.join('\n')).toContain(attempt);
    expect(outcome.ms).toBeLessThan(15_000);
    expect(folder.processes()).toEqual([]);
  });

  test('a proxy that is dead: the same, and services that answer on loopback do not notice', async () => {
    const dead = 'http://127.0.0.1:1';
    const proxies = Object.fromEntries(
      ['http_proxy', 'https_proxy', 'all_proxy'].flatMap((name) => [
        [name, dead],
        [name.toUpperCase(), dead],
      ]),
    );
    await using folder = new Folder(home, 'dead-proxy');
    const outcome = await folder.fails({ env: { ...proxies, PATH: join(home.dir, 'bare'), CAMP_HOME: empty() } });
    expectMachine(outcome, 'NO_CADDY');
    const { report } = await folder.up({ env: { ...proxies, NODE_USE_ENV_PROXY: '1' } });
    expect((await folder.get(report)).status).toBe(200);
  });

  test.each(['truncated', 'a script', 'empty'])('a program in the tool cache that is %s is never run', async (how) => {
    const camp = empty();
    const program = join(camp, 'cache/tools/caddy-2.11.4/caddy');
    mkdirSync(dirname(program), { recursive: true });
    const canary = join(camp, 'canary');
    writeFileSync(
      program,
      how === 'truncated'
        ? readFileSync(caddy).subarray(0, 1_000_000)
        : how === 'empty'
          ? ''
          : `#!/bin/sh\ntouch ${canary}\necho v2.11.4\n`,
    );
    chmodSync(program, 0o755);
    writeFileSync(
      join(dirname(program), 'receipt.json'),
      JSON.stringify({ version: '2.11.4', size: 7, sha256: 'x', origin: 'release' }),
    );
    await using folder = new Folder(home, `corrupt-${how.replaceAll(' ', '-')}`);
    const wrap = canIsolate ? ['unshare', '-n'] : [];
    const outcome = await folder.fails({
      wrap,
      env: {
        PATH: join(home.dir, 'bare'),
        CAMP_HOME: camp,
        HTTPS_PROXY: 'http://127.0.0.1:1',
        https_proxy: 'http://127.0.0.1:1',
      },
    });
    expectMachine(outcome, 'NO_CADDY');
    expect(existsSync(canary)).toBe(false);
    expect(JSON.stringify(outcome.errors[0])).toContain(program);
  });

  test.skipIf(!canIsolate)('a network that is gone does not matter once Caddy is here', async () => {
    await using folder = new Folder(home, 'offline');
    const script = 'ip link set lo up && exec "$@"';
    const { report } = await folder.up({ wrap: ['unshare', '-n', 'sh', '-c', script, 'sh'] });
    expect(report.services[0]?.state).toBe('ready');
  });
});

describe('disk', () => {
  /** A disk of its own, so small that it is full, only for the commands in it. */
  const fullDisk = (at: string, size: string): readonly string[] => [
    'unshare',
    '-m',
    'sh',
    '-c',
    `mount -t tmpfs -o size=${size} full "${at}" && cp -r "$1"/. "${at}"/ 2>/dev/null; dd if=/dev/zero of="${at}/fill" bs=1k count=3000 2>/dev/null; shift; cd "$1" && shift && exec "$@"`,
    'sh',
  ];

  test.skipIf(!canMount)('a project folder without space: the path, and nothing is half written', async () => {
    const source = new Folder(home, 'disk-source');
    const at = mkdtempSync(join(home.dir, 'full-'));
    for (const args of [
      ['up', '-d', '--json'],
      ['add', 'service', 'web', '--template', 'node', '--json'],
    ]) {
      const outcome = await trial(args, {
        cwd: source.dir,
        env: home.env,
        wrap: [...fullDisk(at, '2m'), source.dir, at],
      });
      expectMachine({ ...outcome, errors: JSON.parse(outcome.stdout).errors }, 'DISK_FULL');
      expect(outcome.stdout).toContain('.camp');
    }
  });

  test.skipIf(!canMount)("camp's own folder without space", async () => {
    const source = new Folder(home, 'disk-home');
    const at = mkdtempSync(join(home.dir, 'full-'));
    const none = mkdtempSync(join(home.dir, 'none-'));
    const outcome = await trial(['up', '-d', '--json'], {
      cwd: source.dir,
      env: { ...home.env, CAMP_HOME: at },
      wrap: [...fullDisk(at, '1m'), none, source.dir],
    });
    expectMachine({ ...outcome, errors: JSON.parse(outcome.stdout).errors }, 'DISK_FULL');
    expect(source.processes()).toEqual([]);
  });

  test.skipIf(!canMount)('a project that may only be read runs; what writes is refused', async () => {
    const folder = new Folder(home, 'read-only');
    const before = treeOf(folder.dir);
    const readOnly = [
      'unshare',
      '-m',
      'sh',
      '-c',
      `mount --bind "${folder.dir}" "${folder.dir}" && mount -o remount,ro,bind "${folder.dir}" && cd "${folder.dir}" && exec "$@"`,
      'sh',
    ];
    const up = await folder.up({ wrap: readOnly });
    expect((await folder.get(up.report)).status).toBe(200);
    expect((await folder.camp(['ps', '--json'], { wrap: readOnly })).code).toBe(0);
    await folder.down({ wrap: readOnly });
    for (const args of [
      ['add', 'service', 'web', '--template', 'node'],
      ['init', 'new', '--yes'],
    ]) {
      const outcome = await folder.camp([...args, '--json'], { wrap: readOnly });
      expectMachine({ ...outcome, errors: JSON.parse(outcome.stdout).errors }, 'READ_ONLY');
    }
    expect(treeOf(folder.dir)).toEqual(before);
  });
});
