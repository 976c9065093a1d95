import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { caddyDirectives, countConfig, countLines } from './count.ts';
import { recordGenerated } from './generated.ts';

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'camp-count-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each([
  ['', 0],
  ['\n  \n\t\n', 0],
  ['# comment\n  # another\n', 0],
  ['a: 1\nb: 2 # why\n', 2],
  ['a: 1\r\n\r\nb: 2', 2],
  [`a: ${'x'.repeat(97)}\n`, 1],
  [`a: ${'x'.repeat(98)}\n`, 2],
  [`a: ${'x'.repeat(298)}\n`, 4],
  ['command: sh -c "a; b; c"\n', 3],
] as const)('lines of %j', (text, lines) => {
  expect(countLines(text)).toBe(lines);
});

test('directives of a Caddyfile: words that begin a line in a block, each once', () => {
  const text = `{
	admin off
}
# comment
(snippet) {
	header X 1
}
example.com, www.example.com {
	@spa not path /api/*
	reverse_proxy @spa a:1 {
		lb_policy least_conn
	}
	reverse_proxy b:1
	handle /x { # why
		respond "{"
	}
}
`;
  expect([...caddyDirectives(text)].sort()).toEqual([
    'admin',
    'handle',
    'header',
    'lb_policy',
    'not',
    'respond',
    'reverse_proxy',
  ]);
  expect([...caddyDirectives('localhost\nrespond hi\nencode\n')]).toEqual(['respond', 'encode']);
});

test('what camp wrote counts nothing until a person changes it', () => {
  const compose =
    'name: shop\nservices:\n  my-api:\n    build: .\n    environment: {MY_NAME: 1}\n  other:\n    build: .\n';
  const caddyfile = 'localhost {\n\treverse_proxy my-api:80\n}\n';
  writeFileSync(join(dir, 'compose.yaml'), compose);
  writeFileSync(join(dir, 'Caddyfile'), caddyfile);
  const project = {
    dir,
    composeFile: join(dir, 'compose.yaml'),
    caddyfile: { path: join(dir, 'Caddyfile'), text: caddyfile },
  };
  const files = [
    { path: 'compose.yaml', lines: 7, directives: 4 },
    { path: 'Caddyfile', lines: 3, directives: 1 },
  ];
  expect(countConfig(project)).toEqual({ handWrittenLines: 10, files, totalLines: 10 });
  recordGenerated(dir, { 'compose.yaml': compose, Caddyfile: caddyfile });
  expect(countConfig(project)).toEqual({ handWrittenLines: 0, files, totalLines: 10 });
  writeFileSync(join(dir, 'Caddyfile'), `${caddyfile}# mine\n`);
  expect(countConfig(project).handWrittenLines).toBe(3);
  expect(countConfig({ dir, caddyfile: { text: 'derived' } })).toEqual({
    handWrittenLines: 0,
    files: [],
    totalLines: 0,
  });
});
