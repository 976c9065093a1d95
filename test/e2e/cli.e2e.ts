import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commands } from '../../src/commands/index.ts';
import { displayWidth } from '../../src/report/width.ts';

const camp = resolve(import.meta.dirname, '../../bin/camp.js');
const hasScript = spawnSync('script', ['--version']).status === 0;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'camp-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { CI: _, FORCE_COLOR: __, NO_COLOR: ___, ...own } = process.env;
  return { ...own, CAMP_HOME: join(folder, '.home'), LANG: 'C.UTF-8', ...more };
}

function run(args: readonly string[], more: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [camp, ...args], {
    cwd: folder,
    env: environment(more),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

describe('what camp answers without a project', () => {
  test.each(['--version', '-v', 'version'])('%s', (word) => {
    const { stdout, stderr, status } = run([word]);
    const { version } = JSON.parse(readFileSync(resolve(camp, '../../package.json'), 'utf8')) as { version: string };
    expect({ stdout, stderr, status }).toEqual({ stdout: `${version}\n`, stderr: '', status: 0 });
  });

  test('root help: every command, at most 40 lines of 80 columns, the same for help and -h', () => {
    const { stdout, status } = run(['--help']);
    expect(status).toBe(0);
    for (const id of Object.keys(commands)) expect(stdout).toMatch(new RegExp(`^  ${id} +\\S`, 'm'));
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(40);
    expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(80);
    for (const words of [['help'], ['-h']]) expect(run(words).stdout).toBe(stdout);
  });

  test.each(Object.keys(commands))('%s --help: two examples, no template left', (id) => {
    const { stdout, status, stderr } = run([...id.split(' '), '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.match(new RegExp(`^  \\$ camp ${id}\\b`, 'gm'))?.length ?? 0).toBeGreaterThanOrEqual(2);
    expect(stdout).not.toMatch(/<%|undefined|\x1b/);
  });

  test('bare camp says how things are and what comes next', () => {
    expect(run([]).stdout).toBe(
      'there is no project in this folder\n\nnext: camp init hello, camp init, camp --help\n',
    );
    expect(JSON.parse(run(['--json']).stdout)).toEqual({
      project: null,
      next: ['camp init hello', 'camp init', 'camp --help'],
    });
  });

  test.each([
    [['upp'], 'UNKNOWN_COMMAND', 'did you mean camp up?'],
    [['add', 'servcie'], 'UNKNOWN_COMMAND', 'did you mean camp add service?'],
    [['qwertz'], 'UNKNOWN_COMMAND', 'camp --help'],
    [['--hepl'], 'UNKNOWN_FLAG', 'camp --help'],
    [['ps', '--jsno'], 'UNKNOWN_FLAG', 'did you mean --json?'],
    [['up', '--port', 'x'], 'INVALID_ARGUMENTS', 'camp up --help'],
    [['up', '--port'], 'INVALID_ARGUMENTS', 'camp up --help'],
    [['up', '--native', '--docker'], 'INVALID_ARGUMENTS', 'camp up --help'],
    [['restart'], 'INVALID_ARGUMENTS', 'camp restart --help'],
    [['run', 'api', 'ls', '-l'], 'UNKNOWN_FLAG', 'camp run SERVICE -- COMMAND'],
    [['ps', 'surplus'], 'INVALID_ARGUMENTS', 'camp ps --help'],
    [['-C', 'nowhere', 'ps'], 'NOT_A_PROJECT', 'camp init nowhere'],
    [['init', 'No Name'], 'INVALID_NAME', 'use no-name'],
    [['init', 'x', '--starter', 'helo'], 'UNKNOWN_STARTER', 'did you mean hello?'],
    [['add', 'service', 'x'], 'NOT_A_PROJECT', 'camp init'],
  ])('%j is a usage error with one hint', (words, code, hint) => {
    const plain = run(words);
    expect({ status: plain.status, stdout: plain.stdout }).toEqual({ status: 2, stdout: '' });
    expect(plain.stderr).toMatch(
      new RegExp(`^camp: error ${code} [^\\n]+\\n  fix: ${hint.replace(/[?]/g, '\\?')}\\n$`),
    );
    const json = run([...words.filter((word) => word !== '--json'), '--json']);
    expect(json.status).toBe(2);
    // a flag that lacks its value takes the next word
    if (words.at(-1) !== '--port')
      expect(JSON.parse(json.stdout)).toMatchObject({
        error: { fault: 'usage', code, hints: [hint] },
        errors: [{ code }],
      });
  });

  test('what is missing is named, without advice on flags that nobody has used', () => {
    expect(run(['restart']).stderr).toContain('INVALID_ARGUMENTS missing: service – which one\n');
  });

  test('a reader that goes away is no error', () => {
    const { status, stderr, stdout } = spawnSync(
      'bash',
      ['-c', `set -o pipefail; ${process.execPath} ${camp} --help | head -1`],
      { env: environment(), encoding: 'utf8' },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^camp \d/);
  });

  test('nothing but camp’s own folder is written to the home', () => {
    run(['--help']);
    expect(readdirSync(folder)).toEqual(['.home']);
    expect(readdirSync(join(folder, '.home'))).toEqual(['cache']);
  });
});

describe('init and add service', () => {
  test('write what they say, say it as JSON, and are safe to repeat', () => {
    const first = run(['init', 'hello', '--yes', '--json']);
    const report = JSON.parse(first.stdout) as { project: string; files: string[]; next: string[] };
    expect(report).toMatchObject({ project: 'hello', next: ['cd hello', 'camp up', expect.any(String)] });
    for (const file of report.files) expect(existsSync(join(folder, 'hello', file)), file).toBe(true);
    const added = JSON.parse(
      run(['-C', 'hello', 'add', 'service', 'orders', '--template', 'python', '--needs', 'api', '--json']).stdout,
    ) as { files: string[] };
    expect(added.files).toContain('compose.yaml');
    const before = snapshot(join(folder, 'hello'));
    for (const words of [
      ['init', 'hello', '--yes'],
      ['-C', 'hello', 'add', 'service', 'orders', '--template', 'python'],
    ]) {
      const again = run([...words, '--json']);
      expect(again.status).toBe(0);
      expect((JSON.parse(again.stdout) as { files: string[] }).files).toEqual([]);
    }
    expect(snapshot(join(folder, 'hello'))).toEqual(before);
  });

  test('--dry-run shows the difference and writes nothing', () => {
    const dry = run(['init', 'hello', '--dry-run']);
    expect(dry.status).toBe(0);
    expect(dry.stdout).toMatch(/^--- \/dev\/null\n\+\+\+ b\/compose\.yaml$/m);
    expect(existsSync(join(folder, 'hello'))).toBe(false);
    run(['init', 'hello', '--yes']);
    const before = snapshot(join(folder, 'hello'));
    const added = run(['-C', 'hello', 'add', 'service', 'orders', '--dry-run']);
    expect(added.stdout).toMatch(/^\+ {2}orders:$/m);
    expect(snapshot(join(folder, 'hello'))).toEqual(before);
  });

  test('without a terminal nothing is asked', () => {
    const { status, stdout } = run(['init'], {});
    expect(status).toBe(0);
    expect(stdout).toMatch(/is made in this folder/);
  });
});

describe.skipIf(!hasScript)('on a terminal (needs the program script)', () => {
  test('questions have defaults: return makes a project', async () => {
    mkdirSync(join(folder, 'shop'));
    const { screen, status } = await onTerminal(['-C', 'shop', 'init'], ['\r', '\r']);
    expect(screen).toMatch(/name of the project/);
    expect(status).toBe(0);
    expect(readFileSync(join(folder, 'shop/compose.yaml'), 'utf8')).toMatch(/^name: shop$/m);
    expect(existsSync(join(folder, 'shop/services/api'))).toBe(true);
  });

  test('Ctrl-C at a question leaves nothing behind and gives the cursor back', async () => {
    const { screen, status } = await onTerminal(['init', 'shop'], ['\x03']);
    expect(status).toBe(130);
    expect(existsSync(join(folder, 'shop'))).toBe(false);
    expect(screen.lastIndexOf('\x1b[?25h')).toBeGreaterThanOrEqual(screen.lastIndexOf('\x1b[?25l'));
    expect(screen).not.toMatch(/Error|at .*\.js/);
  });

  test('a folder with code is shown and asked for once', async () => {
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app/package.json'), '{"name":"app","scripts":{"start":"node server.js"}}');
    writeFileSync(join(folder, 'app/server.js'), '');
    const { screen, status } = await onTerminal(['-C', 'app', 'init'], ['\r']);
    expect(status).toBe(0);
    expect(screen).toMatch(/found app/);
    expect(readdirSync(join(folder, 'app')).sort()).toEqual([
      '.camp',
      'Caddyfile',
      'compose.yaml',
      'package.json',
      'server.js',
    ]);
  });

  test('with --yes, with CI and with --json nothing is asked', async () => {
    for (const [name, words, env] of [
      ['a', ['--yes'], {}],
      ['b', [], { CI: 'true' }],
      ['c', ['--json'], {}],
    ] as const) {
      const { screen, status } = await onTerminal(['init', name, ...words], [], env);
      expect({ name, status, isAsking: /name of the project/.test(screen) }).toEqual({
        name,
        status: 0,
        isAsking: false,
      });
    }
  });
});

/** Runs camp in a terminal of its own; each key is pressed when a question has been drawn. */
function onTerminal(
  args: readonly string[],
  keys: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Promise<{ readonly screen: string; readonly status: number | null }> {
  const command = `stty cols 80 rows 24; exec ${[process.execPath, camp, ...args].join(' ')}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    env: environment({ TERM: 'xterm-256color', ...more }),
  });
  let screen = '';
  let answered = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen += chunk;
    // a question hides the cursor when it is drawn
    const questions = screen.split('\x1b[?25l').length - 1;
    if (answered < keys.length && questions > answered) child.stdin.write(keys[answered++] ?? '');
  });
  return new Promise((done) => child.once('close', (status) => done({ screen, status })));
}

function snapshot(dir: string): Readonly<Record<string, string>> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => [
      join(entry.parentPath, entry.name),
      readFileSync(join(entry.parentPath, entry.name), 'utf8'),
    ]),
  );
}
