import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MeasureReport } from '../../src/stopwatch/types.ts';

/*
 * Budgets through the real command, on what is counted: exact, so that each outcome is certain. The judgement of times
 * is tested where their values can be chosen (src/stopwatch/budget.test.ts).
 */
const camp = resolve(import.meta.dirname, '../../bin/camp.js');
let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'camp-budget-'));
  dir = join(root, 'shop');
  expect(run(['init', 'shop', '--yes'], root).status).toBe(0);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function run(args: readonly string[], cwd = dir): SpawnSyncReturns<string> {
  const { CI: _, FORCE_COLOR: __, ...own } = process.env;
  const env = { ...own, NO_COLOR: '1', CAMP_HOME: join(root, '.home'), LANG: 'C.UTF-8' };
  return spawnSync(process.execPath, [camp, ...args], {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

const measure = (...words: readonly string[]) => run(['measure', '--only', 'configuration', ...words]);

interface Told extends MeasureReport {
  readonly errors?: readonly { readonly code: string; readonly fault: string; readonly message: string }[];
}
const told = ({ stdout }: SpawnSyncReturns<string>) => JSON.parse(stdout) as Told;

function git(...words: readonly string[]): string {
  const who = ['-c', 'user.name=x', '-c', 'user.email=x@example.com', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...who, ...words], { cwd: dir, encoding: 'utf8' }).trim();
}

test('a budget that is exceeded ends with 7 and a line each, one that is met with 0', () => {
  const { total } = told(measure('--json')).configuration ?? { total: { lines: 0, directives: 0 } };
  expect(total.lines).toBeGreaterThan(0);
  const met = measure('--budget', `lines=${total.lines},directives=${total.directives}`);
  expect(met).toMatchObject({ status: 0, stderr: '' });
  const exceeded = measure(
    '--budget',
    `lines=${total.lines - 1}`,
    '--budget',
    `directives=${total.directives - 2},files=1000`,
  );
  expect(exceeded.status).toBe(7);
  const lines = exceeded.stderr.split('\n').filter((line) => line.includes('BUDGET_'));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain(`BUDGET_EXCEEDED lines=${total.lines - 1}: lines of configuration ${total.lines}, 1 (`);
  expect(lines[1]).toContain(
    `BUDGET_EXCEEDED directives=${total.directives - 2}: distinct directives ${total.directives}, 2 (`,
  );
});

test('one that was not checked does not pass', () => {
  const result = measure('--budget', 'ttfr=1min,lines=100000', '--json');
  expect(result.status).toBe(7);
  const { budgets, errors } = told(result);
  expect(budgets.map(({ status }) => status)).toEqual(['not-measured', 'met']);
  expect(errors?.map(({ code, fault }) => [code, fault])).toEqual([['BUDGET_UNCHECKED', 'budget']]);
});

test('since when: the first record, and its commit, from which on it was exceeded', () => {
  git('init', '-q');
  git('add', '-A');
  git('commit', '-q', '-m', 'before');
  const before = told(measure('--json')).configuration?.total.lines ?? 0;
  appendFileSync(join(dir, 'Caddyfile'), '\n# no line\nother.localhost {\n\trespond hello\n}\n');
  git('commit', '-q', '-a', '-m', 'one site more');
  const budget = ['--json', '--budget', `lines=${before}`];
  const first = told(measure(...budget)).budgets[0];
  expect(first).toMatchObject({ status: 'exceeded', value: before + 3, limit: before });
  expect(first?.message).toMatch(/, since this run$/);
  git('commit', '-q', '--allow-empty', '-m', 'later');
  const commit = git('rev-parse', 'HEAD~1').slice(0, 7);
  const later = told(measure(...budget)).budgets[0]?.message;
  expect(/, since (\d{4}-\d\d-\d\d) \(commit (\w+)\)$/.exec(later ?? '')?.[2]).toBe(commit);
});

test('budgets of the compose file count, and a flag takes the place of one of them', () => {
  const compose = join(dir, 'compose.yaml');
  const text = readFileSync(compose, 'utf8');
  const budget = (words: string) =>
    text.replace('x-camp: native\n', `x-camp:\n  native: true\n  measure:\n    budget:\n${words}`);
  writeFileSync(compose, budget('      lines: 1\n      files: 1000\n'));
  expect(told(measure('--json')).budgets.map(({ expression, status }) => [expression, status])).toEqual([
    ['lines=1', 'exceeded'],
    ['files=1000', 'met'],
  ]);
  expect(measure('--budget', 'lines=100000').status).toBe(0);
  writeFileSync(compose, budget('      lnies: 1\n'));
  const broken = measure('--json');
  expect(broken.status).toBe(3);
  expect(told(broken)).toMatchObject({
    errors: [
      { code: 'BUDGET_INVALID', source: { file: 'compose.yaml', line: 8, col: 7 }, hints: ['did you mean lines?'] },
    ],
  });
});

test('a baseline is recorded, compared with, and not made green by recording again', () => {
  expect(measure('--budget', 'lines=+0%').status).toBe(7);
  expect(existsSync(join(dir, 'measure.baseline.json'))).toBe(false);
  const recorded = measure('--record');
  expect(recorded.status).toBe(0);
  expect(recorded.stderr).toContain('measure.baseline.json');
  const text = readFileSync(join(dir, 'measure.baseline.json'), 'utf8');
  expect(text).not.toContain(root);
  expect(measure('--budget', 'lines=+0%').status).toBe(0);
  // nothing but the time changes
  expect(measure('--record').status).toBe(0);
  const again = readFileSync(join(dir, 'measure.baseline.json'), 'utf8');
  const withoutTime = (json: string) => json.replace(/"time": "[^"]*"/, '');
  expect(withoutTime(again)).toBe(withoutTime(text));
  appendFileSync(join(dir, 'Caddyfile'), '\nother.localhost {\n\trespond hello\n}\n');
  expect(measure('--budget', 'lines=+0%', '--record').status).toBe(7);
  expect(measure('--budget', 'lines=+0%').status).toBe(0);
});

test('folding lines or moving them into an imported file does not meet a budget', () => {
  const lines = () => told(measure('--json')).configuration?.total.lines ?? 0;
  const caddyfile = join(dir, 'Caddyfile');
  const text = readFileSync(caddyfile, 'utf8');
  const before = lines();
  writeFileSync(join(dir, 'moved.caddy'), text);
  writeFileSync(caddyfile, 'import moved.caddy\n');
  expect(measure('--budget', `lines=${before}`).status).toBe(7);
  writeFileSync(caddyfile, text);
  rmSync(join(dir, 'moved.caddy'));
  const compose = join(dir, 'compose.yaml');
  const block = readFileSync(compose, 'utf8');
  writeFileSync(compose, block.replace('    build: services/api\n', '    build:\n      context: services/api\n'));
  const unfolded = lines();
  writeFileSync(compose, block.replace('    build: services/api\n', '    build: {context: services/api}\n'));
  expect(measure('--budget', `lines=${unfolded - 1}`).status).toBe(7);
});
