import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { recogniseStart } from './recognise.ts';

const rig = realpathSync(mkdtempSync(join(tmpdir(), 'camp-recognise-')));
afterAll(() => rmSync(rig, { recursive: true, force: true }));
let count = 0;

/** A folder with files; an object is written as JSON. Programs that `bin` names are on PATH. */
function folder(
  files: Readonly<Record<string, unknown>>,
  bin: readonly string[] = [],
): { readonly dir: string; readonly env: NodeJS.ProcessEnv } {
  const dir = join(rig, String(count++));
  mkdirSync(dir);
  const put = (name: string, content: unknown) => {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  };
  for (const [name, content] of Object.entries(files)) put(name, content);
  for (const name of bin) {
    put(`path/${name}`, '#!/bin/sh\n');
    chmodSync(join(dir, 'path', name), 0o755);
  }
  return { dir, env: { PATH: join(dir, 'path'), HOME: join(dir, 'home') } };
}

/** The start of a folder in one line: the command, where it is from, what is installed before. */
function startOf(
  files: Readonly<Record<string, unknown>>,
  bin: readonly string[] = [],
  sub = '',
  run?: string | readonly string[],
): string {
  const { dir, env } = folder(files, bin);
  const start = recogniseStart(join(dir, sub), { env, ...(run === undefined ? {} : { run }) });
  if (!start) return 'nothing';
  if (start.kind === 'static') return `static ${start.root.slice(dir.length)} (${start.why})`;
  const install = start.install
    ? `; install ${start.install.argv.join(' ')} in ${start.install.cwd.slice(dir.length) || '.'}: ${start.install.why}`
    : '';
  const path = start.path.length > 0 ? `; path ${start.path.map((each) => each.slice(dir.length)).join(' ')}` : '';
  return `${start.language} ${start.argv.join(' ')} (${start.why})${install}${path}`;
}

const script = (dev: string, more: object = {}) => ({ 'package.json': { scripts: { dev }, ...more } });

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the shell replaces them
test.each<[string, Readonly<Record<string, unknown>>, string]>([
  [
    'dev before start',
    { 'package.json': { scripts: { start: 'node a.js', dev: 'node b.js' } } },
    'node node b.js (package.json scripts.dev)',
  ],
  ['start', { 'package.json': { scripts: { start: 'node a.js' } } }, 'node node a.js (package.json scripts.start)'],
  [
    'a script of scripts',
    { 'package.json': { scripts: { dev: 'npm run serve -- --port 1', serve: 'node --watch s.js' } } },
    'node node s.js --port 1 (package.json scripts.dev)',
  ],
  [
    'scripts in a circle end',
    { 'package.json': { scripts: { dev: 'npm run dev' } } },
    'node npm run dev (package.json scripts.dev)',
  ],
  [
    'predev',
    { 'package.json': { scripts: { predev: 'node gen.js', dev: 'node b.js' } } },
    'node sh -c node gen.js && exec node b.js (package.json scripts.dev)',
  ],
  [
    'assignments and a watcher',
    script('NODE_ENV=development node --watch x.js'),
    'node sh -c NODE_ENV=development exec node x.js (package.json scripts.dev)',
  ],
  ['main', { 'package.json': { main: './lib/x.js' }, 'lib/x.js': '' }, 'node node lib/x.js (package.json main)'],
  ['an entry file', { 'package.json': {}, 'src/main.ts': '' }, 'node node src/main.ts (src/main.ts)'],
  ['a lone server.ts', { 'server.ts': '' }, 'node node server.ts (server.ts)'],
  ['index.js of a page', { 'index.html': '', 'index.js': '' }, 'static  (index.html)'],
  ['a package without a start', { 'package.json': { name: 'x' } }, 'nothing'],
  ['a broken package.json', { 'package.json': '{', 'index.html': '' }, 'static  (index.html)'],
  ['hostile scripts', { 'package.json': { scripts: { dev: 5, start: ['x'] } }, 'main.go': '' }, 'nothing'],
  [
    'a Procfile',
    { Procfile: '# c\nworker: a b\nweb: python3 x.py --port $PORT\n' },
    'other sh -c exec python3 x.py --port $PORT (Procfile web)',
  ],
  ['a Go module', { 'go.mod': 'module x\n', 'main.go': 'package main\n' }, 'go go run . (go.mod)'],
  [
    'a Go command',
    { 'go.mod': 'module x\n', 'lib.go': 'package x\n', 'cmd/srv/main.go': '// c\npackage main\n' },
    'go go run ./cmd/srv (go.mod, cmd/srv)',
  ],
  ['a Go library', { 'go.mod': 'module x\n', 'lib.go': 'package x\n' }, 'nothing'],
  [
    'Go requirements',
    { 'go.mod': 'module x\nrequire (\n\tgithub.com/Up/per v1.2.3 // indirect\n)\n', 'main.go': 'package main\n' },
    'go go run . (go.mod); install go mod download in .: not in the module cache: github.com/Up/per',
  ],
  [
    'Go requirements that are there',
    {
      'go.mod': 'module x\nrequire github.com/Up/per v1.2.3\n',
      'main.go': 'package main\n',
      'home/go/pkg/mod/github.com/!up/per@v1.2.3/x': '',
    },
    'go go run . (go.mod)',
  ],
  [
    'Go vendored',
    { 'go.mod': 'module x\nrequire github.com/a/b v1.2.3\n', 'main.go': 'package main\n', 'vendor/modules.txt': '' },
    'go go run . (go.mod)',
  ],
  ['main.py', { 'main.py': '' }, 'python python3 main.py (main.py)'],
  [
    'manage.py',
    { 'manage.py': '', 'main.py': '' },
    'python sh -c PORT="${PORT:-8080}"; exec python3 manage.py runserver "127.0.0.1:$PORT" --noreload (manage.py)',
  ],
  [
    'a venv',
    { 'app.py': '', '.venv/bin/python': '', 'requirements.txt': 'x' },
    'python python3 app.py (app.py); path /.venv/bin',
  ],
  [
    'a Cargo package',
    { 'Cargo.toml': '[package]\nname = "x"\n', 'src/main.rs': '' },
    'rust cargo run --quiet (Cargo.toml)',
  ],
  ['a Cargo library', { 'Cargo.toml': '[package]\nname = "x"\n', 'src/lib.rs': '' }, 'nothing'],
  [
    'a deno task',
    { 'deno.jsonc': '{ // c\n "tasks": {"dev": "deno run --watch -A m.ts",}, }' },
    'deno deno run -A m.ts (deno.jsonc tasks.dev)',
  ],
  [
    'deno without tasks',
    { 'deno.json': '{}', 'main.ts': '' },
    'deno deno run --allow-all main.ts (deno.json, main.ts)',
  ],
  ['a page', { 'index.html': '' }, 'static  (index.html)'],
  ['a built page', { 'dist/index.html': '', 'README.md': '' }, 'static /dist (dist/index.html)'],
  ['nothing', { 'README.md': '' }, 'nothing'],
] as const)('%s', (_, files, expected) => {
  expect(startOf(files)).toBe(expected);
});

test('a Python server that is declared is started with its own program', () => {
  const fastapi = 'from fastapi import FastAPI\napi: FastAPI = FastAPI(title="x")\n';
  expect(
    startOf(
      {
        'main.py': fastapi,
        'pyproject.toml': '[project]\ndependencies = [\n  "fastapi>=1", # c\n  "uvicorn[standard]",\n]\n',
      },
      ['uv'],
    ),
  ).toBe(
    'python sh -c PORT="${PORT:-8080}"; exec python3 -m uvicorn main:api --host 127.0.0.1 --port "$PORT" (main.py with uvicorn)' +
      '; install sh -c uv venv --quiet --allow-existing .venv && : > .venv/.camp-installing && uv pip install --quiet --python .venv/bin/python "$@" && rm -f .venv/.camp-installing sh fastapi>=1 uvicorn[standard] in .: .venv is missing' +
      '; path /.venv/bin',
  );
});

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the shell replaces them

test('an interrupted Python install is repeated', () => {
  const files = { 'main.py': '', 'requirements.txt': 'x', '.venv/bin/python': '', '.venv/.camp-installing': '' };
  expect(startOf(files)).toContain('an install into .venv was interrupted');
});

test.each<[string, Readonly<Record<string, unknown>>, readonly string[], string]>([
  [
    'npm without a lockfile',
    script('node x', { dependencies: { a: '1' } }),
    [],
    'npm install --no-audit --no-fund in .: node_modules is missing',
  ],
  [
    'npm with a lockfile',
    { ...script('node x', { dependencies: { a: '1' } }), 'package-lock.json': '{}' },
    [],
    'npm ci --no-audit --no-fund in .: node_modules is missing',
  ],
  [
    'one of several is missing',
    { ...script('node x', { dependencies: { a: '1', b: '1' } }), 'package-lock.json': '{}', 'node_modules/a/x': '' },
    [],
    'npm install --no-audit --no-fund in .: not in node_modules: b',
  ],
  [
    'pnpm',
    { ...script('node x', { dependencies: { a: '1' } }), 'pnpm-lock.yaml': '' },
    ['pnpm'],
    'pnpm install in .: node_modules is missing',
  ],
  [
    'pnpm through corepack',
    { ...script('node x', { dependencies: { a: '1' } }), 'pnpm-lock.yaml': '' },
    ['corepack'],
    'corepack pnpm install in .: node_modules is missing',
  ],
  [
    'packageManager',
    script('node x', { dependencies: { a: '1' }, packageManager: 'yarn@4.1.0' }),
    ['yarn'],
    'yarn install in .: node_modules is missing',
  ],
  [
    'bun',
    { ...script('bun x', { dependencies: { a: '1' } }), 'bun.lock': '' },
    [],
    'bun install in .: node_modules is missing',
  ],
  [
    'a development program',
    script('vite', { devDependencies: { vite: '1' } }),
    [],
    'npm install --no-audit --no-fund in .: node_modules is missing',
  ],
  [
    'a development module',
    script('node --import tsx x.ts', { devDependencies: { tsx: '1' } }),
    [],
    'npm install --no-audit --no-fund in .: node_modules is missing',
  ],
  ['only types', script('node x.ts', { devDependencies: { typescript: '1' } }), [], 'none'],
  [
    'all there',
    { ...script('node x', { dependencies: { '@s/a': '1' } }), 'node_modules/@s/a/package.json': {} },
    [],
    'none',
  ],
] as const)('install: %s', (_, files, bin, expected) => {
  const shown = startOf(files, bin);
  expect(/; install (.*?)(?:; path|$)/.exec(shown)?.[1] ?? 'none').toBe(expected);
});

test('a workspace is installed at its root, and its programs are found there', () => {
  const files = {
    'package.json': { workspaces: ['services/*'] },
    'package-lock.json': '{}',
    'services/a/package.json': { scripts: { dev: 'vite' }, dependencies: { vite: '1' } },
  };
  expect(startOf(files, [], 'services/a')).toBe(
    'node vite (package.json scripts.dev); install npm ci --no-audit --no-fund in .: node_modules is missing in ../..; path /node_modules/.bin',
  );
});

test('x-camp run', () => {
  expect(startOf({}, [], '', 'node --watch x.js')).toBe('node node x.js (x-camp run)');
  expect(startOf({}, [], '', ['./serve', 'a b', '$X'])).toBe('other ./serve a b $X (x-camp run)');
  expect(startOf({ 'requirements.txt': 'x' }, [], '', 'gunicorn app')).toContain(
    '; install sh -c python3 -m venv .venv',
  );
});

test.each<[string, Readonly<Record<string, unknown>>, readonly string[], string | undefined]>([
  ['Go is not on PATH', { 'go.mod': 'module x', 'main.go': 'package main' }, [], 'go'],
  ['Go is', { 'go.mod': 'module x', 'main.go': 'package main' }, ['go'], undefined],
  ['Python is not', { 'main.py': '' }, ['go'], 'python3'],
  ['an install will', { 'main.py': '', 'requirements.txt': 'flask' }, [], undefined],
  ['a program of the project is no language', { Procfile: 'web: ./server' }, [], undefined],
])('what is missing: %s', (_, files, bin, missing) => {
  const { dir, env } = folder(files, bin);
  const start = recogniseStart(dir, { env });
  expect(start?.kind === 'command' && start.missing).toBe(missing);
});

test('what a virtual environment has is not missing, and without a PATH nothing is known', () => {
  const { dir, env } = folder({ 'main.py': '', '.venv/bin/python3': '#!/bin/sh' });
  chmodSync(join(dir, '.venv/bin/python3'), 0o755);
  expect(recogniseStart(dir, { env })).not.toHaveProperty('missing');
  const bare = folder({ 'go.mod': 'module x', 'main.go': 'package main' });
  expect(recogniseStart(bare.dir, { env: {} })).not.toHaveProperty('missing');
});
