import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ErrorJson } from '../../src/report/json.ts';
import type { MeasureReport } from '../../src/stopwatch/types.ts';
import { createHome, type Home } from '../rig/cluster.ts';
import { Folder, small } from '../rig/folder.ts';
import { historyOf, leftOfMeasuring } from '../rig/measuring.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const timeoutMs = 120_000;
const quick = ['measure', '--native', '--runs', '1', '--only', 'first-request,configuration'];
type Object7 = MeasureReport & Partial<ErrorJson>;

test('exceeded: exit 7 with a line for each, by how much and since when; kept ones are not told', async () => {
  await using folder = new Folder(home, 'exceeded');
  const before = await folder.camp([...quick, '--budget', 'lines=1000'], { timeoutMs });
  expect(before.code, before.stderr).toBe(0);
  expect(historyOf(folder.dir)).toHaveLength(1);
  const outcome = await folder.camp([...quick, '--budget', 'ttfr=1ms,lines=3', '--budget', 'directives=100'], {
    timeoutMs,
  });
  expect(outcome.code, outcome.stderr).toBe(7);
  const told = outcome.stderr.split('\n').filter((line) => line.includes('BUDGET_EXCEEDED'));
  expect(told).toHaveLength(2);
  expect(told.join('\n')).toMatch(/time to first request .* over 1 ms.*since \d{4}-\d\d-\d\d/);
  expect(told.join('\n')).toMatch(/lines of configuration .* over 3.*since \d{4}-\d\d-\d\d/);
  expect(outcome.stdout).toContain('time to first request');
  // what is over a budget was measured all the same
  expect(historyOf(folder.dir)).toHaveLength(2);
}, 240_000);

test('--json: one object with the report and the errors', async () => {
  await using folder = new Folder(home, 'object');
  const outcome = await folder.camp([...quick, '--json', '--budget', 'ttfr=1ms,lines=1000'], { timeoutMs });
  expect(outcome.code, outcome.stderr).toBe(7);
  expect(outcome.stdout.trimEnd().split('\n')).toHaveLength(1);
  const object = JSON.parse(outcome.stdout) as Object7;
  expect(object.budgets.map(({ expression, status }) => [expression, status])).toEqual([
    ['ttfr=1ms', 'exceeded'],
    ['lines=1000', 'met'],
  ]);
  expect(object.errors?.map(({ code, fault }) => [code, fault])).toEqual([['BUDGET_EXCEEDED', 'budget']]);
  expect(object.metrics[0]).toMatchObject({ id: 'timeToFirstRequestMs', status: 'measured' });
}, 240_000);

test.each([
  ['ttfr=3s,relod=1s', 'relod', '1:9'],
  ['ttfr=soon', 'soon', '1:6'],
  ['lines', 'lines', '1:1'],
  ['memory=700QB', 'QB', '1:11'],
])(
  'a broken expression, %s: exit 2 with the token and its place, before anything is done',
  async (budget, token, place) => {
    await using folder = new Folder(home, `broken-${token}`);
    const outcome = await folder.camp([...quick, '--budget', budget]);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain('BUDGET_INVALID');
    expect(outcome.stderr).toContain(token);
    expect(outcome.stderr).toContain(`--budget:${place}`);
    expect(existsSync(join(folder.dir, '.camp'))).toBe(false);
  },
);

test('one that cannot be checked is not met: a metric without a figure, a relative one without a baseline', async () => {
  await using folder = new Folder(home, 'unchecked');
  const outcome = await folder.camp([...quick, '--json', '--budget', 'message=1s,ttfr=+20%'], { timeoutMs });
  expect(outcome.code).toBe(7);
  const { budgets, errors } = JSON.parse(outcome.stdout) as Object7;
  expect(budgets.map(({ status }) => status)).toEqual(['not-measured', 'not-measured']);
  expect(errors?.map(({ code }) => code)).toEqual(['BUDGET_UNCHECKED', 'BUDGET_UNCHECKED']);
}, 240_000);

test('relative to a recorded baseline: what noise explains is within it, a project that was ten times as fast is not', async () => {
  await using folder = new Folder(home, 'relative', {
    ...small,
    'compose.yaml':
      small['compose.yaml']?.replace('x-camp: native', 'x-camp: { measure: { budget: ["ttfr=+10%"] } }') ?? '',
  });
  const five = ['measure', '--native', '--json', '--runs', '5', '--only', 'first-request'];
  const first = await folder.camp([...five, '--record', '--budget', 'ttfr=10min'], { timeoutMs });
  expect(first.stderr, first.stdout).toContain('recorded in');
  const file = join(folder.dir, 'measure.baseline.json');
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as { metrics: { id: string; values: number[] }[] };
  /** As if it had been recorded with values of so many times the median. */
  const pretend = (...factors: readonly number[]): void => {
    const metrics = recorded.metrics.map((metric) => {
      const median = metric.values.toSorted((one, other) => one - other)[2] ?? 0;
      return { ...metric, values: factors.map((factor) => factor * median) };
    });
    writeFileSync(file, JSON.stringify({ ...recorded, metrics }));
  };
  const judged = async (code: number): Promise<MeasureReport['budgets'][number] | undefined> => {
    const outcome = await folder.camp(five, { timeoutMs });
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(code);
    return (JSON.parse(outcome.stdout) as Object7).budgets[0];
  };
  // in the middle much faster than now, yet at times as slow as a busy machine makes it
  pretend(0.1, 0.1, 0.1, 20, 20);
  expect(await judged(0)).toMatchObject({ expression: 'ttfr=+10%', status: 'within-noise' });
  pretend(0.1, 0.1, 0.1, 0.1, 0.1);
  expect(await judged(7)).toMatchObject({ expression: 'ttfr=+10%', status: 'exceeded' });
  expect(leftOfMeasuring(folder.dir)).toEqual([]);
}, 400_000);
