import { expect, test } from 'vitest';
import { hang } from './hang.ts';

test('a line that fits stays as it is', () => {
  expect(hang('  up   start it', 20)).toBe('  up   start it');
});

test('what does not fit goes below the second column, or by two where that leaves no room', () => {
  expect(hang('  up   start all of the project', 24)).toBe('  up   start all of the\n       project');
  expect(hang('  add service  add one of them', 20)).toBe('  add service  add\n    one of them');
  expect(hang('! port 443: held by caddy', 14)).toBe('! port 443:\n  held by\n  caddy');
});

test('escape sequences take no room, and a long word stays whole', () => {
  expect(hang('\x1b[1mone\x1b[22m two', 7)).toBe('\x1b[1mone\x1b[22m two');
  expect(hang('see https://example.com/a/long/one now', 12)).toBe('see\n  https://example.com/a/long/one\n  now');
});
