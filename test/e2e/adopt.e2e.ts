import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createHome } from '../rig/cluster.ts';
import { treeOf } from '../rig/failing-disk.ts';
import { can, Folder, server } from '../rig/folder.ts';
import { hasStack, trial } from '../rig/trial.ts';

/* Code that somebody else wrote: camp proposes the two files, writes nothing else, and what it proposes works. */
const home = createHome();
afterAll(() => home[Symbol.dispose]());

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const go = `package main

import (
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello from go")) })
	http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil)
}
`;
const python = `import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"hello from python")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
`;

interface Tree {
  readonly files: Readonly<Record<string, string>>;
  /** Services that are found. */
  readonly found: readonly string[];
  /** Program that `up` needs; none where it is not tried. */
  readonly toolchain?: readonly string[];
}

const node = (name: string): Readonly<Record<string, string>> => ({
  [`${name}/package.json`]: json({ name, private: true, scripts: { dev: 'node main.cjs' } }),
  [`${name}/main.cjs`]: server,
});
const always = ['true'];

const trees: Readonly<Record<string, Tree>> = {
  'dev-script': {
    files: { 'package.json': json({ name: 'x', scripts: { dev: 'node main.cjs' } }), 'main.cjs': server },
    found: ['dev-script'],
    toolchain: always,
  },
  'start-script': {
    files: { 'package.json': json({ scripts: { start: 'node ./main.cjs --flag "a b"' } }), 'main.cjs': server },
    found: ['start-script'],
    toolchain: always,
  },
  workspaces: {
    files: {
      'package.json': json({ private: true, workspaces: ['packages/*'] }),
      ...node('packages/api'),
      ...node('packages/web'),
      'packages/lib/package.json': json({ name: 'lib', main: 'x.js' }),
    },
    found: ['api', 'web'],
    toolchain: always,
  },
  services: {
    files: { ...node('services/orders'), ...node('services/users'), 'services/notes.txt': 'nothing\n' },
    found: ['orders', 'users'],
    toolchain: always,
  },
  apps: { files: { ...node('apps/site'), ...node('apps/admin') }, found: ['admin', 'site'], toolchain: always },
  procfile: {
    files: { Procfile: 'web: node main.cjs\n# a comment\n', 'main.cjs': server },
    found: ['procfile'],
    toolchain: always,
  },
  golang: {
    files: { 'go.mod': 'module example.com/x\n\ngo 1.21\n', 'main.go': go },
    found: ['golang'],
    toolchain: ['go', 'version'],
  },
  requirements: {
    files: { 'requirements.txt': '', 'main.py': python },
    found: ['requirements'],
    toolchain: ['python3', '--version'],
  },
  pyproject: {
    files: { 'pyproject.toml': '[project]\nname = "x"\nversion = "1"\n', 'main.py': python },
    found: ['pyproject'],
    toolchain: ['python3', '--version'],
  },
  cargo: {
    files: {
      'Cargo.toml': '[package]\nname = "thing"\nversion = "0.1.0"\nedition = "2021"\n',
      'src/main.rs': 'fn main() {}\n',
    },
    found: ['cargo'],
  },
  page: {
    files: { 'index.html': '<h1>hello from a page</h1>\n', 'style.css': 'h1 {}\n' },
    found: ['page'],
    toolchain: always,
  },
  mixed: {
    files: {
      ...node('services/api'),
      'services/calc/go.mod': 'module example.com/calc\n\ngo 1.21\n',
      'services/calc/main.go': go,
      'services/web/index.html': '<h1>hello</h1>\n',
    },
    found: ['api', 'calc', 'web'],
    toolchain: ['go', 'version'],
  },
  'Ünusual Name!': {
    files: { 'package.json': json({ scripts: { dev: 'node main.cjs' } }), 'main.cjs': server },
    found: [],
    toolchain: always,
  },
};

const hasCompose = can('run docker compose', ['docker', 'compose', 'version']);

/** What Compose and Caddy say of the files as they are, without camp. */
function expectPlain({ dir }: Folder): void {
  if (hasCompose) {
    const { status, stderr } = spawnSync('docker', ['compose', 'config', '-q'], { cwd: dir, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  }
  for (const domain of [undefined, 'shop.example.com']) {
    const env = {
      PATH: process.env['PATH'],
      HOME: home.dir,
      XDG_DATA_HOME: home.dir,
      ...(domain ? { CAMP_DOMAIN: domain } : {}),
    };
    const { status, stderr } = spawnSync('caddy', ['validate', '--adapter', 'caddyfile', '--config', 'Caddyfile'], {
      cwd: dir,
      env,
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
  }
}

describe.each(Object.entries(trees))('a folder with %s', (name, { files, found, toolchain }) => {
  test('is adopted: two files, nothing else, and they say what was found', async () => {
    await using folder = new Folder(home, name, files);
    const before = treeOf(folder.dir);
    const dry = await folder.camp(['init', '--yes', '--dry-run', '--json']);
    expect(dry.code, dry.stdout).toBe(0);
    expect(treeOf(folder.dir)).toEqual(before);
    const said = await folder.camp(['init', '--yes']);
    expect(said.code, said.stdout + said.stderr).toBe(0);
    for (const service of found) expect(said.stdout).toContain(service);
    const { 'compose.yaml': compose, Caddyfile: caddyfile, ...rest } = treeOf(folder.dir, ['.camp/']);
    const others = Object.fromEntries(Object.entries(rest).filter(([path]) => !path.startsWith('.camp/')));
    expect(others).toEqual(before);
    for (const service of found) expect(compose).toContain(`  ${service}:`);
    expect(caddyfile).toContain('{$CAMP_DOMAIN:');
    expectPlain(folder);
    const again = treeOf(folder.dir);
    expect((await folder.camp(['init', '--yes'])).code).toBe(0);
    expect(treeOf(folder.dir)).toEqual(again);
    if (!toolchain || !can(`run ${toolchain[0]}`, toolchain)) return;
    const { report } = await folder.up({ timeoutMs: 90_000 });
    for (const service of found) expect(report.services.map((one) => one.name)).toContain(service);
    for (const url of report.urls)
      expect(await folder.get(report, url)).toMatchObject({ status: 200, text: expect.stringContaining('hello') });
    expect(report.urls.length).toBeGreaterThan(0);
  });
});

test('a folder with a compose.yaml gets a Caddyfile only', async () => {
  const compose =
    '# mine\nx-camp: native\nservices:\n  web:   # the page\n    build: ./web\n    x-camp: {run: node main.cjs}\n    ports: ["3000:3000"]\n';
  await using folder = new Folder(home, 'compose-only', { 'compose.yaml': compose, 'web/main.cjs': server });
  const before = treeOf(folder.dir);
  expect((await folder.camp(['init', '--yes'])).code).toBe(0);
  const { Caddyfile: caddyfile, ...rest } = treeOf(folder.dir);
  expect(Object.fromEntries(Object.entries(rest).filter(([path]) => !path.startsWith('.camp/')))).toEqual(before);
  expect(caddyfile).toContain('reverse_proxy web:3000');
  expectPlain(folder);
  const { report } = await folder.up();
  expect((await folder.get(report)).status).toBe(200);
});

test.each(['dev-script', 'procfile', 'page', 'services'])(
  'neither file, %s: up serves it under the folder’s name and writes nothing',
  async (name) => {
    await using folder = new Folder(home, `bare-${name}`, trees[name]?.files ?? {});
    const before = treeOf(folder.dir);
    const { report } = await folder.up();
    expect(report.urls.length).toBeGreaterThan(0);
    for (const url of report.urls) {
      expect(new URL(url).hostname.endsWith(`${basename(folder.dir)}.localhost`), url).toBe(true);
      expect((await folder.get(report, url)).status).toBe(200);
    }
    expect(treeOf(folder.dir)).toEqual(before);
    expect((await folder.camp(['ps'])).stdout).toContain('ready');
    await folder.down();
    expect(treeOf(folder.dir)).toEqual(before);
  },
);

test('a file of the same name is never overwritten', async () => {
  const own = 'mine.localhost {\n\trespond mine\n}\n';
  await using folder = new Folder(home, 'own-caddyfile', { ...(trees['dev-script']?.files ?? {}), Caddyfile: own });
  expect((await folder.camp(['init', '--yes'])).code).toBe(0);
  expect(treeOf(folder.dir)['Caddyfile']).toBe(`644 ${own}`);
});

describe('a service that fails', () => {
  const compose = (run: string, rest = ''): Readonly<Record<string, string>> => ({
    'compose.yaml': `name: failing\nx-camp: native\nservices:\n  api:\n    build: .\n    x-camp: { run: ${run} }\n${rest}  web:\n    build: .\n    x-camp: { run: node web.cjs }\n    depends_on: { api: { condition: service_healthy } }\n  alone:\n    build: .\n    x-camp: { run: node web.cjs }\n`,
    Caddyfile:
      'failing.localhost {\n\treverse_proxy api:8080\n}\nalone.failing.localhost {\n\treverse_proxy alone:8080\n}\n',
    'web.cjs': server,
    'exits.cjs': 'console.log("reading the settings"); console.error("no settings here"); process.exit(7);\n',
    'never.cjs':
      'console.log("still warming up"); require("http").createServer((_, r) => { r.statusCode = 503; r.end("warming"); }).listen(process.env.PORT, "127.0.0.1");\n',
  });
  const failing: readonly (readonly [string, string, string, RegExp])[] = [
    ['ends at once', 'node exits.cjs', '', /no settings here/],
    [
      'is never ready',
      'node never.cjs',
      '    healthcheck: { test: ["CMD", "curl", "-f", "http://localhost:8080/"] }\n',
      /still warming up|503/,
    ],
    ['is no program', 'no-such-program-here --x', '', /no-such-program-here/],
  ];
  test.each(failing)('%s: exit 5, its last lines, and what waits for it', async (name, run, rest, evidence) => {
    await using folder = new Folder(home, `fails-${name.replaceAll(' ', '-')}`, compose(run, rest));
    const outcome = await folder.fails({}, '--timeout', '3');
    expect(outcome.code, outcome.stdout).toBe(5);
    expect(hasStack(outcome), outcome.stdout).toBe(false);
    expect(outcome.ms).toBeLessThan(9000);
    expect(outcome.errors[0]?.message).toContain('"api"');
    expect(JSON.stringify(outcome.errors)).toMatch(evidence);
    expect(JSON.stringify(outcome.errors)).not.toContain('"alone"');
    // the guard is the one process that nobody waits for
    await expect.poll(() => folder.processes()).toEqual([]);
    const shown = await trial(['up', '--timeout', '3'], { cwd: folder.dir, env: home.env });
    expect(shown.code).toBe(5);
    expect(shown.stdout + shown.stderr).toMatch(evidence);
    expect(shown.stdout + shown.stderr).toMatch(/not started, because it waits for this: web/);
    expect(hasStack(shown), shown.stderr).toBe(false);
  });
});

test('what a service needs that cannot be installed: exit 4, and how to try again', async () => {
  await using folder = new Folder(home, 'install', {
    'package.json': json({ scripts: { dev: 'node main.cjs' }, dependencies: { nothing: 'file:./not-here.tgz' } }),
    'main.cjs': server,
  });
  const before = treeOf(folder.dir);
  const outcome = await folder.fails({ timeoutMs: 60_000 });
  expect(outcome.code, outcome.stdout).toBe(4);
  expect(outcome.errors[0]?.hints.join(' ')).toMatch(/npm/);
  expect(Object.keys(treeOf(join(folder.dir)))).toEqual(expect.arrayContaining(Object.keys(before)));
});
