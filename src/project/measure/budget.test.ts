import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readBudgets } from './budget.ts';
import { budgetNames } from './types.ts';

describe('readBudgets', () => {
  test('limits with their units', () => {
    const limits = (text: string) => readBudgets(text).budgets.map(({ limit }) => limit);
    const absolute = (value: number) => ({ kind: 'absolute', value });
    expect(limits('ttfr=3s,reload=800ms,cold=1.5min')).toEqual([3000, 800, 90_000].map(absolute));
    for (const [unit, bytes] of Object.entries({ B: 1, KB: 1e3, kB: 1e3, MB: 1e6, GB: 1e9 }))
      expect(limits(`memory=700${unit}`)).toEqual([absolute(700 * bytes)]);
    for (const [unit, bytes] of Object.entries({ KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }))
      expect(limits(`memory=1.5${unit}`)).toEqual([absolute(1.5 * bytes)]);
    expect(limits('lines=40,directives=12,failed=0')).toEqual([40, 12, 0].map(absolute));
    expect(limits('ttfr=+20%,lines=+0%,memory=+2.5%')).toEqual(
      [20, 0, 2.5].map((percent) => ({ kind: 'relative', percent })),
    );
  });

  test('blanks are overlooked, and the expression is without them', () => {
    expect(readBudgets(' ttfr = 3 s , lines= 40')).toEqual({
      budgets: [
        { name: 'ttfr', expression: 'ttfr=3 s', limit: { kind: 'absolute', value: 3000 } },
        { name: 'lines', expression: 'lines=40', limit: { kind: 'absolute', value: 40 } },
      ],
      misfits: [],
    });
  });

  test('a relative and an absolute limit may stand side by side, two of a kind may not', () => {
    expect(readBudgets('ttfr=3s,ttfr=+20%').misfits).toEqual([]);
    expect(readBudgets('ttfr=3s,lines=4,ttfr=4s').misfits).toEqual([
      { begin: 16, length: 7, message: 'ttfr has two limits', hint: 'keep one of them' },
    ]);
  });

  // what is marked, what is said of it, and how to write it
  test.each([
    ['', ' ', 'there is nothing between two commas', 'write a budget such as ttfr=3s'],
    ['ttfr=3s,,lines=4', ',', 'there is nothing between two commas', 'write a budget such as ttfr=3s'],
    ['ttfr=3s,', ' ', 'there is nothing between two commas', 'write a budget such as ttfr=3s'],
    ['ttfr', 'ttfr', '"ttfr" has no limit', 'ttfr=3s'],
    ['lines:40', 'lines:40', '"lines:40" has no limit', 'lines=40'],
    ['ttfr<3s', 'ttfr<3s', '"ttfr<3s" has no limit', 'ttfr=3s'],
    ['ttfr=', ' ', 'ttfr has no limit', 'ttfr=3s, or ttfr=+20%'],
    ['=3s', '=', 'there is no name before "="', `one of ${budgetNames.join(', ')}`],
    ['lines=4,tffr=3s', 'tffr', '"tffr" is nothing that a budget can be put on', 'did you mean ttfr?'],
    ['memroy=3MB', 'memroy', '"memroy" is nothing that a budget can be put on', 'did you mean memory?'],
    [
      'constructor=3',
      'constructor',
      '"constructor" is nothing that a budget can be put on',
      `one of ${budgetNames.join(', ')}`,
    ],
    ['ttfr=soon', 'soon', '"soon" is no limit', 'ttfr=3s, or ttfr=+20%'],
    ['ttfr=-3s', '-3s', '"-3s" is no limit', 'ttfr=3s, or ttfr=+20%'],
    ['ttfr=1e3s', 'e3s', '"e3s" is no unit of a time', 'one of ms, s, min: ttfr=1s'],
    ['ttfr=Infinity', 'Infinity', '"Infinity" is no limit', 'ttfr=3s, or ttfr=+20%'],
    ['ttfr=3', ' ', 'ttfr=3 has no unit', 'one of ms, s, min: ttfr=3s'],
    ['ttfr=3m', 'm', '"m" is no unit of a time', 'one of ms, s, min: ttfr=3s'],
    ['ttfr=3sec', 'sec', '"sec" is no unit of a time', 'one of ms, s, min: ttfr=3s'],
    ['ttfr=3MS', 'MS', '"MS" is no unit of a time', 'did you mean ttfr=3ms?'],
    ['ttfr=3MB', 'MB', '"MB" is no unit of a time', 'one of ms, s, min: ttfr=3s'],
    ['memory=700mb', 'mb', '"mb" is no unit of a size', 'did you mean memory=700MB?'],
    ['memory=700', ' ', 'memory=700 has no unit', 'one of B, KB, kB, MB, GB, KiB, MiB, GiB: memory=700KB'],
    ['ttfr=0s', '0s', 'no time is 0: ttfr could never be met', 'ttfr=3s'],
    ['lines=40ms', 'ms', 'lines is counted and has no unit', 'lines=40'],
    ['lines=4.5', '4.5', 'lines is counted: "4.5" is no whole number', 'lines=5'],
    ['ttfr=20%', '20%', '"20%" is no limit: what is relative is above the baseline', 'ttfr=+20%'],
    ['ttfr=-20%', '-20%', '"-20%" is no limit: what is relative is above the baseline', 'ttfr=+20%'],
    ['ttfr=+20', '+20', '"+20" is no limit', 'ttfr=3s, or ttfr=+20%'],
  ])('%j', (text, marked, message, hint) => {
    const { misfits } = readBudgets(text);
    expect(misfits).toHaveLength(1);
    const [{ begin, length, ...said } = { begin: 0, length: 0 }] = misfits;
    expect(said).toEqual({ message, hint });
    expect(text.slice(begin, begin + length).padEnd(1)).toBe(marked);
  });

  test('every misfit is said, and what is right is read all the same', () => {
    const { budgets, misfits } = readBudgets('a=1,ttfr=3s,b=2');
    expect(budgets.map(({ name }) => name)).toEqual(['ttfr']);
    expect(misfits.map(({ begin }) => begin)).toEqual([0, 12]);
  });

  test('whatever the text, each part is a budget or a misfit, and never both', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(...budgetNames),
      fc.constantFrom('=', ',', '+', '%', 's', 'ms', 'MB', ' ', '\0', '\u202e', '=3s', '=+20%', '40'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const { budgets, misfits } = readBudgets(text);
        expect(budgets.length + misfits.length).toBe(text.split(',').length);
        for (const { begin, length } of misfits) {
          expect(begin).toBeGreaterThanOrEqual(0);
          expect(begin).toBeLessThanOrEqual(text.length);
          expect(length).toBeGreaterThan(0);
        }
        for (const { limit } of budgets)
          expect(Number.isFinite(limit.kind === 'absolute' ? limit.value : limit.percent)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
