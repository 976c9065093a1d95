import { expect, test } from 'vitest';
import { CampError } from '../../kit/failure.ts';
import { budgetsOf, parseBudgets } from './budgets.ts';

function thrownBy(texts: readonly string[]): CampError {
  try {
    parseBudgets(texts);
  } catch (error) {
    if (error instanceof CampError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('flags are read in their order', () => {
  expect(parseBudgets(['ttfr=3s,lines=40', 'reload=800ms']).map(({ expression }) => expression)).toEqual([
    'ttfr=3s',
    'lines=40',
    'reload=800ms',
  ]);
  expect(parseBudgets([])).toEqual([]);
});

test('a broken one is a usage error with the token and its column', () => {
  const error = thrownBy(['lines=40', 'ttfr=3s,tffr=3s']);
  expect(error.exitCode).toBe(2);
  expect(error.failures).toEqual([
    {
      ...{ fault: 'usage', code: 'BUDGET_INVALID', message: '"tffr" is nothing that a budget can be put on' },
      hints: ['did you mean ttfr?'],
      source: { file: '--budget', line: 1, col: 9, length: 4, text: 'ttfr=3s,tffr=3s' },
    },
  ]);
});

test('every broken one is said, also in a text of several lines or of none', () => {
  expect(
    thrownBy(['a=1,b=2', 'ttfr=3s,\nlines=x', '']).failures.map(({ source }) => [source?.line, source?.col]),
  ).toEqual([
    [1, 1],
    [1, 5],
    [2, 7],
    [1, 1],
  ]);
});

test('a flag takes the place of what the project says of the same thing, nothing else', () => {
  const ofProject = parseBudgets(['ttfr=3s,ttfr=+20%,lines=40']);
  const all = budgetsOf(ofProject, parseBudgets(['ttfr=10s']));
  expect(all.map(({ expression }) => expression)).toEqual(['ttfr=+20%', 'lines=40', 'ttfr=10s']);
});
