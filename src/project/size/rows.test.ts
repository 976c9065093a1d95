import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rowsOf } from './rows.ts';
import { linesOfText, sizeOfText, sumOfSizes } from './size-of-text.ts';
import type { TextKind } from './types.ts';

const lines = (kind: TextKind, text: string): number => linesOfText(kind, text).lines;

test.each([
  ['', 0],
  ['\n  \n\t\n', 0],
  ['# comment\n  # another\n', 0],
  ['a: 1\nb: 2 # why\n', 2],
  ['a: 1\r\n\r\nb: 2', 2],
  ['\uFEFF\na: 1', 1],
  [`a: ${'x'.repeat(97)}\n`, 1],
  [`a: ${'x'.repeat(98)}\n`, 2],
  [`  a: ${'x'.repeat(96)}\n`, 2],
  [`a: ${'😀'.repeat(97)}\n`, 1],
  [`a: ${'x'.repeat(298)}\n`, 4],
  ['command: sh -c "a; b; c"\n', 3],
  ['command: a && b\n', 2],
] as const)('lines of %j', (text, expected) => {
  expect(lines('compose', text)).toBe(expected);
});

test.each([
  ['a: {b: 1, c: 2}', 3],
  ['a: {}', 1],
  ['a: {b: {c: {d: 1}}}', 4],
  ['{"a": 1, "b": {"c": [1, 2, {"d": "e"}], "g": {}}}', 7],
  ['a: {\n  b: 1,\n  c: 2\n}', 4],
  ['- {a: 1, b: 2}\n- x', 3],
  ['- - {a: 1}', 1],
  ['a: [b, c]', 1],
  ['command: ["redis-server", "--save", "A=1", "B=2"]', 1],
  ['command: {test: [a, b]}', 4],
  ['a: [B=1, C=2]', 3],
  ['a: ["B=1"]', 1],
  ['a: [\n  "B=1",\n  "C=2"\n]', 4],
  ['ports: [{target: 80, published: 81}]', 3],
  ['a: "x\\ny\\nz"', 4],
  ['a: "x\\\\ny"', 1],
  ["a: 'x\\ny'", 1],
  ['a: {b: "x\\ny"}', 4],
  ['a: "x\n  y"\nb: {c: 1}', 4],
  ["a: {'b, c': 'it''s', d: \"e, f\"}", 3],
  ['"a: b": {c: 1}', 2],
  ['a: b # {c: 1, d: 2}', 1],
  ['a: http://x/{y,z}', 1],
  ['a: |\n  {b: 1, c: 2}\n  "x\\ny"\nd: {e: 1}', 5],
  ['a:\n  - |\n    {b: 1, c: 2}\n  - >-\n   x\nb: {c: 1}', 7],
  ['&x a: !y {b: 1}', 2],
  ['? {a: 1}\n', 1],
] as const)('YAML %j fills as many lines as in block style', (text, expected) => {
  expect(lines('compose', text)).toBe(expected);
});

test.each([
  ['dockerfile', 'RUN a && b; c\n', 3, 3],
  ['dockerfile', 'RUN a \\\n && b \\\n && c\n', 3, 3],
  ['dockerfile', 'ENV A=1 B="x y" C=3\nENV D 1 2\nEXPOSE 80 443\nCMD ["a", "b"]\n', 7, 7],
  ['dockerfile', 'ENV A=1 \\\n  B=2 C=3\n', 3, 3],
  ['dockerfile', 'RUN <<EOF\nENV A=1 B=2\nEOF\nLABEL a=1 b=2\n', 5, 5],
  ['caddyfile', 'a.localhost {\n\theader X "a; b"\n\treverse_proxy b:1\n}\n', 4, 3],
  ['nginx', 'server { listen 80; server_name x; }\n', 4, 3],
  ['nginx', 'server {\n  listen 80;\n  add_header A "x; y"; # a; b\n}\n', 4, 3],
  ['nginx', 'a ${b};c "}";\n', 2, 2],
  ['nginx', "log_format main 'a'\n  'b;';\n", 2, 2],
  ['apache', '<VirtualHost *:80>\n  Header set A "x; y"\n</VirtualHost>\n', 3, 2],
  ['env', 'A=1\n# B\nC="x\\ny"\n', 3, 3],
  ['shell', 'if a; then\n  b\nfi\n', 4, 3],
  ['other', 'node_modules\n\n# x\n.git\n', 2, 2],
] as const)('%s %j', (kind, text, all, statements) => {
  expect(linesOfText(kind, text)).toEqual({ lines: all, statements });
});

test('rows have their line in the text', () => {
  expect(rowsOf('compose', '# x\n\na:\n  b: {c: 1,\n  d: 2}\n')).toEqual([
    { line: 3, lines: 1, statements: 1 },
    { line: 4, lines: 2, statements: 2 },
    { line: 5, lines: 1, statements: 1 },
  ]);
});

type Value = string | number | readonly Value[] | { readonly [key: string]: Value };

const key = fc.stringMatching(/^[a-z][a-z_]{0,8}$/);
const text = fc.constantFrom(
  'a',
  'x; y',
  'a && b',
  'http://x:1/y',
  'A=1',
  'line\nline',
  'x'.repeat(97),
  'y'.repeat(250),
  'it',
);
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.nat(99),
    fc.array(tie('value'), { minLength: 1, maxLength: 4 }),
    fc.dictionary(key, tie('value'), { minKeys: 1, maxKeys: 4 }),
  ),
}));
const table = fc.dictionary(fc.oneof(key, fc.constantFrom('services', 'command', 'environment', 'ports')), value, {
  minKeys: 1,
});

const isTable = (it: Value): it is { readonly [key: string]: Value } => typeof it === 'object' && !Array.isArray(it);

/** Block style throughout, two columns a level; texts of several lines as `|`. */
function block(it: Value, indent: number): readonly string[] {
  const pad = ' '.repeat(indent);
  if (Array.isArray(it))
    return it.flatMap((item: Value) => {
      const [first = '', ...rest] =
        typeof item === 'object' ? block(item, indent + 2) : [`${pad}  ${scalar(item, indent)}`];
      return [`${pad}- ${first.trimStart()}`, ...rest];
    });
  if (!isTable(it)) return [pad + scalar(it, indent)];
  return Object.entries(it).flatMap(([name, inner]) =>
    typeof inner === 'object'
      ? [`${pad}${name}:`, ...block(inner, indent + 2)]
      : [`${pad}${name}: ${scalar(inner, indent)}`],
  );
}

function scalar(it: Value, indent: number): string {
  const shown = String(it);
  return shown.includes('\n') ? `|\n${shown.replace(/^/gm, ' '.repeat(indent + 2))}` : shown;
}

/** Braces and brackets throughout. */
function braces(it: Value): string {
  if (Array.isArray(it)) return `[${it.map(braces).join(', ')}]`;
  if (isTable(it))
    return `{${Object.entries(it)
      .map(([name, inner]) => `${name}: ${braces(inner)}`)
      .join(', ')}}`;
  return JSON.stringify(it);
}

test('folding a map into braces never lowers a figure', () => {
  fc.assert(
    fc.property(table, fc.constantFrom<TextKind>('compose', 'yaml'), fc.nat(20), (whole, kind, n) => {
      const honest = `${block(whole, 0).join('\n')}\n`;
      const names = Object.keys(whole);
      const folded = names[n % names.length] ?? '';
      // one value, and the whole file
      const some = Object.entries(whole).flatMap(([name, inner]) =>
        name === folded && isTable(inner) ? [`${name}: ${braces(inner)}`] : block({ [name]: inner }, 0),
      );
      for (const cheat of [`${some.join('\n')}\n`, `${braces(whole)}\n`]) atLeast(kind, cheat, honest);
    }),
    { numRuns: 1000 },
  );
});

function atLeast(kind: TextKind, cheat: string, honest: string): void {
  const [less, more] = [sizeOfText(kind, honest), sizeOfText(kind, cheat)];
  const [a, b] = [sumOfSizes([less]), sumOfSizes([more])];
  for (const figure of ['lines', 'statements', 'directives', 'securityDecisions', 'concepts'] as const)
    expect(b[figure], `${figure} of ${cheat} against ${honest}`).toBeGreaterThanOrEqual(a[figure]);
}

test('a text in block style counts as a plain counter would, but for texts that are too long or joined', () => {
  fc.assert(
    fc.property(table, (whole) => {
      const rows = block(whole, 0).join('\n').split('\n');
      fc.pre(rows.every((row) => row.length <= 100 && !/;|&&/.test(row)));
      expect(lines('compose', rows.join('\n'))).toBe(rows.length);
    }),
  );
});

test('whatever the text, counting never throws, and counts no less than a plain counter', () => {
  const kinds: readonly TextKind[] = [
    'caddyfile',
    'compose',
    'dockerfile',
    'env',
    'nginx',
    'apache',
    'shell',
    'yaml',
    'other',
  ];
  const noise = fc
    .array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '`',
        '\\',
        '#',
        ' ',
        '\n',
        ':',
        ',',
        'a',
        '- ',
        '|',
        '&x',
        '*x',
        ';',
        '$',
        '<<E',
        'RUN ',
        'ENV A=1',
        '\uFEFF',
        '\r\n',
        '({',
        'import x',
      ),
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(noise, fc.string()), fc.constantFrom(...kinds), (hostile, kind) => {
      const plain = hostile
        .replace(/^\uFEFF/, '')
        .split('\n')
        .filter((row) => /^\s*[^\s#]/.test(row)).length;
      const size = sizeOfText(kind, hostile);
      expect(size.lines).toBeGreaterThanOrEqual(plain);
      expect(size.statements).toBeLessThanOrEqual(size.lines);
    }),
    { numRuns: 2000 },
  );
});
