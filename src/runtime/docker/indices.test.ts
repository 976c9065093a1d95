import fc from 'fast-check';
import { expect, it } from 'vitest';
import { indicesOf } from './indices.ts';

const container = (number: number): { id: string; number: number } => ({ id: `c${number}`, number });
const given = (numbers: readonly number[], known: Readonly<Record<string, number>> = {}): Record<string, number> =>
  Object.fromEntries(indicesOf(numbers.map(container), new Map(Object.entries(known))));

it('is the number, as long as there is no gap', () => {
  expect(given([1, 2, 3])).toEqual({ c1: 1, c2: 2, c3: 3 });
});

it('closes the gaps that Compose leaves', () => {
  expect(given([1, 3, 4])).toEqual({ c1: 1, c3: 3, c4: 2 });
  expect(given([7])).toEqual({ c7: 1 });
});

it('stays with a container while it lives', () => {
  expect(given([1, 3], { c1: 1, c3: 3 })).toEqual({ c1: 1, c3: 3 });
  expect(given([1, 3, 4], { c1: 1, c3: 3 })).toEqual({ c1: 1, c3: 3, c4: 2 });
});

it('gives every container one of its own, from 1 on, in whatever order they are listed', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 12 });
  fc.assert(
    fc.property(numbers, (all) => {
      const found = given(all);
      expect(Object.values(found).sort((a, b) => a - b)).toEqual(all.map((_, at) => at + 1));
      expect(given([...all].reverse())).toEqual(found);
    }),
  );
});
