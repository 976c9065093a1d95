import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CampError } from '../../src/kit/failure.ts';
import { projectId } from '../../src/kit/paths.ts';
import { markedProcesses } from '../../src/kit/process.ts';
import { loadProject } from '../../src/project/load.ts';
import { createHome } from '../rig/cluster.ts';
import { treeOf } from '../rig/failing-disk.ts';
import { type Case, errorsOf, hasStack, parseCase, type Trial, trial, writeFiles } from '../rig/trial.ts';

/*
 * Everything a person can get wrong, through the real command line: what is wrong is said with its place, all of it at
 * once, in one JSON object; nothing is started, nothing is written, and no stack is shown.
 */
const cases = resolve(import.meta.dirname, '..', 'cases');
const home = createHome();
afterAll(() => home[Symbol.dispose]());

const most = { ms: 2000, mb: 300 } as const;

interface Outcome extends Trial {
  readonly dir: string;
}

/** Runs a case in a folder of its own and holds it to what every refusal must keep. */
async function refuse(name: string, given: Pick<Case, 'files' | 'argv' | 'env'>): Promise<Outcome> {
  const dir = join(home.dir, 'cases', name);
  mkdirSync(dir, { recursive: true });
  writeFiles(dir, given.files);
  const before = treeOf(dir);
  const run = (): Promise<Trial> =>
    trial(['--json', ...(given.argv ?? ['up'])], {
      cwd: dir,
      // what is refused must not depend on whether this machine has an engine
      env: { ...home.env, DOCKER_HOST: 'unix:///nowhere/docker.sock', ...given.env },
      timeoutMs: 15_000,
    });
  let outcome = await run();
  // the machine is shared: a slow answer must be slow each time
  for (let again = 0; outcome.ms > most.ms && again < 4; again++) outcome = await run();
  expect(outcome.isHanging, `hangs: ${outcome.stdout}${outcome.stderr}`).toBe(false);
  expect([2, 3, 4], outcome.stdout + outcome.stderr).toContain(outcome.code);
  expect(hasStack(outcome), outcome.stdout + outcome.stderr).toBe(false);
  // camp's own folder may be there where the files are right and the machine lacks something
  if (outcome.code === 4) rmSync(join(dir, '.camp'), { recursive: true, force: true });
  expect(treeOf(dir)).toEqual(before);
  expect(markedProcesses(projectId(realpathSync(dir)))).toEqual([]);
  expect(existsSync(join(home.dir, 'camp/state/projects'))).toBe(false);
  expect(existsSync(join(dir, 'canary'))).toBe(false);
  expect(outcome.ms).toBeLessThan(most.ms);
  expect(outcome.peakMb).toBeLessThan(most.mb);
  for (const { fault, source, hints, message } of errorsOf(outcome)) {
    expect(message).not.toBe('');
    if (fault === 'project') expect(source?.line, message).toBeGreaterThan(0);
    expect(hints.length, `a hint for: ${message}`).toBeGreaterThan(0);
  }
  return { ...outcome, dir };
}

function printed(outcome: Outcome): string {
  const visible = (text: string): string =>
    text.replace(/[^\n -~\u00a1-\u00ff→]/g, (odd) => `\\x{${odd.codePointAt(0)?.toString(16)}}`);
  const lines = errorsOf(outcome).flatMap(({ fault, code, message, hints, source }) => [
    `${fault} ${code} ${source ? `${source.file}:${source.line}:${source.col}: ` : ''}${message}`,
    ...hints.map((hint) => `    → ${hint}`),
  ]);
  return visible(`exit ${outcome.code}\n${lines.join('\n')}\n`.replaceAll(outcome.dir, '/case'));
}

const own = readdirSync(join(cases, 'bad'));

test('there are enough of them', () => {
  expect(own.length).toBeGreaterThanOrEqual(120);
});

describe.concurrent('each is refused as its case says', () => {
  test.each(own)('%s', async (name) => {
    const file = join(cases, 'bad', name);
    const text = readFileSync(file, 'utf8');
    const one = parseCase(text, 'compose.yaml');
    const actual = printed(await refuse(basename(name, '.case'), one));
    if (process.env['UPDATE_CASES'])
      writeFileSync(file, `${text.slice(0, text.length - one.expected.length)}${actual}`);
    else expect(actual).toBe(one.expected);
  });
});

/** Cases of the rooms: they hold what is said, here only that a person gets to see it. */
function badCases(room: string): readonly string[] {
  return readdirSync(join(cases, room)).filter((name) => name.startsWith('bad-'));
}

describe.concurrent('what the project room finds is what the command says', () => {
  test.each(badCases('project'))('%s', async (name) => {
    const one = parseCase(readFileSync(join(cases, 'project', name), 'utf8'), 'compose.yaml');
    const outcome = await refuse(`project-${basename(name, '.case')}`, one);
    const { problems } = loadProject(outcome.dir, { env: { ...home.env, ...one.env } });
    const place = ({ code, message, source }: (typeof problems)[number]): string =>
      `${code} ${message} ${source?.file}:${source?.line}:${source?.col}`;
    expect(errorsOf(outcome).map((error) => place(error as (typeof problems)[number]))).toEqual(
      expect.arrayContaining(problems.map(place)),
    );
    expect(outcome.code).toBe(new CampError(problems).exitCode);
  });
});

describe.concurrent('a Caddyfile that Caddy refuses starts nothing', () => {
  test.each(badCases('edge'))('%s', async (name) => {
    const { files } = parseCase(readFileSync(join(cases, 'edge', name), 'utf8'), 'Caddyfile');
    const compose = 'x-camp: native\nservices:\n  api:\n    build: .\n    x-camp: { run: touch canary }\n';
    const outcome = await refuse(`edge-${basename(name, '.case')}`, {
      files: new Map([...files, ['compose.yaml', compose]]),
      argv: undefined,
      env: {},
    });
    expect(outcome.code).toBe(3);
    expect(new Set(errorsOf(outcome).map(({ code }) => code))).toEqual(new Set(['CADDYFILE_INVALID']));
  });
});

describe('too much of anything is refused at once', () => {
  const service = (i: number): string => `  s${i}:\n    image: x\n`;
  const large: Readonly<Record<string, string>> = {
    'levels of nesting': `x: ${'['.repeat(10_000)}${']'.repeat(10_000)}\nservices: {}\n`,
    'levels of indentation': `services:\n${Array.from({ length: 900 }, (_, i) => `${' '.repeat(i + 2)}a:\n`).join('')}`,
    'an alias bomb': `a0: &a0 [x, x]\n${Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`).join('')}services: *a40\n`,
    'a file over 1 MB': `# ${'x'.repeat(1_100_000)}\nservices: {}\n`,
    'a line of 900 kB': `services:\n  a:\n    image: "${'x'.repeat(900_000)}\n`,
    'many problems': `services:\n${Array.from({ length: 2000 }, (_, i) => `  s${i}:\n    imag: x\n`).join('')}`,
    'services that need a container': `services:\n${Array.from({ length: 4000 }, (_, i) => service(i)).join('')}`,
  };
  test.each(Object.keys(large))('%s', async (name) => {
    await refuse(`large-${name.replaceAll(' ', '-')}`, {
      files: new Map([['compose.yaml', large[name] ?? '']]),
      argv: ['plan'],
      env: {},
    });
  });
});

test('three files cut at every 25th byte: loaded, or refused with a place', () => {
  const dir = join(home.dir, 'cut');
  let refused = 0;
  for (const name of ['hello', 'ports', 'interpolation']) {
    const { files } = parseCase(readFileSync(join(cases, 'project', `${name}.case`), 'utf8'), 'compose.yaml');
    const text = files.get('compose.yaml') ?? '';
    for (let end = 0; end <= text.length; end += 25) {
      writeFiles(dir, { 'compose.yaml': text.slice(0, end) });
      const { project, problems } = loadProject(dir, { env: {} });
      expect(project === undefined, `${name} cut at ${end}`).toBe(problems.length > 0);
      for (const problem of problems)
        expect(problem.source?.line, `${name} cut at ${end}: ${problem.message}`).toBeGreaterThan(0);
      refused += problems.length > 0 ? 1 : 0;
    }
  }
  expect(refused).toBeGreaterThan(20);
});
