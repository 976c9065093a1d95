import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CampError } from '../../src/kit/failure.ts';
import type { Start } from '../../src/project/types.ts';
import { addService } from '../../src/scaffold/add-service.ts';
import type { Discovered } from '../../src/scaffold/adopt.ts';
import { applyChanges } from '../../src/scaffold/apply.ts';
import { type InitRequest, initProject } from '../../src/scaffold/init-project.ts';
import { treeOf } from '../rig/failing-disk.ts';

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'camp-init-'));
  dir = join(root, 'shop');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function files(all: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}
const read = (path: string) => readFileSync(join(dir, path), 'utf8');
const paths = (changes: readonly { path: string }[]) => changes.map(({ path }) => path).sort();
const init = (request: Partial<InitRequest> = {}) => initProject({ dir, discover: () => [], ...request });
const write = (request: Partial<InitRequest> = {}) =>
  applyChanges(request.dir ?? dir, () => init(request), { purpose: 'camp init' });

async function failuresFrom(work: Promise<unknown>) {
  try {
    await work;
    return [];
  } catch (error) {
    if (!(error instanceof CampError)) throw error;
    return error.failures.map(({ code, hints, fault }) => ({ code, hint: hints[0], fault }));
  }
}

function program(
  argv: readonly string[],
  language: Exclude<Start, { kind: 'static' }>['language'],
  folder: string,
): Start {
  return { kind: 'command', argv, cwd: join(dir, folder), language, why: 'package.json scripts.start', path: [] };
}

describe('a starter', () => {
  test.each(['hello', 'empty'])(
    '%s in a new folder, in one that is empty, and below folders that are missing',
    async (starter) => {
      mkdirSync(join(root, 'empty'));
      for (const to of [dir, join(root, 'empty'), join(root, 'a/b/c')]) await write({ dir: to, starter });
      const tree = treeOf(dir, ['.camp']);
      for (const path of ['Caddyfile', 'compose.yaml', 'README.md', '.gitignore']) expect(tree).toHaveProperty([path]);
      expect(tree['compose.yaml']).toContain('\nname: shop\nx-camp: native\n');
      expect(readdirSync(root).sort()).toEqual(['a', 'empty', 'shop']);
      expect(readdirSync(join(dir, '.camp')).sort()).toEqual(['.gitignore', 'generated.json']);
    },
  );

  test('git, a licence and a README do not make a folder full, and stay as they are', async () => {
    files({ 'README.md': 'mine', LICENSE: 'MIT', '.git/HEAD': 'ref', '.gitignore': 'x' });
    const { notes } = await write();
    expect(read('README.md')).toBe('mine');
    expect(read('.gitignore')).toBe('x');
    expect(notes.length).toBe(2);
    expect(read('compose.yaml')).toContain('build: services/api');
  });

  test('a second init changes nothing', async () => {
    await write();
    const before = treeOf(dir);
    const { changes, notes } = await write();
    expect(changes).toEqual([]);
    expect(notes).toEqual(['compose.yaml and Caddyfile are there already, nothing to do']);
    expect(treeOf(dir)).toEqual(before);
  });

  test('an unknown one, with a suggestion', async () => {
    expect(await failuresFrom(init({ starter: 'helo' }))).toEqual([
      { code: 'UNKNOWN_STARTER', hint: 'did you mean hello?', fault: 'usage' },
    ]);
    expect(await failuresFrom(init({ starter: '../service' }))).toMatchObject([
      { code: 'UNKNOWN_STARTER', hint: expect.stringMatching(/^--starter empty, hello/) },
    ]);
  });

  test.each(['My_Shop', 'no', '-x', 'é', 'a'.repeat(64)])(
    'a new folder called %s is refused before anything is made',
    async (name) => {
      expect(await failuresFrom(write({ dir: join(root, name) }))).toMatchObject([
        { code: 'INVALID_NAME', fault: 'usage' },
      ]);
      expect(readdirSync(root)).toEqual([]);
    },
  );

  test('a folder that is there may be called anything; --name must be a name', async () => {
    mkdirSync(join(root, 'My Shop; $(x)'));
    expect((await init({ dir: join(root, 'My Shop; $(x)') })).project).toBe('my-shop-x');
    expect(await failuresFrom(init({ name: 'A B', starter: 'nope' }))).toMatchObject([
      { code: 'INVALID_NAME', hint: 'use a-b' },
      { code: 'UNKNOWN_STARTER' },
    ]);
  });

  test('a file where the folder should be is refused', async () => {
    writeFileSync(dir, 'x');
    expect(await failuresFrom(init())).toEqual([
      { code: 'NOT_A_FOLDER', hint: 'choose another folder', fault: 'usage' },
    ]);
  });
});

describe('a folder with code', () => {
  const discovered = (): readonly Discovered[] => [
    {
      name: 'API_v2',
      folder: join(dir, 'apps/API_v2'),
      start: program(['/usr/bin/node', join(dir, 'apps/API_v2/main.js')], 'node', 'apps/API_v2'),
      hasDockerfile: false,
    },
    {
      name: 'jobs',
      folder: 'services/jobs',
      start: program(['python3', 'main.py'], 'python', 'services/jobs'),
      hasDockerfile: false,
    },
    {
      name: 'calc',
      folder: 'services/calc',
      start: program(['go', 'run', './cmd/calc'], 'go', 'services/calc'),
      hasDockerfile: false,
    },
    {
      name: 'orders',
      folder: 'services/orders',
      start: program(['node', 'x.js'], 'node', 'services/orders'),
      hasDockerfile: true,
    },
    {
      name: 'site',
      folder: 'site',
      start: { kind: 'static', root: join(dir, 'site/public'), why: 'index.html' },
      hasDockerfile: false,
    },
  ];
  const code = {
    'apps/API_v2/package.json': '{}',
    'apps/API_v2/main.js': '',
    'services/jobs/requirements.txt': '',
    'services/calc/go.mod': '',
    'services/orders/Dockerfile': 'FROM x\nEXPOSE 3000\nENV A=$B',
    'site/public/index.html': '<h1>',
  };

  test('gets compose.yaml and Caddyfile, and nothing else changes', async () => {
    files(code);
    const before = treeOf(dir);
    const { found, notes } = await write({ discover: discovered });
    const { 'compose.yaml': compose = '', Caddyfile: caddyfile, ...rest } = treeOf(dir, ['.camp', '.camp/']);
    expect(rest).toEqual(before);
    expect(found.map(({ name, route, start }) => [name, route, start])).toEqual([
      [
        'api-v2',
        'https://shop.localhost/api/api-v2/',
        expect.stringMatching(/^node .*main\.js \(package\.json scripts\.start\)$/),
      ],
      ['jobs', 'https://shop.localhost/api/jobs/', 'python3 main.py (package.json scripts.start)'],
      ['calc', 'https://shop.localhost/api/calc/', 'go run ./cmd/calc (package.json scripts.start)'],
      ['orders', 'https://shop.localhost/api/orders/', 'node x.js (package.json scripts.start)'],
      ['site', 'https://shop.localhost/', 'files, served by the edge (index.html)'],
    ]);
    expect(notes).toEqual(['found 5 services; nothing but compose.yaml and Caddyfile is written']);
    expect(caddyfile?.split('\n').slice(1, -1)).toEqual([
      '{$CAMP_DOMAIN:shop.localhost} {',
      '\treverse_proxy /api/api-v2/* api-v2:8080',
      '\treverse_proxy /api/jobs/* jobs:8080',
      '\treverse_proxy /api/calc/* calc:8080',
      '\treverse_proxy /api/orders/* orders:3000',
      '\treverse_proxy site:8080',
      '}',
    ]);
    expect(compose).toContain(
      '  api-v2:\n    build:\n      context: "apps/API_v2"\n      dockerfile_inline: |\n        FROM node:24-alpine AS build\n',
    );
    expect(compose).toContain('        CMD ["node","main.js"]\n');
    expect(compose).toContain('PATH=/app/node_modules/.bin:$$PATH');
    expect(compose).toContain('pip install --no-cache-dir --prefix=/dependencies -r requirements.txt');
    expect(compose).toContain('go build -o /service ./cmd/calc');
    expect(compose).toContain('  orders:\n    build: services/orders\n');
    expect(compose).toContain('        COPY public /files\n');
  });

  test('Caddy and Compose accept what was proposed', async () => {
    files(code);
    await write({ discover: discovered });
    const caddy = spawnSync('caddy', ['validate', '--adapter', 'caddyfile', '--config', 'Caddyfile'], {
      cwd: dir,
      encoding: 'utf8',
    });
    expect(caddy.status, caddy.stderr ?? 'there is no caddy').toBe(0);
    const compose = spawnSync('docker', ['compose', 'config', '-q'], { cwd: dir, encoding: 'utf8' });
    if (compose.error) console.warn('skipped: there is no docker on this machine');
    else expect(compose.status, compose.stderr).toBe(0);
  });

  test('a single service has the whole site', async () => {
    files({ 'package.json': '{}' });
    const only: Discovered = {
      name: 'shop',
      folder: dir,
      start: program(['node', 'a.js'], 'node', '.'),
      hasDockerfile: false,
    };
    const { changes, found } = await init({ discover: () => [only] });
    expect(changes.find(({ path }) => path === 'Caddyfile')?.after).toContain('{\n\treverse_proxy shop:8080\n}');
    expect(changes.find(({ path }) => path === 'compose.yaml')?.after).toContain('      context: "."\n');
    expect(found[0]?.folder).toBe('.');
  });

  test('two folders of one name get two names; a Caddyfile that is there stays', async () => {
    files({ Caddyfile: 'shop.localhost\n', 'a/Web/x': '', 'b/web/x': '' });
    const start = program(['node', 'a.js'], 'node', 'a/Web');
    const { changes } = await write({
      discover: () => [
        { name: 'Web', folder: 'a/Web', start, hasDockerfile: true },
        { name: 'web', folder: 'b/web', start, hasDockerfile: true },
      ],
    });
    expect(paths(changes)).toEqual(['compose.yaml']);
    expect(read('compose.yaml')).toContain('  web:\n    build: "a/Web"\n  web-2:\n    build: b/web\n');
    expect(read('Caddyfile')).toBe('shop.localhost\n');
  });

  test('a starter asked for by name wins over adoption, but overwrites nothing', async () => {
    files({ 'package.json': '{"name":"mine"}' });
    expect(await failuresFrom(write({ starter: 'hello', discover: discovered }))).toMatchObject([
      { code: 'FILE_EXISTS' },
    ]);
    expect(treeOf(dir)).toEqual({ 'package.json': '644 {"name":"mine"}' });
  });
});

describe('a folder with a compose file', () => {
  test('gets only a Caddyfile: the front page on the domain, what opens a port on a host of its own', async () => {
    const compose =
      'name: store\nservices:\n  api:\n    image: api:1\n    expose: ["9000"]\n  web:\n    build: ./web\n    ports: ["127.0.0.1:8081:80/tcp"]\n  db:\n    image: docker.io/postgres:17\n    ports: ["5432:5432"]\n  worker:\n    image: worker:1\n';
    files({ 'docker-compose.yml': compose, 'web/Dockerfile': 'FROM x' });
    const { changes, found, project } = await write();
    expect([project, paths(changes)]).toEqual(['store', ['Caddyfile']]);
    expect(read('Caddyfile').split('\n').slice(1)).toEqual([
      '{$CAMP_DOMAIN:store.localhost} {',
      '\treverse_proxy web:80',
      '}',
      '',
      'api.{$CAMP_DOMAIN:store.localhost} {',
      '\treverse_proxy api:9000',
      '}',
      '',
    ]);
    expect(found.map(({ name, route }) => [name, route])).toEqual([
      ['web', 'https://store.localhost/'],
      ['api', 'https://api.store.localhost/'],
    ]);
    expect(read('docker-compose.yml')).toBe(compose);
  });

  test('a broken one is a problem with its position', async () => {
    files({ 'compose.yaml': 'services:\n\tweb: {}\n' });
    await expect(write()).rejects.toMatchObject({
      failures: [{ code: 'COMPOSE_INVALID', source: { line: 2, col: 1 } }],
    });
    expect(readdirSync(dir)).toEqual(['compose.yaml']);
  });
});

describe('add service', () => {
  const add = (name: string, more: Partial<Parameters<typeof addService>[0]> = {}) =>
    applyChanges(dir, () => addService({ dir, name, ...more }), { purpose: 'camp add service' });

  test('needs a project', async () => {
    mkdirSync(dir);
    expect(await failuresFrom(add('a'))).toEqual([{ code: 'NOT_A_PROJECT', hint: 'camp init', fault: 'usage' }]);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('says everything that is wrong with a request at once, and changes nothing', async () => {
    await write();
    const before = treeOf(dir);
    const wrong = await failuresFrom(add('Orders', { template: 'pyhton', route: '/a b', needs: ['apu', 'edge'] }));
    expect(wrong).toEqual([
      { code: 'INVALID_NAME', hint: 'use orders', fault: 'usage' },
      { code: 'UNKNOWN_TEMPLATE', hint: 'did you mean python?', fault: 'usage' },
      { code: 'INVALID_ROUTE', hint: '--route /ab', fault: 'usage' },
      { code: 'UNKNOWN_DEPENDENCY', hint: 'did you mean api?', fault: 'usage' },
      { code: 'UNKNOWN_DEPENDENCY', hint: '--needs api, web', fault: 'usage' },
    ]);
    expect(await failuresFrom(add('orders', { route: '/x', host: true }))).toMatchObject([{ code: 'INVALID_ROUTE' }]);
    expect(treeOf(dir)).toEqual(before);
  });

  test.each(['node', 'python', 'go', 'static'])(
    '%s: one line in the Caddyfile, at most three in compose.yaml, twice is once',
    async (template) => {
      await write({ starter: 'empty' });
      await add('db-facade');
      const count = (path: string) => read(path).split('\n').length;
      const before = [count('Caddyfile'), count('compose.yaml')] as const;
      await add('orders', { template, needs: ['db-facade'] });
      expect([count('Caddyfile') - before[0], count('compose.yaml') - before[1]]).toEqual([1, 3]);
      const tree = treeOf(dir);
      const again = await add('orders', { template, needs: ['db-facade'] });
      expect(again.changes).toEqual([]);
      expect(treeOf(dir)).toEqual(tree);
    },
  );

  test('after hand edits the same add keeps them; another template, need or route is refused', async () => {
    await write();
    await add('orders', { template: 'go' });
    writeFileSync(join(dir, 'services/orders/main.go'), 'package main // mine\n');
    writeFileSync(
      join(dir, 'compose.yaml'),
      read('compose.yaml').replace('build: services/orders', 'build: services/orders # mine\n    environment: {A: b}'),
    );
    writeFileSync(join(dir, 'Caddyfile'), read('Caddyfile').replace('/api/orders/*', '/o/*'));
    const tree = treeOf(dir);
    expect((await add('orders', { template: 'go' })).changes).toEqual([]);
    expect(await failuresFrom(add('orders', { template: 'python' }))).toMatchObject([{ code: 'SERVICE_EXISTS' }]);
    expect(await failuresFrom(add('orders', { route: '/other' }))).toMatchObject([{ code: 'SERVICE_EXISTS' }]);
    expect(await failuresFrom(add('orders', { needs: ['api'] }))).toMatchObject([
      { code: 'SERVICE_EXISTS', hint: 'add depends_on: [api] to it' },
    ]);
    expect(treeOf(dir)).toEqual(tree);
  });

  test('a folder that is in the way is not overwritten', async () => {
    await write();
    files({ 'services/orders/notes.txt': 'mine' });
    expect(await failuresFrom(add('orders'))).toMatchObject([{ code: 'FILE_EXISTS', fault: 'project' }]);
    expect(readdirSync(join(dir, 'services/orders'))).toEqual(['notes.txt']);
  });

  test('both files broken are both reported', async () => {
    files({ 'compose.yaml': 'services:\n  orders: {image: x}\n', Caddyfile: 'a {\n' });
    expect(await failuresFrom(add('orders'))).toMatchObject([
      { code: 'SERVICE_EXISTS' },
      { code: 'CADDYFILE_INVALID' },
    ]);
  });

  test('the front page of the empty starter has to make room first', async () => {
    await write({ starter: 'empty' });
    expect(await failuresFrom(add('web', { template: 'static', route: '/' }))).toMatchObject([
      { code: 'ROUTE_TAKEN', fault: 'project' },
    ]);
    writeFileSync(join(dir, 'Caddyfile'), read('Caddyfile').replace(/\trespond.*\n/, ''));
    await add('web', { template: 'static', route: '/' });
    expect(read('Caddyfile')).toContain('{\n\treverse_proxy web:8080\n}');
    expect(read('services/web/Dockerfile')).toContain('COPY . /srv\n');
  });

  test('works on files that camp did not write', async () => {
    files({
      'docker-compose.yml': 'services:\n    web:\n        image: nginx\n',
      Caddyfile: 'example.com\nreverse_proxy web:80\n',
    });
    const { changes } = await add('orders', { template: 'python', needs: ['web'] });
    expect(paths(changes).filter((path) => !path.startsWith('services/'))).toEqual(['Caddyfile', 'docker-compose.yml']);
    expect(read('docker-compose.yml')).toBe(
      'services:\n    web:\n        image: nginx\n    orders:\n        build: services/orders\n        depends_on: [web]\n',
    );
    expect(read('Caddyfile')).toBe('example.com\nreverse_proxy web:80\nreverse_proxy /api/orders/* orders:8080\n');
  });
});

describe('what Caddy says of the edited Caddyfiles', () => {
  const folder = new URL('../cases/scaffold/', import.meta.url);
  const cases = readdirSync(folder).filter((name) => name.startsWith('caddy-') && !name.startsWith('caddy-bad'));
  test.each(cases)('%s', (name) => {
    const [command = '', before = '', after = ''] = readFileSync(new URL(name, folder), 'utf8')
      .split(/^-{10}\n/m)
      .map((text) => text.replaceAll('␍', '\r').replaceAll('␂', '\uFEFF').replace(/␄\n$/, ''));
    const adapt = (text: string) =>
      spawnSync('caddy', ['adapt', '--adapter', 'caddyfile', '--config', '-'], { input: text, encoding: 'utf8' });
    if (/^[A-Z_]+ Caddyfile:|^unchanged/.test(after))
      return expect(adapt(before).status, 'the text that was left alone').toBe(0);
    const was = before.trim() === '' || /^(#.*\n)*$/.test(before) ? 0 : adapt(before).status;
    expect(was, 'before').toBe(0);
    const { status, stdout, stderr } = adapt(after);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain(`"dial":"${command.split(' ')[1]}:8080"`);
  });
});
