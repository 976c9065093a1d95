import { expect, it } from 'vitest';
import { hashOf } from './hash.ts';

it('does not depend on the order of keys, but on everything else', () => {
  expect(hashOf({ a: 1, b: [1, 2] })).toBe(hashOf({ b: [1, 2], a: 1 }));
  expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: '1' }));
  expect(hashOf([1, 2])).not.toBe(hashOf([2, 1]));
  expect(hashOf({ a: undefined })).toBe(hashOf({}));
});
