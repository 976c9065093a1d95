import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkName, suggestName } from './names.ts';

test.each(['a', 'orders', 'orders-2', 'a1', 'x'.repeat(63), 'edges', 'node', 'web'])('%s is a name', (name) => {
  expect(checkName(name, 'service')).toBeUndefined();
});

const hostile = [
  ...[
    '',
    ' ',
    'Orders',
    'ORDERS',
    '1st',
    '-a',
    'a-',
    'a_b',
    'a.b',
    'a b',
    'a/b',
    '../a',
    '..',
    '/a',
    'a\\b',
    'a\0b',
    'a\nb',
    'a\tb',
  ],
  ...[
    'x'.repeat(64),
    'x'.repeat(10_000),
    'café',
    'оrders',
    'a\u202Eb',
    '😀',
    'xn--caf-dma',
    'a"b',
    "a'b",
    'a`b',
    '$(x)',
    'a;b',
    'a|b',
    'a&b',
    '*',
    '~',
  ],
  ...[
    'no',
    'yes',
    'on',
    'off',
    'true',
    'null',
    'y',
    'n',
    '0755',
    '1e3',
    '{$X}',
    '{{x}}',
    '__proto__',
    'constructor',
    'con',
    'nul',
    'com1',
    'lpt9',
    'localhost',
    '--help',
  ],
];
test.each(hostile)('%j is refused with the rule', (name) => {
  const problem = checkName(name, 'service');
  expect(problem).toMatchObject({ fault: 'usage', code: 'INVALID_NAME' });
  expect(problem?.message.length).toBeLessThan(200);
  expect(problem?.hints.length).toBe(1);
});

test('edge is a name for a project, not for a service', () => {
  expect(checkName('edge', 'project')).toBeUndefined();
  expect(checkName('edge', 'service')?.hints).toEqual(['use my-edge']);
});

test.each([
  ['My Shop', 'my-shop'],
  ['myShop', 'my-shop'],
  ['Café_2', 'cafe-2'],
  ['2nd-shop', 'nd-shop'],
  ['no', 'my-no'],
])('%s suggests %s', (word, name) => expect(suggestName(word)).toBe(name));

test('whatever is suggested passes, and a name that passes is its own suggestion', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom(...hostile)), (word) => {
      const suggestion = suggestName(word, 'service');
      if (suggestion !== undefined) expect(checkName(suggestion, 'service')).toBeUndefined();
      if (checkName(word, 'service') === undefined) expect(suggestion).toBe(word);
    }),
    { numRuns: 500 },
  );
});
