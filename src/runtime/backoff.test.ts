import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

it('doubles from 100 ms to 10 s', () => {
  expect([1, 2, 3, 7, 8, 50].map((attempt) => backoffMs(attempt, () => 0))).toEqual([
    100, 200, 400, 6400, 10_000, 10_000,
  ]);
});

it('takes off at most a fifth at random, and never grows past the cap', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempt, random) => {
        const full = backoffMs(attempt, () => 0);
        const jittered = backoffMs(attempt, () => random);
        return jittered <= full && jittered >= full * 0.79 && full <= 10_000;
      },
    ),
  );
});
