import type { Figure } from './types.ts';

/**
 * Median and spread of what was measured; the values keep their order. The median of an even number of values is the
 * mean of the two in the middle (NIST/SEMATECH e-Handbook, 1.3.5.1). Throws a RangeError where there is no value, or one
 * that is not finite.
 */
export function figureOf(values: readonly number[]): Figure {
  if (values.length === 0) throw new RangeError('a figure needs at least one value');
  if (!values.every(Number.isFinite)) throw new RangeError('a figure is made of finite values');
  const sorted = values.toSorted((a, b) => a - b);
  return { values: [...values], median: medianOf(sorted), min: sorted[0] as number, max: sorted.at(-1) as number };
}

function medianOf(sorted: readonly number[]): number {
  const upper = sorted[Math.floor(sorted.length / 2)] as number;
  if (sorted.length % 2 === 1) return upper;
  const lower = sorted[sorted.length / 2 - 1] as number;
  // halved first: the sum of two large values may not be a number any more
  return lower + (upper - lower) / 2;
}

/**
 * Whether two figures are the same within their printed spread: their ranges, min to max, have a value in common. For two
 * samples of the same thing the ranges are apart by chance in 2 of C(n+m, n) cases (all orders being equally likely): 0.8 %
 * for five and five. Single values agree only where they are equal: one run has no spread.
 */
export function agree(one: Pick<Figure, 'min' | 'max'>, other: Pick<Figure, 'min' | 'max'>): boolean {
  return one.min <= other.max && other.min <= one.max;
}

/** What is taken for chance: a result that chance alone gives in at most one of twenty cases is not. */
export const significance = 0.05;

/**
 * The lower end of a one-sided 95 % interval for the true median: the largest value of which at most one in twenty samples
 * would have it above the median. An order statistic, without any assumption on the distribution: value number k (from 1, in
 * order) lies above the true median with the probability P(X < k), X ~ Binomial(n, 1/2) (Conover, Practical Nonparametric
 * Statistics, 3.2; the inverse of the sign test). Undefined for fewer than five values, which have no such interval: the
 * least of four lies above the median in one of sixteen cases.
 */
export function medianAtLeast(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const { length } = sorted;
  let term = 0.5 ** length;
  let below = term;
  if (below === 0) return medianOf(sorted); // more than a thousand runs: the interval is next to nothing
  let found: number | undefined;
  // P(X <= k) for k = 0, 1, ...
  for (let k = 0; k < length && below <= significance; k++) {
    found = sorted[k];
    term *= (length - k) / (k + 1);
    below += term;
  }
  return found;
}

/** Whether values are larger than others beyond noise. */
export type Comparison =
  /** So few values that no order of them would be significant. */
  | { readonly status: 'too-few'; readonly needed: number }
  | { readonly status: 'larger' | 'not-larger'; readonly p: number };

export interface ComparisonOptions {
  /** How much larger they may be: 1.2 is a fifth more. Default 1. */
  readonly factor?: number;
  /** A difference of the medians up to this is none, whatever the test says: what the instrument can tell apart. Default 0. */
  readonly resolution?: number;
}

/**
 * Whether `values` are larger than `factor` times `baseline` beyond noise: the one-sided test of Mann and Whitney (1947) at
 * 5 %, and the medians are apart by more than `resolution`. The distribution of ranks is exact, conditional on ties (midranks), up to
 * sixty values; beyond that it is the normal one with correction for ties and continuity. No order of the values can be
 * significant where 1 / C(n+m, n) is above 5 %: with one run against one, two, ... eighteen it never is, with three against three it just can be.
 */
export function largerThan(
  values: readonly number[],
  baseline: readonly number[],
  { factor = 1, resolution = 0 }: ComparisonOptions = {},
): Comparison {
  if (1 / choose(values.length + baseline.length, values.length) > significance)
    return { status: 'too-few', needed: neededAgainst(baseline.length) };
  const allowed = baseline.map((value) => value * factor);
  const p = chanceOfRanks(values, allowed);
  const isBeyond = figureOf(values).median - figureOf(allowed).median > resolution;
  return { status: p <= significance && isBeyond ? 'larger' : 'not-larger', p };
}

/** How many runs it takes to say anything against so many; infinitely many against none. */
function neededAgainst(others: number): number {
  if (others === 0) return Number.POSITIVE_INFINITY;
  let runs = 1;
  while (1 / choose(others + runs, runs) > significance) runs++;
  return runs;
}

function choose(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) result *= (n - Math.min(k, n - k) + i) / i;
  return result;
}

/** The chance that the first sample gets a sum of ranks as large as it has, or larger, if both are of the same. */
function chanceOfRanks(one: readonly number[], other: readonly number[]): number {
  const ranks = doubledMidranks([...one, ...other]);
  const sum = ranks.slice(0, one.length).reduce((total, rank) => total + rank, 0);
  return ranks.length <= 60 ? exactChance(ranks, one.length, sum) : normalChance(ranks, one.length, sum);
}

/** Twice the midrank of each value: equal values share the mean of their ranks, which may be a half. */
function doubledMidranks(values: readonly number[]): readonly number[] {
  const order = values.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const ranks = new Array<number>(values.length).fill(0);
  for (let begin = 0; begin < order.length; ) {
    let end = begin + 1;
    while (end < order.length && order[end]?.value === order[begin]?.value) end++;
    for (const { index } of order.slice(begin, end)) ranks[index] = begin + 1 + end;
    begin = end;
  }
  return ranks;
}

/** Counts the choices of `size` ranks by their sums: every choice is equally likely. */
function exactChance(ranks: readonly number[], size: number, sum: number): number {
  const highest = ranks.reduce((total, rank) => total + rank, 0);
  const ways = Array.from({ length: size + 1 }, () => new Float64Array(highest + 1));
  (ways[0] as Float64Array)[0] = 1;
  for (const rank of ranks)
    for (let taken = size; taken > 0; taken--) {
      const from = ways[taken - 1] as Float64Array;
      const to = ways[taken] as Float64Array;
      for (let at = highest; at >= rank; at--) to[at] = (to[at] as number) + (from[at - rank] as number);
    }
  const all = ways[size] as Float64Array;
  return all.subarray(sum).reduce((total, each) => total + each, 0) / choose(ranks.length, size);
}

/** The sum of ranks as a normal variable (Lehmann, Nonparametrics, 1.5), one doubled rank being half a step. */
function normalChance(ranks: readonly number[], size: number, sum: number): number {
  const total = ranks.length;
  const mean = ranks.reduce((all, rank) => all + rank, 0) / total;
  // of a sum of `size` numbers drawn without replacement
  const variance =
    (ranks.reduce((all, rank) => all + (rank - mean) ** 2, 0) / total) * ((size * (total - size)) / (total - 1));
  if (variance === 0) return 1;
  return upperTail((sum - 1 - size * mean) / Math.sqrt(variance));
}

/** Of the standard normal distribution (Abramowitz and Stegun 26.2.17; off by less than 1e-7). */
function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const sum = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * sum;
}
