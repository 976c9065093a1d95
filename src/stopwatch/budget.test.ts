import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bareReport, measureReport } from '../../test/rig/measure-report.ts';
import { CampError } from '../kit/failure.ts';
import { readBudgets } from '../project/measure/budget.ts';
import { budgetFailures, judge } from './budget.ts';
import { type Baseline, baselineOf, type MeasureRecord, recordOf } from './records.ts';
import { figureOf } from './statistics.ts';
import type { BudgetResult, MeasureReport, Metric, MetricId, Unit } from './types.ts';

function measured(id: MetricId, values: readonly number[], subject?: string, unit: Unit = 'ms'): Metric {
  return { id, ...(subject === undefined ? {} : { subject }), status: 'measured', unit, ...figureOf(values) };
}

function reportWith(...metrics: readonly Metric[]): MeasureReport {
  return { ...bareReport, metrics };
}

function first(...values: readonly number[]): MeasureReport {
  return reportWith(measured('timeToFirstRequestMs', values));
}

function judged(
  report: MeasureReport,
  text: string,
  {
    baseline = null,
    history = [],
  }: { readonly baseline?: Baseline | null; readonly history?: readonly MeasureRecord[] } = {},
): BudgetResult {
  const { budgets, misfits } = readBudgets(text);
  expect(misfits).toEqual([]);
  const [result, ...others] = judge(report, budgets, baseline, history);
  expect(others).toEqual([]);
  if (!result) throw new Error('no result');
  return result;
}

function past(time: string, report: MeasureReport, commit?: string): MeasureRecord {
  return recordOf({ ...report, time }, commit);
}

describe('an absolute budget on a time', () => {
  test('is met where the median is not above it', () => {
    expect(judged(first(2900, 2000, 9000), 'ttfr=2900ms')).toEqual({
      ...{ expression: 'ttfr=2900ms', status: 'met', value: 2900, limit: 2900, unit: 'ms' },
      message: 'time to first request 2.90 s, not over 2.90 s',
    });
  });

  test('is exceeded where the whole interval of the median is above it', () => {
    expect(judged(first(4000, 4100, 4200, 4300, 4400), 'ttfr=3s')).toEqual({
      ...{ expression: 'ttfr=3s', status: 'exceeded', value: 4200, limit: 3000, unit: 'ms' },
      message: 'time to first request 4.20 s, 1.20 s (40 %) over 3.00 s, since this run, the first on record',
    });
  });

  test('neither a lucky run of five nor an unlucky one decides, nor two lucky ones of ten', () => {
    expect(judged(first(2900, 3100, 3200, 3300, 3400), 'ttfr=3s').status).toBe('within-noise');
    expect(judged(first(2900, 2910, 2920, 2930, 9000), 'ttfr=3s').status).toBe('met');
    expect(judged(first(2900, ...new Array<number>(9).fill(3300)), 'ttfr=3s').status).toBe('exceeded');
    expect(judged(first(2900, 2900, ...new Array<number>(8).fill(3300)), 'ttfr=3s').status).toBe('within-noise');
  });

  test('fewer than five runs earn no allowance for noise', () => {
    expect(judged(first(3100), 'ttfr=3s')).toMatchObject({ status: 'exceeded' });
    expect(judged(first(2900, 3100, 3200, 3300), 'ttfr=3s').message).toBe(
      'time to first request 3.15 s, 150 ms (5 %) over 3.00 s (4 runs: too few to allow for noise), since this run, the first on record',
    );
  });

  test('holds each subject to it: the worst decides and is named', () => {
    const report = reportWith(
      measured('timeToReloadMs', [90, 91, 92, 93, 94], 'web'),
      measured('timeToReloadMs', [900, 910, 920, 930, 940], 'orders'),
      { id: 'timeToReloadMs', subject: 'old', status: 'not-applicable', reason: 'it is not watched' },
    );
    expect(judged(report, 'reload=800ms')).toMatchObject({
      ...{ status: 'exceeded', value: 920 },
      message: 'time to reload of orders 920 ms, 120 ms (15 %) over 800 ms, since this run, the first on record',
    });
    expect(judged(report, 'reload=950ms')).toMatchObject({ status: 'met', value: 920 });
  });

  test('an exceeded subject counts more than one that is only further above it within the noise', () => {
    const report = reportWith(
      measured('timeToReloadMs', [10, 20, 9000, 9001, 9002], 'noisy'),
      measured('timeToReloadMs', [900, 910, 920, 930, 940], 'slow'),
    );
    expect(judged(report, 'reload=800ms')).toMatchObject({ status: 'exceeded', value: 920 });
  });
});

describe('what was not measured', () => {
  test.each([
    [reportWith(), 'ttfr=3s', 'time to first request could not be checked: it was not measured'],
    [bareReport, 'ttfr=3s', 'time to first request could not be checked: no service has a route'],
    [
      reportWith(measured('timeToReloadMs', [1], 'web'), {
        ...{ id: 'timeToReloadMs', subject: 'api', status: 'failed', reason: 'it never answered', code: 'NOT_READY' },
      }),
      'reload=3s',
      'time to reload could not be checked: api: it never answered',
    ],
    [reportWith(), 'lines=3', 'lines of configuration could not be checked: the configuration was not measured'],
    [
      first(1),
      'ttfr=+20%',
      'time to first request could not be checked: there is no baseline (camp measure --record writes it)',
    ],
  ])('%#: never passes silently', (report, text, message) => {
    expect(judged(report, text)).toMatchObject({ status: 'not-measured', value: null, limit: null, message });
  });

  test('a baseline without the metric, or without the subject, is none for it', () => {
    const baseline = baselineOf(reportWith(measured('timeToReloadMs', [1, 2, 3], 'web')));
    const report = reportWith(measured('timeToReloadMs', [1, 2, 3], 'api'));
    expect(judged(report, 'reload=+20%', { baseline })).toMatchObject({
      status: 'not-measured',
      message: 'time to reload could not be checked: api: the baseline does not have it',
    });
    expect(judged({ ...measureReport, metrics: [] }, 'lines=+1%', { baseline }).status).toBe('not-measured');
  });
});

describe('a relative budget', () => {
  const baseline = baselineOf(first(1000, 1010, 1020, 1030, 1040));

  test('is exceeded beyond noise only', () => {
    expect(judged(first(1300, 1310, 1320, 1330, 1340), 'ttfr=+20%', { baseline })).toMatchObject({
      ...{ status: 'exceeded', value: 1320, limit: 1224 },
      message: 'time to first request 1.32 s, 96 ms (8 %) over 1.22 s, since this run, the first on record',
    });
    expect(judged(first(1100, 1150, 1230, 1240, 1250), 'ttfr=+20%', { baseline }).status).toBe('within-noise');
    expect(judged(first(1200, 1210, 1220, 1230, 9999), 'ttfr=+20%', { baseline }).status).toBe('met');
  });

  test('cannot be checked with so few runs that nothing would be significant, whatever they say', () => {
    for (const value of [1, 1_000_000])
      expect(judged(first(value), 'ttfr=+20%', { baseline })).toMatchObject({
        status: 'not-measured',
        message:
          'time to first request could not be checked: 1 run against the 5 of the baseline can never be told from noise: --runs 2',
      });
    expect(judged(first(9000, 9001), 'ttfr=+20%', { baseline }).status).toBe('exceeded');
  });

  test('what the poller cannot tell apart is within the noise', () => {
    const steady = baselineOf(first(...new Array<number>(10).fill(100)));
    expect(judged(first(...new Array<number>(10).fill(110)), 'ttfr=+0%', { baseline: steady }).status).toBe(
      'within-noise',
    );
    expect(judged(first(...new Array<number>(10).fill(111)), 'ttfr=+0%', { baseline: steady }).status).toBe('exceeded');
  });

  test('of what is counted is exact', () => {
    const counted = baselineOf(measureReport);
    const lines = counted.configuration?.lines ?? 0;
    expect(judged(measureReport, 'lines=+0%', { baseline: counted })).toMatchObject({ status: 'met', limit: lines });
    const one = { ...counted, configuration: counted.configuration && { ...counted.configuration, lines: lines - 1 } };
    expect(judged(measureReport, 'lines=+0%', { baseline: one }).status).toBe('exceeded');
  });
});

describe('what is counted', () => {
  test('all files count, hand-written and generated: moving lines to generated ones changes nothing', () => {
    const { configuration } = measureReport;
    if (!configuration) throw new Error('the report has no configuration');
    const total = configuration.total.lines;
    expect(judged(measureReport, `lines=${total}`).status).toBe('met');
    const moved = { ...configuration, generated: configuration.total, handWritten: configuration.generated };
    expect(judged({ ...measureReport, configuration: moved }, `lines=${total - 1}`)).toEqual({
      ...{ expression: `lines=${total - 1}`, status: 'exceeded', value: total, limit: total - 1, unit: 'count' },
      message: `lines of configuration ${total}, 1 (${Math.max(1, Math.round(100 / (total - 1)))} %) over ${total - 1}, since this run, the first on record`,
    });
  });

  test.each(['lines', 'statements', 'directives', 'decisions', 'concepts', 'files', 'steps', 'parts'])('%s', (name) => {
    const { value } = judged(measureReport, `${name}=1000000`);
    expect(value).toBeGreaterThan(0);
    expect(judged(measureReport, `${name}=${value}`).status).toBe('met');
    expect(judged(measureReport, `${name}=${(value ?? 0) - 1}`).status).toBe('exceeded');
  });

  test('of failed requests the worst run decides, with one replica and with two', () => {
    const report = reportWith(
      measured('recoverFailedRequests', [0, 0, 0, 0, 0], undefined, 'requests'),
      measured('recoverTwoReplicasFailedRequests', [0, 0, 1, 0, 0], undefined, 'requests'),
    );
    expect(judged(report, 'failed=0')).toMatchObject({
      ...{ status: 'exceeded', value: 1, unit: 'requests' },
      message:
        'requests failed while recovering 1 request, 1 request over 0 requests, since this run, the first on record',
    });
    expect(judged(report, 'failed=1').status).toBe('met');
  });

  test('memory is measured, in bytes', () => {
    const report = reportWith(measured('memoryBytes', [800e6, 810e6, 820e6, 830e6, 840e6], undefined, 'bytes'));
    expect(judged(report, 'memory=700MB')).toMatchObject({
      unit: 'bytes',
      message: 'memory 820 MB, 120 MB (17 %) over 700 MB, since this run, the first on record',
    });
  });
});

describe('since when', () => {
  const slow = first(4000, 4100, 4200, 4300, 4400);
  const fast = first(2000);
  const commit = '0123456789abcdef0123456789abcdef01234567';
  const said = (...history: readonly MeasureRecord[]) =>
    judged(slow, 'ttfr=3s', { history }).message.split(' over 3.00 s')[1];

  test('the first record from which on all were above it', () => {
    expect(
      said(
        past('2026-01-01T00:00:00.000Z', slow),
        past('2026-01-02T00:00:00.000Z', fast),
        past('2026-01-03T00:00:00.000Z', slow, commit),
        past('2026-01-04T00:00:00.000Z', slow),
      ),
    ).toBe(', since 2026-01-03 (commit 0123456)');
    expect(said(past('2026-01-01T00:00:00.000Z', slow), past('2026-01-02T00:00:00.000Z', slow))).toBe(
      ', since 2026-01-01',
    );
    expect(said(past('2026-01-01T00:00:00.000Z', slow), past('2026-01-02T00:00:00.000Z', fast))).toBe(
      ', since this run',
    );
    expect(said()).toBe(', since this run, the first on record');
  });

  test('records of another machine, and those without the metric, say nothing about a time', () => {
    const elsewhere = { ...slow, machine: { ...slow.machine, cpu: 'another' } };
    expect(said(past('2026-01-01T00:00:00.000Z', elsewhere), past('2026-01-02T00:00:00.000Z', reportWith()))).toBe(
      ', since this run, the first on record',
    );
    const lines = judged(measureReport, 'lines=1', {
      history: [past('2026-01-01T00:00:00.000Z', { ...measureReport, machine: elsewhere.machine })],
    });
    expect(lines.message).toContain(', since 2026-01-01');
  });
});

test('what fails a build is a failure with exit 7, and nothing else is', () => {
  const results = judge(
    reportWith(measured('timeToFirstRequestMs', [9000]), measured('timeToStopMs', [10])),
    readBudgets('ttfr=3s,reload=1s,stop=1s').budgets,
    null,
    [],
  );
  expect(results.map(({ status }) => status)).toEqual(['exceeded', 'not-measured', 'met']);
  const failures = budgetFailures(results);
  expect(failures.map(({ code, message }) => [code, message])).toEqual([
    [
      'BUDGET_EXCEEDED',
      'ttfr=3s: time to first request 9.00 s, 6.00 s (200 %) over 3.00 s (1 run: too few to allow for noise), since this run, the first on record',
    ],
    ['BUDGET_UNCHECKED', 'reload=1s: time to reload could not be checked: it was not measured'],
  ]);
  expect(failures.at(-1)?.hints).toEqual(['measure what is missing, or take the budget away']);
  expect(new CampError(failures).exitCode).toBe(7);
  expect(budgetFailures(results.slice(2))).toEqual([]);
});

test('slower runs never turn an exceeded budget into a met one, a higher limit never a met one into an exceeded one', () => {
  const rank = (status: BudgetResult['status']) => ['met', 'within-noise', 'exceeded'].indexOf(status);
  const values = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 15 });
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 5000 }), fc.nat({ max: 3000 }), (runs, limit, more) => {
      const before = rank(judged(first(...runs), `ttfr=${limit}ms`).status);
      const slower = rank(judged(first(...runs.map((each) => each + more)), `ttfr=${limit}ms`).status);
      const looser = rank(judged(first(...runs), `ttfr=${limit + more}ms`).status);
      expect(slower).toBeGreaterThanOrEqual(before);
      expect(looser).toBeLessThanOrEqual(before);
    }),
  );
});
