import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from '@oclif/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../../src/commands/index.ts';
import { displayWidth } from '../../src/report/width.ts';
import { createHome } from '../rig/cluster.ts';
import { can, Folder, small } from '../rig/folder.ts';
import { type Shell, shell } from '../rig/shell.ts';
import { bin, hasStack } from '../rig/trial.ts';

/* What a person sees: on terminals of any width, on no terminal, and when the reader has gone. */
const home = createHome();
const escapeByte = '\x1b';
const canType = can('make a terminal', ['script', '-qec', 'true', '/dev/null']);
let folder: Folder;
let broken: Folder;

beforeAll(async () => {
  folder = new Folder(home, 'shown');
  broken = new Folder(home, 'broken', {
    ...small,
    'compose.yaml':
      'services:\n  api:\n    build: .\n    depends_on: [a-service-with-quite-a-long-name, dbb]\n    replica: 2\n',
  });
  await folder.up();
});
afterAll(async () => {
  await folder.down();
  home[Symbol.dispose]();
});

interface Terminal {
  readonly columns: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Runs camp under a terminal of that width. */
function terminal(args: readonly string[], { columns, env = {}, cwd = folder.dir }: Terminal): Shell {
  const words = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ');
  const vars = { ...home.env, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env };
  return shell('script', ['-qfec', `stty cols ${columns} rows 24; exec ${words}`, '/dev/null'], cwd, vars);
}

const readers: readonly (readonly string[])[] = [
  ['--help'],
  ['up', '--help'],
  ['add', 'service', '--help'],
  ['ps'],
  ['plan'],
  ['doctor'],
  ['logs'],
  ['up', '-d'],
  ['restart', 'api'],
  ['scale', 'api=1'],
  ['add', 'service', 'web', '--template', 'node', '--dry-run'],
  ['nonsense'],
];

describe.skipIf(!canType)('no line is wider than the terminal', () => {
  test.each([80, 40, 20])('%i columns', async (columns) => {
    for (const [args, cwd] of [
      ...readers.map((one) => [one, folder.dir] as const),
      [['up'], broken.dir] as const,
      [['init', 'new', '--dry-run'], home.dir] as const,
    ]) {
      const one = terminal(args, { columns, cwd });
      await one.exits(30_000);
      const lines = one.output
        .replace(/\x1b\[[\d;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b\][^\x07]*\x07/g, '')
        .split(/\r*\n|\r/);
      // a word that cannot be broken, a path or an address say, may stick out
      const wide = lines.filter(
        (line) =>
          displayWidth(line) > columns &&
          line
            .trim()
            .split(/\s+/)
            .every((word) => displayWidth(word) < columns - 8),
      );
      expect(wide, `camp ${args.join(' ')} at ${columns} columns`).toEqual([]);
      if (args[0] !== 'logs') expect(lines.join('').trim(), args.join(' ')).not.toBe('');
    }
  });
});

describe('escape sequences', () => {
  const plain: Readonly<Record<string, NodeJS.ProcessEnv>> = {
    nothing: {},
    NO_COLOR: { NO_COLOR: '1' },
    'CI=true': { CI: 'true' },
    'TERM=dumb': { TERM: 'dumb' },
    'LANG=C': { LANG: 'C', LC_ALL: 'C' },
  };
  test.each(Object.keys(plain))('none without a terminal, with %s', async (name) => {
    for (const args of readers) {
      const { stdout, stderr } = await folder.camp(args, { env: plain[name] ?? {} });
      expect(stdout + stderr, args.join(' ')).not.toContain(escapeByte);
      expect(stdout + stderr).not.toContain('\r');
    }
  });

  test.skipIf(!canType)('no colour on a terminal with NO_COLOR, and none at all on a dumb one', async () => {
    for (const args of readers) {
      const uncoloured = terminal(args, { columns: 80, env: { NO_COLOR: '1' } });
      await uncoloured.exits();
      expect(uncoloured.output.match(/\x1b\[(?:3[0-7]|4[0-7]|9[0-7]|[34]8;)[\d;]*m/g), args.join(' ')).toBeNull();
      const dumb = terminal(args, { columns: 80, env: { TERM: 'dumb' } });
      await dumb.exits();
      expect(dumb.output, args.join(' ')).not.toContain(escapeByte);
    }
  });

  test('only ASCII where the locale knows nothing else', async () => {
    for (const args of readers) {
      const { stdout, stderr } = await folder.camp(args, { env: { LANG: 'C', LC_ALL: 'C' } });
      expect(`${stdout}${stderr}`.match(/[^\x00-\x7f]/g), args.join(' ')).toBeNull();
    }
  });
});

test('--json is one object, whatever else is to be said', async () => {
  for (const args of readers
    .filter(([first]) => first !== 'logs' && first !== 'nonsense' && !first?.startsWith('--'))
    .filter((words) => !words.includes('--help'))) {
    const { stdout, code } = await folder.camp([...args, '--json']);
    expect(code, `${args.join(' ')} ${stdout}`).toBe(0);
    expect(() => JSON.parse(stdout), `${args.join(' ')}: ${stdout}`).not.toThrow();
    expect(stdout.trimEnd().split('\n').length).toBe(1);
  }
});

describe.skipIf(!canType)('the questions of init', () => {
  const fresh = (name: string): string => {
    const dir = join(home.dir, name);
    mkdirSync(dir);
    return dir;
  };

  test('Enter, Enter: the defaults', async () => {
    const dir = fresh('by-enter');
    const one = terminal(['init'], { columns: 80, cwd: dir });
    await one.says(/name of the project/);
    one.type('\r');
    await one.says(/begin with/);
    one.type('\r');
    expect(await one.exits()).toBe(0);
    expect(readdirSync(dir)).toEqual(expect.arrayContaining(['Caddyfile', 'compose.yaml']));
    expect(one.output.lastIndexOf('\x1b[?25h')).toBeGreaterThanOrEqual(one.output.lastIndexOf('\x1b[?25l'));
  });

  test.each(['the first', 'the second'])(
    'Ctrl-C at %s question: exit 130, nothing written, the cursor is back',
    async (which) => {
      const dir = fresh(`cancelled-at-${which.replace(' ', '-')}`);
      const one = terminal(['init', 'inner'], { columns: 80, cwd: dir });
      await one.says(/name of the project/);
      if (which === 'the second') {
        one.type('\r');
        await one.says(/begin with/);
      }
      one.type('\x03');
      expect(await one.exits()).toBe(130);
      expect(readdirSync(dir)).toEqual([]);
      expect(one.output.lastIndexOf('\x1b[?25h')).toBeGreaterThanOrEqual(one.output.lastIndexOf('\x1b[?25l'));
      expect(hasStack({ ...one, code: 0, ms: 0, peakMb: 0, isHanging: false })).toBe(false);
    },
  );

  test('a name that cannot be one is told at once, and asked for again', async () => {
    const dir = fresh('bad-name');
    const one = terminal(['init'], { columns: 80, cwd: dir });
    await one.says(/name of the project/);
    one.type('No Name!\r');
    await one.says(/may hold only|does not begin/);
    one.type('\x03');
    expect(await one.exits()).toBe(130);
    expect(readdirSync(dir)).toEqual([]);
  });

  test.each([{ CI: 'true' }, { TERM: 'dumb' }])('nothing is asked with %j', async (env) => {
    const dir = fresh(`unasked-${Object.keys(env)[0]}`);
    const one = terminal(['init'], { columns: 80, cwd: dir, env });
    expect(await one.exits()).toBe(0);
    expect(existsSync(join(dir, 'compose.yaml'))).toBe(true);
  });
});

describe('readers and writers that are not there', () => {
  const sh = (line: string, cwd = folder.dir) =>
    spawnSync('sh', ['-c', line.replaceAll('camp', `'${process.execPath}' '${bin}'`)], {
      cwd,
      env: home.env,
      encoding: 'utf8',
      timeout: 20_000,
    });

  test.each([
    'camp --help | head -1',
    'camp ps --json | true',
    'camp plan | true',
    'camp logs | head -1',
    'camp doctor | true',
    'camp up --help | head -c 1',
    'camp nonsense 2>&1 | true',
    'camp --version | true',
  ])('%s ends quietly', (line) => {
    const { stderr, signal } = sh(line);
    expect(signal).toBeNull();
    expect(stderr).not.toMatch(/EPIPE|node:|\n\s+at /);
  });

  test('without stdin, and with a file as stdin, nothing is asked', () => {
    for (const [name, from] of [
      ['closed', '<&-'],
      ['empty', '</dev/null'],
    ] as const) {
      const { status, stderr, stdout } = sh(`camp init ${name} ${from}`, home.dir);
      expect(status, stdout + stderr).toBe(0);
      expect(existsSync(join(home.dir, name, 'compose.yaml'))).toBe(true);
    }
  });

  test('stdout and stderr closed from the start', () => {
    for (const line of ['camp ps >&-', 'camp ps 2>&-', 'camp nonsense >&- 2>&-', 'camp --help >&-'])
      expect([0, 1, 2], line).toContain(sh(line).status);
  });

  test('a disk that is full for what is written', () => {
    const { status, stderr } = sh('camp ps >/dev/full');
    expect(status).not.toBeNull();
    expect(stderr).not.toMatch(/node:internal|\n\s+at /);
  });
});

describe('help', () => {
  test.each(Object.keys(commands))('camp %s has examples, and each of them is understood', async (id) => {
    const load = commands[id];
    const { default: command } = await (load as NonNullable<typeof load>)();
    const examples = (command.examples ?? []).map((one) => String(one).replace('<%= config.bin %>', 'camp'));
    expect(examples.length).toBeGreaterThanOrEqual(2);
    for (const example of examples) {
      const words = example.split(' ').map((word) => word.replace(/^'|'$/g, ''));
      expect(words.slice(0, 1 + id.split(' ').length).join(' ')).toBe(`camp ${id}`);
      const input = {
        flags: { ...command.baseFlags, ...command.flags },
        args: command.args,
        strict: command.strict,
      } as Parameters<typeof Parser.parse>[1];
      await expect(Parser.parse(words.slice(1 + id.split(' ').length), input), example).resolves.toBeDefined();
    }
  });
});
