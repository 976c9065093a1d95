import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agree, figureOf, largerThan, medianAtLeast } from './statistics.ts';

const value = fc.integer({ min: 0, max: 1_000_000 });
const sample = fc.array(value, { minLength: 1, maxLength: 25 });

describe('figureOf', () => {
  test('the median is the middle one, of an even number the mean of the middle two', () => {
    expect(figureOf([3, 1, 2])).toEqual({ values: [3, 1, 2], median: 2, min: 1, max: 3 });
    expect(figureOf([10, 1, 2, 3])).toEqual({ values: [10, 1, 2, 3], median: 2.5, min: 1, max: 10 });
    expect(figureOf([7])).toEqual({ values: [7], median: 7, min: 7, max: 7 });
    expect(figureOf([1e308, 1.5e308]).median).toBe(1.25e308);
  });

  test('refuses what has no median', () => {
    expect(() => figureOf([])).toThrow(RangeError);
    expect(() => figureOf([1, Number.NaN])).toThrow(RangeError);
    expect(() => figureOf([Number.POSITIVE_INFINITY])).toThrow(RangeError);
  });

  test('half of the values are not above the median, half not below; order changes nothing', () => {
    fc.assert(
      fc.property(sample, (values) => {
        const { median, min, max } = figureOf(values);
        expect(values.filter((each) => each <= median).length * 2).toBeGreaterThanOrEqual(values.length);
        expect(values.filter((each) => each >= median).length * 2).toBeGreaterThanOrEqual(values.length);
        expect([min, max]).toEqual([Math.min(...values), Math.max(...values)]);
        expect(figureOf(values.toReversed()).median).toBe(median);
      }),
    );
  });
});

describe('agree', () => {
  test('ranges that have a value in common', () => {
    expect(agree({ min: 1, max: 3 }, { min: 3, max: 9 })).toBe(true);
    expect(agree({ min: 1, max: 9 }, { min: 3, max: 4 })).toBe(true);
    expect(agree({ min: 1, max: 3 }, { min: 3.1, max: 9 })).toBe(false);
    expect(agree(figureOf([1]), figureOf([2]))).toBe(false);
  });

  test('is the same for both, and a figure agrees with itself and with any part of itself', () => {
    fc.assert(
      fc.property(sample, sample, (one, other) => {
        expect(agree(figureOf(one), figureOf(other))).toBe(agree(figureOf(other), figureOf(one)));
        expect(agree(figureOf(one), figureOf([...one, ...other]))).toBe(true);
      }),
    );
  });
});

describe('medianAtLeast', () => {
  test('is the order statistic of the binomial table', () => {
    const upTo = (n: number) => Array.from({ length: n }, (_, i) => n - i);
    // the least ones k with P(X < k) <= 0.05, X ~ Binomial(n, 1/2)
    const table: readonly (readonly [n: number, k: number | undefined])[] = [
      [1, undefined],
      [4, undefined],
      [5, 1],
      [7, 1],
      [8, 2],
      [10, 2],
      [11, 3],
      [13, 4],
      [20, 6],
      [30, 11],
      [50, 19],
    ];
    for (const [n, k] of table) expect(medianAtLeast(upTo(n)), String(n)).toBe(k);
  });

  test('is above the true median in at most one of twenty samples, whatever the distribution', () => {
    let seed = 12345;
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed / 2147483648;
    };
    for (const n of [5, 8, 12]) {
      let above = 0;
      // exponential: skewed as times are; its median is ln 2
      for (let round = 0; round < 4000; round++) {
        const drawn = Array.from({ length: n }, () => -Math.log(1 - random()));
        if ((medianAtLeast(drawn) ?? 0) > Math.LN2) above++;
      }
      expect(above / 4000).toBeLessThan(0.065);
      expect(above).toBeGreaterThan(0);
    }
  });

  test('is one of the values and not above the median', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 5, maxLength: 60 }), (values) => {
        const end = medianAtLeast(values) as number;
        expect(values).toContain(end);
        expect(end).toBeLessThanOrEqual(figureOf(values).median);
      }),
    );
  });

  test('has an answer for very many values', () => {
    expect(medianAtLeast(Array.from({ length: 3000 }, (_, i) => i))).toBeGreaterThan(1400);
  });
});

describe('largerThan', () => {
  test('the chance is the one that counting every order gives', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 3, maxLength: 5 }),
        fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 3, maxLength: 5 }),
        (one, other) => {
          const result = largerThan(one, other);
          if (result.status !== 'too-few') expect(result.p).toBeCloseTo(countedChance(one, other), 10);
        },
      ),
    );
  });

  test('published values of the test', () => {
    // Mann and Whitney (1947), table for n = m = 5: P(U <= 0) = 0.004, P(U <= 4) = 0.048, P(U <= 5) = 0.075
    expect(largerThan([6, 7, 8, 9, 10], [1, 2, 3, 4, 5])).toMatchObject({ status: 'larger', p: 1 / 252 });
    const four = largerThan([3, 6, 8, 9, 10], [1, 2, 4, 5, 7]);
    expect(four).toMatchObject({ status: 'larger' });
    expect((four as { p: number }).p).toBeCloseTo(12 / 252, 10);
    expect(largerThan([2, 6, 8, 9, 10], [1, 3, 4, 5, 7])).toMatchObject({ status: 'not-larger' });
  });

  test('too few values say nothing, however far apart', () => {
    expect(largerThan([1000], [1])).toEqual({ status: 'too-few', needed: 19 });
    expect(largerThan([1000], [1, 1, 1, 1, 1])).toEqual({ status: 'too-few', needed: 2 });
    expect(largerThan([1000, 1000], [1, 1, 1])).toEqual({ status: 'too-few', needed: 3 });
    expect(largerThan([1000, 1000, 1000], [1, 1, 1])).toMatchObject({ status: 'larger' });
    expect(largerThan([1], [])).toEqual({ status: 'too-few', needed: Number.POSITIVE_INFINITY });
  });

  test('a factor allows that much, a resolution overlooks what cannot be told apart', () => {
    const baseline = [100, 101, 102, 103, 104];
    const slower = [120, 121, 122, 123, 126];
    expect(largerThan(slower, baseline)).toMatchObject({ status: 'larger' });
    expect(largerThan(slower, baseline, { factor: 1.2 })).toMatchObject({ status: 'not-larger' });
    expect(largerThan(slower, baseline, { factor: 1.1 })).toMatchObject({ status: 'larger' });
    expect(largerThan(slower, baseline, { resolution: 20 })).toMatchObject({ status: 'not-larger' });
  });

  test('never in both directions, and never against itself', () => {
    fc.assert(
      fc.property(sample, sample, (one, other) => {
        const both = [largerThan(one, other).status, largerThan(other, one).status];
        expect(both.filter((each) => each === 'larger').length).toBeLessThanOrEqual(1);
        expect(largerThan(one, one).status).not.toBe('larger');
      }),
    );
  });

  test('slower values are not better for the test', () => {
    fc.assert(
      fc.property(sample, sample, fc.integer({ min: 0, max: 5000 }), (one, other, more) => {
        const before = largerThan(one, other);
        const after = largerThan(
          one.map((each) => each + more),
          other,
        );
        if (before.status !== 'too-few' && after.status !== 'too-few')
          expect(after.p).toBeLessThanOrEqual(before.p + 1e-12);
      }),
    );
  });

  test('the normal form for large samples continues the exact one', () => {
    const one = Array.from({ length: 30 }, (_, i) => i * 3 + 12);
    const other = Array.from({ length: 30 }, (_, i) => i * 3.1);
    const exact = largerThan(one, other) as { p: number };
    const more = largerThan([...one, 44], [...other, 46]) as { p: number };
    expect(Math.abs(exact.p - more.p)).toBeLessThan(0.02);
    expect(
      largerThan(
        one.map((each) => each + 60),
        [...other, 46],
      ),
    ).toMatchObject({ status: 'larger' });
    const same = new Array<number>(40).fill(7);
    expect(largerThan(same, same)).toEqual({ status: 'not-larger', p: 1 });
  });
});

/** By trying every choice: how many have as large a number of pairs in which the first is larger (a tie is half). */
function countedChance(one: readonly number[], other: readonly number[]): number {
  const all = [...one, ...other];
  const pairs = (first: readonly number[], second: readonly number[]) =>
    first.reduce((sum, a) => sum + second.reduce((each, b) => each + (a > b ? 1 : a === b ? 0.5 : 0), 0), 0);
  const observed = pairs(one, other);
  let total = 0;
  let extreme = 0;
  for (let mask = 0; mask < 1 << all.length; mask++) {
    const first = all.filter((_, i) => mask & (1 << i));
    if (first.length !== one.length) continue;
    total++;
    if (
      pairs(
        first,
        all.filter((_, i) => !(mask & (1 << i))),
      ) >= observed
    )
      extreme++;
  }
  return extreme / total;
}
