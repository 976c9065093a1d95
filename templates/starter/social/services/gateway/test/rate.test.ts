import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimit } from '../src/rate.ts';

test('a burst, then as many as the time that has passed allows, for each on their own', () => {
  const limit = new RateLimit(2, 3);
  assert.deepEqual([1, 2, 3, 4].map(() => limit.take('ada', 0)), [0, 0, 0, 1]);
  assert.equal(limit.take('grace', 0), 0);
  assert.equal(limit.take('ada', 500), 0);
  assert.equal(limit.take('ada', 500), 1);
});

test('whoever comes after a long time has a burst, not more', () => {
  const limit = new RateLimit(10, 2);
  assert.deepEqual([1, 2, 3].map(() => limit.take('ada', 1_000_000)), [0, 0, 1]);
});
