import { expect, test } from 'vitest';
import { plainLine } from './caddy-log.ts';
import { caddyfileProblem } from './caddyfile-problem.ts';
import { maskLine } from './mask.ts';

const texts = (text: string) => ({ main: { file: 'Caddyfile', text }, read: () => undefined });

test('what no rule knows keeps the words of Caddy', () => {
  const problem = caddyfileProblem(
    'adapting config using caddyfile adapter: something quite new, at Caddyfile:2',
    texts('a {\n\tb c\n}\n'),
  );
  expect(problem).toMatchObject({
    message: 'something quite new',
    source: { line: 2, col: 2, length: 3 },
    evidence: ['caddy: something quite new, at Caddyfile:2'],
  });
});

test('a line beyond the text, and a file that is gone, do no harm', () => {
  expect(caddyfileProblem('Caddyfile:99: unrecognized directive: foo', texts('a\n')).source?.file).toBe('Caddyfile');
  expect(caddyfileProblem('/gone.caddy:3: unrecognized directive: foo', texts('a\n')).source).toMatchObject({
    file: '/gone.caddy',
    line: 3,
  });
});

test('a word in a comment or inside another word is not the place', () => {
  const text = 'a {\n\t# foo\n\tfoobar x foo\n}\n';
  expect(caddyfileProblem('Caddyfile:3: unrecognized directive: foo', texts(text)).source).toMatchObject({
    line: 3,
    col: 11,
  });
});

test('masking blanks a line or its block, and keeps the numbers of the others', () => {
  const text = 'a {\n\tfoo {\n\t\tbar\n\t}\n\tbaz\n}\n';
  expect(maskLine(text, 2)).toBe('a {\n\n\n\n\tbaz\n}\n');
  expect(maskLine(text, 5)).toBe('a {\n\tfoo {\n\t\tbar\n\t}\n\n}\n');
  for (const line of [1, 4, 6, 7, 99]) expect(maskLine(text, line)).toBeUndefined();
});

test.each([
  ['{"level":"info","msg":"serving"}', undefined],
  ['{"level":"warn","msg":"admin endpoint on open interface; host checking disabled"}', undefined],
  [
    '{"level":"error","logger":"http","msg":"dial failed","error":"refused","request":{"method":"GET","host":"a.localhost","uri":"/x"}}',
    'caddy error: dial failed: refused: GET a.localhost/x',
  ],
  [
    '{"level":"info","logger":"http.log.access.log0","status":200,"duration":0.0031,"request":{"method":"GET","host":"a","uri":"/"}}',
    'GET a/ 200 3 ms',
  ],
  ['1.79e+09\tinfo\tLock is stale', undefined],
  ['1.79e+09\terror\tbad storage', 'caddy error: bad storage'],
  ['panic: oh no', 'panic: oh no'],
  ['{broken', '{broken'],
  ['', undefined],
])('the log line %s becomes %s', (raw, text) => {
  expect(plainLine(raw)?.text).toBe(text);
});
