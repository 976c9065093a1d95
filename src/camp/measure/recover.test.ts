import { expect, test } from 'vitest';
import { longestGap } from './recover.ts';

test('the longest gap: from the kill, between any two successes, or up to a last answer that was none', () => {
  expect(longestGap(100, [150, 110, 130], 150)).toBe(20);
  expect(longestGap(100, [190, 200], 200)).toBe(90);
  // it has answered at once, then not for long: a first success is no recovery
  expect(longestGap(100, [105, 405, 410], 410)).toBe(300);
  expect(longestGap(100, [105, 110], 700)).toBe(590);
});
