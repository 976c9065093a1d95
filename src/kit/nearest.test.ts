import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

test.each([
  ['dbb', ['db', 'api'], 'db'],
  ['reverse_proxxy', ['reverse_proxy', 'redir'], 'reverse_proxy'],
  ['ordres', ['orders', 'users'], 'orders'],
  ['ORDERS', ['orders'], 'orders'],
  ['frobnicate', ['file_server', 'format'], undefined],
  ['x', [], undefined],
] as const)('%s of %j is %s', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});

test('the closest wins, the first of equals', () => {
  expect(nearest('wet', ['web', 'set', 'wet2'])).toBe('web');
});
