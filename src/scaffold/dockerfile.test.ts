import { describe, expect, test } from 'vitest';
import type { Language, Start } from '../project/types.ts';
import { dockerfileFor } from './dockerfile.ts';
import type { FolderFacts } from './folder-facts.ts';

const facts = (names: readonly string[], more: Partial<FolderFacts> = {}): FolderFacts => ({
  folder: '/p/api',
  names,
  installsOwnCode: false,
  hasPyDependencies: false,
  ...more,
});
const start = (language: Language, ...argv: readonly string[]): Start => ({
  kind: 'command',
  argv,
  cwd: '/p/api',
  language,
  why: 'test',
  path: [],
});
const page: Start = { kind: 'static', root: '/p/api/public', why: 'test' };

const all: readonly (readonly [string, readonly string[]])[] = [
  ['npm', dockerfileFor(start('node', 'node', 'a.js'), facts(['package.json', 'package-lock.json']), '')],
  ['pnpm', dockerfileFor(start('node', 'node', 'a.js'), facts(['package.json', 'pnpm-lock.yaml', '.npmrc']), '')],
  ['yarn', dockerfileFor(start('node', 'node', 'a.js'), facts(['package.json', 'yarn.lock']), '')],
  ['bare node', dockerfileFor(start('node', '/usr/bin/node', '/p/api/a.js'), facts(['a.js']), '')],
  ['scripts', dockerfileFor(start('node', 'vite'), facts(['package.json'], { installsOwnCode: true }), '')],
  ['ignoring', dockerfileFor(start('node', 'node', 'a.js'), facts(['a.js', '.dockerignore']), '')],
  ['pip', dockerfileFor(start('python', 'python3', 'a.py'), facts(['requirements.txt']), '')],
  [
    'pyproject',
    dockerfileFor(
      start('python', '/p/api/.venv/bin/uvicorn', 'a:b'),
      facts(['pyproject.toml'], { hasPyDependencies: true, installsOwnCode: true }),
      '',
    ),
  ],
  ['bare python', dockerfileFor(start('python', 'python3', 'a.py'), facts(['a.py']), '')],
  ['go', dockerfileFor(start('go', 'go', 'run', './cmd/x'), facts(['go.mod', 'go.sum']), '')],
  ['vendored go', dockerfileFor(start('go', 'go', 'run', '.'), facts(['go.mod', 'go.sum', 'vendor']), '')],
  ['rust', dockerfileFor(start('rust', 'cargo', 'run', '--', '-v'), facts(['Cargo.toml'], { cargoName: 'shop' }), '')],
  ['deno', dockerfileFor(start('deno', 'deno', 'run', 'a.ts'), facts(['deno.json', 'deno.lock']), '')],
  ['other', dockerfileFor(start('other', './run.sh'), facts(['run.sh']), '')],
  ['page', dockerfileFor(page, facts(['public']), '/docs')],
];

describe.each(all)('the Dockerfile for %s', (_, lines) => {
  test('ends as a user that is not root, with its program as a list of words', () => {
    const users = lines.filter((line) => line.startsWith('USER '));
    expect(users.at(-1)).toMatch(/^USER (65532:65532|node|deno)$/);
    expect(lines.at(-1)).toMatch(/^CMD \["/);
    expect(() => JSON.parse(lines.at(-1)?.slice(4) ?? '')).not.toThrow();
  });

  test('lets no secret into the last stage, and needs no more than the oldest builder', () => {
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
    if (_ !== 'ignoring') expect(last.filter((line) => /^COPY (?!.*--from)[^/]*\. /.test(line))).toEqual([]);
    expect(lines.join('\n')).not.toMatch(/--mount|<<|# syntax|--exclude/);
  });
});

const before = (lines: readonly string[], first: string, second: string): boolean => {
  const [a, b] = [first, second].map((words) => lines.findIndex((line) => line.includes(words)));
  return a !== undefined && b !== undefined && a !== -1 && a < b;
};
const of = (name: string): readonly string[] => all.find(([each]) => each === name)?.[1] ?? [];

test('what is declared is installed before the code is there', () => {
  expect(before(of('npm'), 'RUN npm ci', 'COPY . /files')).toBe(true);
  expect(of('npm')).toContain('COPY package.json package-lock.json ./');
  expect(before(of('pnpm'), 'pnpm install --frozen-lockfile', 'COPY . /files')).toBe(true);
  expect(of('pnpm')).toContain('COPY package.json .npmrc pnpm-lock.yaml ./');
  expect(before(of('yarn'), 'yarn install --frozen-lockfile', 'COPY . /files')).toBe(true);
  expect(before(of('pip'), 'pip install', 'COPY . /files')).toBe(true);
  expect(before(of('go'), 'RUN go mod download', 'COPY . /files')).toBe(true);
  expect(of('vendored go').join()).not.toContain('go mod download');
});

test('where installing runs its code, the code comes first', () => {
  expect(before(of('scripts'), 'COPY . /files', 'RUN npm install')).toBe(true);
  expect(before(of('pyproject'), 'COPY . /files', 'pip install')).toBe(true);
});

test('programs of this machine are called by their name, files by their place', () => {
  expect(of('bare node').at(-1)).toBe('CMD ["node","a.js"]');
  expect(of('pyproject').at(-1)).toBe('CMD ["uvicorn","a:b"]');
  expect(of('rust').at(-1)).toBe('CMD ["shop","-v"]');
  expect(of('page')).toContain('COPY --from=build /files /srv/docs');
});
