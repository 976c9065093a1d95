import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createHome } from '../rig/cluster.ts';
import { can, Folder, server, small } from '../rig/folder.ts';
import { hasStack, type Trial, trial } from '../rig/trial.ts';

/* A poor environment or an odd folder: camp works in spite of it, or exits 4 and says why. Never a hang, never a stack. */
const home = createHome();
afterAll(() => home[Symbol.dispose]());

const caddy = spawnSync('sh', ['-c', 'command -v caddy'], { encoding: 'utf8' }).stdout.trim();
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const isRoot = process.getuid?.() === 0;
const canBeNobody = isRoot && can('run as another user', [...nobody, 'true']);
const canLimit = can('limit descriptors', ['prlimit', '--nofile=64', 'true']);

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

describe('the environment', () => {
  const without = (name: string): NodeJS.ProcessEnv => ({ ...home.env, CAMP_HOME: undefined, [name]: undefined });

  test('no HOME at all: the home of the user, or told', async () => {
    await using folder = new Folder(home, 'no-home');
    for (const env of [{ HOME: '/' }, { HOME: 'relative' }]) {
      const outcome = await folder.fails({ env: { ...without('HOME'), ...env } });
      expectMachine(outcome, 'NO_HOME');
      expect(outcome.errors[0]?.hints[0]).toContain('CAMP_HOME=');
    }
    const outcome = await folder.camp(['plan'], { env: { ...without('HOME') } });
    expect([0, 4]).toContain(outcome.code);
    expect(hasStack(outcome)).toBe(false);
  });

  test.skipIf(!canBeNobody)('a HOME that may not be written', async () => {
    const root = mkdtempSync(join(tmpdir(), 'camp-open-'));
    using _ = { [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
    chmodSync(root, 0o755);
    const folder = new Folder({ ...home, dir: root }, 'project');
    for (const HOME of ['/proc', '/root', '/usr/nowhere/at/all']) {
      const outcome = await trial(['up', '-d', '--json'], {
        cwd: folder.dir,
        env: { ...home.env, CAMP_HOME: undefined, HOME },
        wrap: nobody,
        timeoutMs: 10_000,
      });
      expect(outcome.isHanging, HOME).toBe(false);
      expect(outcome.code, outcome.stdout + outcome.stderr).toBe(4);
      expect(hasStack(outcome)).toBe(false);
    }
  });

  test('TMPDIR that is not there', async () => {
    await using folder = new Folder(home, 'no-tmp');
    const { report } = await folder.up({
      env: { TMPDIR: join(home.dir, 'nowhere'), CAMP_HOME: join(home.dir, 'fresh') },
    });
    expect((await folder.get(report)).status).toBe(200);
    await folder.down({ env: { CAMP_HOME: join(home.dir, 'fresh') } });
  });

  test.skipIf(!canLimit)('few descriptors: works, or names the limit', async () => {
    await using folder = new Folder(home, 'descriptors');
    for (const limit of [256, 64, 24]) {
      const outcome = await folder.camp(['up', '-d', '--json'], {
        wrap: ['prlimit', `--nofile=${limit}`],
        timeoutMs: 20_000,
      });
      expect(outcome.isHanging).toBe(false);
      expect([0, 4], outcome.stdout + outcome.stderr).toContain(outcome.code);
      if (limit >= 64) expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
      else expect(outcome.stdout + outcome.stderr).toContain('EMFILE');
      expect(hasStack(outcome), outcome.stdout + outcome.stderr).toBe(false);
      await folder.down();
    }
  });

  test('no shell, git, tar or docker on PATH: nothing of it is needed', async () => {
    await using folder = new Folder(home, 'bare-path');
    const { report } = await folder.up({ env: { PATH: pathWith('only-caddy', { caddy }) } });
    expect((await folder.get(report)).status).toBe(200);
  });

  test("the parent's secrets, NODE_OPTIONS and PORT do not reach a service", async () => {
    const show = server.replace("'hello from ' + process.cwd()", 'JSON.stringify(process.env)');
    await using folder = new Folder(home, 'parent-env', { ...small, 'api/main.cjs': show });
    const { report } = await folder.up({
      env: {
        PORT: '1',
        SECRET_TOKEN: 'hush',
        NODE_OPTIONS: '--no-warnings',
        npm_config_registry: 'x',
        AWS_SECRET_ACCESS_KEY: 'hush',
      },
    });
    const { text } = await folder.get(report);
    const seen = JSON.parse(text) as Record<string, string>;
    expect(text).not.toContain('hush');
    expect(Object.keys(seen)).not.toEqual(expect.arrayContaining(['NODE_OPTIONS']));
    expect(Object.keys(seen).filter((name) => name.startsWith('npm_'))).toEqual([]);
    expect(seen['PORT']).not.toBe('1');
  });
});

describe('where the project lies', () => {
  const names = [
    'a b',
    'q\'u"o',
    'semi;colon&',
    '$(touch canary)',
    '`touch canary`',
    'new\nline',
    'per%20cent',
    'ha#sh',
    '-rf',
    '🚀',
    '\u202eabc',
    'back\\slash',
    '{$HOME}',
    '*',
    'tab\there',
    'x'.repeat(200),
    '{env.HOME}',
    '..x',
    '%s%n',
    'ünïcödé',
  ];
  test.each(names)('%j', async (name) => {
    const parent = mkdtempSync(join(home.dir, 'path-'));
    const inside: Record<string, string> = { ...small };
    await using folder = new Folder({ ...home, dir: parent, [Symbol.dispose]: () => undefined }, name, inside);
    const { report } = await folder.up();
    expect((await folder.get(report)).text).toBe(`hello from ${realpathSync(folder.dir)}/api`);
    expect(
      (
        await trial(['ps'], {
          cwd: parent,
          env: { ...home.env, PWD: parent },
          command: [process.execPath, join(import.meta.dirname, '../../bin/camp.js'), `--dir=./${name}`],
        })
      ).code,
    ).toBe(0);
    await folder.down();
    expect(readdirSync(parent)).toEqual([name]);
    expect(readdirSync(folder.dir).sort()).toEqual(['.camp', 'Caddyfile', 'api', 'compose.yaml']);
  });
});
