import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Language, Start } from '../../src/project/types.ts';
import { addService } from '../../src/scaffold/add-service.ts';
import { applyChanges } from '../../src/scaffold/apply.ts';
import { dockerfileFor } from '../../src/scaffold/dockerfile.ts';
import { factsOf } from '../../src/scaffold/folder-facts.ts';
import { initProject } from '../../src/scaffold/init-project.ts';
import { requireImages } from '../rig/images.ts';

/** One folder that an image is built of. */
interface Case {
  readonly name: string;
  /** Of the base of the last stage, and what the image may add to it, in megabytes. */
  readonly base: string;
  readonly addsMb: number;
  /** The instruction whose layer a change of the code must not touch. */
  readonly dependencies?: string;
  /** A file of the code, and what is added to it to change it. */
  readonly code: string;
  readonly comment: string;
  readonly answers: Readonly<Record<string, number>>;
  /** The folder with its code in the image. */
  readonly inside: string;
}

const health = { '/livez': 200, '/readyz': 200 };
const templates: readonly Case[] = [
  {
    name: 'node',
    base: 'node:24-alpine',
    addsMb: 1,
    dependencies: 'RUN npm install',
    code: 'src/app.ts',
    comment: '// changed\n',
    answers: { ...health, '/api/node/x': 200, '/elsewhere': 404 },
    inside: '/app',
  },
  {
    name: 'python',
    base: 'python:3.13-slim',
    addsMb: 1,
    dependencies: 'RUN python -c',
    code: 'main.py',
    comment: '# changed\n',
    answers: { ...health, '/api/python/x': 200, '/elsewhere': 404 },
    inside: '/app',
  },
  {
    name: 'go',
    base: 'alpine:3',
    addsMb: 12,
    dependencies: 'RUN go mod download',
    code: 'main.go',
    comment: '// changed\n',
    answers: { ...health, '/api/go/x': 200, '/elsewhere': 404 },
    inside: '/',
  },
  {
    name: 'static',
    base: 'caddy:2',
    addsMb: 1,
    code: 'index.html',
    comment: '<!-- changed -->\n',
    answers: {
      '/static/': 200,
      '/static/style.css': 200,
      '/static/Dockerfile': 404,
      '/static/test/page.test.mjs': 404,
    },
    inside: '/srv/static',
  },
];

const nodeServer = "require('node:http').createServer((q, r) => r.end(q.url)).listen(process.env.PORT)\n";
const stops = "process.on('SIGTERM', () => process.exit(0));\n";
const adopted: readonly (Case & { readonly files: Readonly<Record<string, string>>; readonly start: Start })[] = [
  {
    name: 'adopted-node',
    base: 'node:24-alpine',
    addsMb: 1,
    dependencies: 'RUN npm ci',
    code: 'main.cjs',
    comment: '// changed\n',
    answers: { '/any': 200 },
    inside: '/app',
    start: command(['node', 'main.cjs'], 'node'),
    files: {
      'main.cjs': stops + nodeServer,
      'package.json': '{"name":"a","version":"1.0.0"}',
      'package-lock.json':
        '{"name":"a","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{"":{"name":"a","version":"1.0.0"}}}',
    },
  },
  {
    name: 'adopted-bare',
    base: 'node:24-alpine',
    addsMb: 1,
    code: 'server.js',
    comment: '// changed\n',
    answers: { '/any': 200 },
    inside: '/app',
    start: command(['node', 'server.js'], 'node'),
    files: { 'server.js': stops + nodeServer },
  },
  {
    name: 'adopted-scripts',
    base: 'node:24-alpine',
    addsMb: 1,
    code: 'main.cjs',
    comment: '// changed\n',
    answers: { '/any': 200 },
    inside: '/app',
    start: command(['node', 'made.cjs'], 'node'),
    files: {
      'main.cjs': stops + nodeServer,
      'package.json': '{"name":"a","version":"1.0.0","scripts":{"prepare":"cp main.cjs made.cjs"}}',
    },
  },
  {
    name: 'adopted-python',
    base: 'python:3.13-slim',
    addsMb: 1,
    dependencies: 'RUN mkdir /dependencies',
    code: 'main.py',
    comment: '# changed\n',
    answers: { '/': 200, '/missing': 404 },
    inside: '/app',
    start: command(['python3', 'main.py'], 'python'),
    files: {
      'main.py':
        'import os, signal, sys, http.server as h\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nh.HTTPServer(("", int(os.environ["PORT"])), h.SimpleHTTPRequestHandler).serve_forever()\n',
      'requirements.txt': '# none yet\n',
    },
  },
  {
    name: 'adopted-page',
    base: 'caddy:2',
    addsMb: 1,
    code: 'public/index.html',
    comment: '<!-- changed -->\n',
    answers: { '/': 200, '/.secret': 404 },
    inside: '/srv',
    start: { kind: 'static', root: 'public', why: 'test' },
    files: { 'public/index.html': '<h1>hi</h1>', 'public/.secret': 'x' },
  },
  {
    name: 'adopted-ignoring',
    base: 'node:24-alpine',
    addsMb: 1,
    code: 'server.js',
    comment: '// changed\n',
    answers: { '/any': 200 },
    inside: '/app',
    start: command(['node', 'server.js'], 'node'),
    files: { 'server.js': stops + nodeServer, '.dockerignore': 'node_modules\n.env\n.git\n' },
  },
];

function command(argv: readonly string[], language: Language): Start {
  return { kind: 'command', argv, cwd: '.', language, why: 'test', path: [] };
}

/** What lies in many folders and belongs into no image. */
const secrets = { '.env': 'TOKEN=secret', '.git/config': 'secret' };
/** What an install makes beside the code: for this machine, not for the image. */
const madeBy = (name: string): string => (name.includes('python') ? '.venv/left/over.py' : 'node_modules/left/over.js');

const bases = new Set([...templates, ...adopted].map(({ base }) => base));
const why = requireImages('building images', [...bases, 'golang:1.27-alpine']);
let root = '';
const tagOf = (name: string): string => `camp-images-${process.pid}-${name}`;

function docker(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const { status, stdout, stderr } = spawnSync('docker', args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
  });
  return { status, stdout, all: stdout + stderr };
}

function must(args: readonly string[]): string {
  const { status, stdout, all } = docker(args);
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${all}`);
  return stdout.trim();
}

const folderOf = (name: string): string => join(root, 'shop/services', name);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'camp-images-'));
  const dir = join(root, 'shop');
  // npm workspaces at the top: each service must build from its own folder alone
  await applyChanges(dir, () => initProject({ dir, discover: () => [] }), { purpose: 'camp init' });
  for (const { name } of templates)
    await applyChanges(dir, () => addService({ dir, name, template: name }), { purpose: 'camp add service' });
  for (const { name, files, start } of adopted) {
    const folder = folderOf(name);
    for (const [path, text] of Object.entries(files)) write(folder, path, text);
    const own: Start =
      start.kind === 'static' ? { ...start, root: join(folder, start.root) } : { ...start, cwd: folder };
    write(folder, 'Dockerfile', `${dockerfileFor(own, factsOf(folder), '').join('\n')}\n`);
  }
  for (const { name } of [...templates, ...adopted])
    for (const [path, text] of Object.entries({ ...secrets, [madeBy(name)]: 'x' })) write(folderOf(name), path, text);
}, 300_000);

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
  if (why) return;
  for (const { name } of [...templates, ...adopted])
    docker(['image', 'rm', '--force', tagOf(name), `${tagOf(name)}-legacy`]);
}, 120_000);

function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** The steps of a build and whether each was taken from the cache. */
function build(name: string): ReadonlyMap<string, boolean> {
  const { status, all } = docker(['build', '--progress', 'plain', '-t', tagOf(name), '.'], {
    cwd: folderOf(name),
    env: { DOCKER_BUILDKIT: '1' },
  });
  expect(status, all).toBe(0);
  const cached = new Set([...all.matchAll(/^#(\d+) CACHED$/gm)].map((match) => match[1]));
  const steps = [...all.matchAll(/^#(\d+) \[[^\]]*\d+\/\d+\] (.+)$/gm)];
  return new Map(steps.map(([, number, words = '']) => [words, cached.has(number)]));
}

describe.each([...templates, ...adopted])('the image of $name', (one) => {
  test('is built again from the cache where only the code has changed', ({ skip }) => {
    skip(why !== undefined, why);
    build(one.name);
    write(folderOf(one.name), one.code, readFileSync(join(folderOf(one.name), one.code), 'utf8') + one.comment);
    const steps = [...build(one.name)];
    expect(steps.some(([, isCached]) => !isCached)).toBe(true);
    if (one.dependencies === undefined) return;
    const { dependencies } = one;
    expect(steps.filter(([words]) => words.startsWith(dependencies)).map(([, isCached]) => isCached)).toEqual([true]);
    // without a cache Go compiles its library first
  }, 400_000);

  test('is slim, has no root, no shell in front of its program, and no health check that would need a tool', ({
    skip,
  }) => {
    skip(why !== undefined, why);
    const inspect = (ref: string) =>
      JSON.parse(must(['image', 'inspect', ref]))[0] as {
        Size: number;
        Config: { User: string; Cmd: string[]; Entrypoint: string[] | null; Healthcheck?: unknown; Env: string[] };
      };
    const { Size, Config } = inspect(tagOf(one.name));
    expect((Size - inspect(one.base).Size) / 1e6).toBeLessThan(one.addsMb);
    expect(Config.User).toMatch(/^(?!root|0)\w+/);
    expect(Config.Cmd[0]).not.toMatch(/sh$|npm/);
    expect(Config.Healthcheck).toBeUndefined();
  });

  test('holds neither secrets nor what is made anew', ({ skip }) => {
    skip(why !== undefined, why);
    const found = must(['run', '--rm', '--entrypoint', 'find', tagOf(one.name), one.inside, '-xdev']);
    const names = found.split('\n').map((path) => path.slice(one.inside.length));
    expect(names.filter((path) => /\/(\.env|\.git|left)(\/|$)/.test(path))).toEqual([]);
    if (one.inside !== '/') expect(names.length).toBeGreaterThan(1);
  });

  test('answers what its process answers, as nobody of importance, and ends when it is asked to', async ({ skip }) => {
    skip(why !== undefined, why);
    const id = must(['run', '--detach', '--publish', '127.0.0.1::8080', tagOf(one.name)]);
    try {
      const port = Number(must(['port', id, '8080/tcp']).split('\n')[0]?.split(':').at(-1));
      for (const [path, status] of Object.entries(one.answers))
        expect(await answer(port, path, status), path).toBe(status);
      expect(must(['exec', id, 'id', '-u'])).not.toBe('0');
      must(['stop', id]);
      // 137 would be KILL after the grace
      expect(must(['inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', id])).toBe('0 false');
    } finally {
      docker(['rm', '--force', id]);
    }
  });

  test('needs nothing that only BuildKit has', ({ skip }) => {
    const text = readFileSync(join(folderOf(one.name), 'Dockerfile'), 'utf8');
    expect(text).not.toMatch(/--mount|<<|^# syntax|--exclude|--link|--parents/m);
    // its own build of the standard library takes half a minute; nothing else of it is different
    skip(why !== undefined || one.name === 'go', why ?? 'go is only read');
    const { status, all } = docker(['build', '-t', `${tagOf(one.name)}-legacy`, '.'], {
      cwd: folderOf(one.name),
      env: { DOCKER_BUILDKIT: '0' },
    });
    expect(status, all).toBe(0);
    const list = (tag: string) =>
      must(['run', '--rm', '--entrypoint', 'find', tag, one.inside, '-xdev']).split('\n').sort();
    expect(list(`${tagOf(one.name)}-legacy`)).toEqual(list(tagOf(one.name)));
  });
});

/** The status of a path, once anything answers there. */
async function answer(port: number, path: string, wanted: number): Promise<number> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const status = await new Promise<number>((resolve) => {
      get({ port, path, host: '127.0.0.1', agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on('error', () => resolve(0));
    });
    if (status === wanted || (status !== 0 && performance.now() > deadline)) return status;
    if (performance.now() > deadline) throw new Error(`nothing answers ${path}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}
