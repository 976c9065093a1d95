import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { provideSecrets, withPlannedSecrets } from '../../src/camp/secrets.ts';
import { CampError } from '../../src/kit/failure.ts';
import { type AddBackingRequest, addBacking } from '../../src/scaffold/add-backing.ts';
import { type AddServiceRequest, addService } from '../../src/scaffold/add-service.ts';
import { applyChanges } from '../../src/scaffold/apply.ts';
import { type BackingKind, backingKinds } from '../../src/scaffold/backing.ts';
import { initProject } from '../../src/scaffold/init-project.ts';
import { knownPackages, membersOf } from '../../src/scaffold/node-workspace.ts';
import { closure } from '../../src/scaffold/npm-lock.ts';
import { renderStarter, renderTemplate, starterManifest, templateNames } from '../../src/scaffold/templates.ts';
import { treeOf } from '../rig/failing-disk.ts';

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'camp-backing-'));
  dir = join(root, 'shop');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const read = (path: string) => readFileSync(join(dir, path), 'utf8');
const write = (path: string, text: string) => {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
};
const init = (starter: string) =>
  applyChanges(dir, () => initProject({ dir, starter, discover: () => [] }), { purpose: 'camp init' });
const add = (kind: BackingKind, more: Partial<AddBackingRequest> = {}, dryRun = false) =>
  applyChanges(dir, () => addBacking({ dir, kind, ...more }), { purpose: 'camp add', dryRun });
const addNew = (name: string, more: Partial<AddServiceRequest> = {}) =>
  applyChanges(dir, () => addService({ dir, name, ...more }), { purpose: 'camp add service' });

async function failuresFrom(work: Promise<unknown>) {
  try {
    await work;
    return [];
  } catch (error) {
    if (!(error instanceof CampError)) throw error;
    return error.failures.map(({ code, hints, fault }) => ({ code, hint: hints[0], fault }));
  }
}

/** Whether Compose itself reads it; where there is no Compose, the reason is printed. */
function expectCompose(): void {
  const compose = spawnSync('docker', ['compose', 'config', '-q'], { cwd: dir, encoding: 'utf8' });
  if (compose.error) console.warn('not asked: there is no docker on this machine');
  else expect(compose.status, compose.stderr).toBe(0);
}

describe('camp add', () => {
  test.each(backingKinds)(
    '%s: Compose accepts it, adding again changes nothing, a user is wired later',
    async (kind) => {
      await init('hello');
      const { changes } = await add(kind);
      expect(changes[0]?.path).toBe('compose.yaml');
      expectCompose();
      const before = treeOf(dir);
      expect((await add(kind)).changes).toEqual([]);
      expect(treeOf(dir)).toEqual(before);
      const name = kind === 'postgres' ? { name: 'db' } : {};
      await add(kind, { ...name, users: ['api'] });
      const wired = treeOf(dir);
      expect(read('compose.yaml')).toMatch(
        / {2}api:\n {4}build: services\/api\n {4}environment:\n {6}\w+: .+\n {4}depends_on:\n/,
      );
      expect((await add(kind, { ...name, users: ['api'] })).changes).toEqual([]);
      expect(treeOf(dir)).toEqual(wired);
      expectCompose();
    },
  );

  test('a database belongs to the service that it is made for', async () => {
    await init('hello');
    await addNew('orders', { template: 'go' });
    await add('postgres', { users: ['orders'] });
    expect(read('compose.yaml')).toContain(
      [
        '  orders-db:',
        '    image: postgres:17',
        '    environment:',
        '      POSTGRES_USER: orders',
        '      POSTGRES_DB: orders',
        '      POSTGRES_PASSWORD: ${ORDERS_DB_PASSWORD}',
        '    volumes: ["orders-db:/var/lib/postgresql/data"]',
        '    healthcheck:',
        '      test: ["CMD-SHELL", "pg_isready -U orders"]',
        '      interval: 5s',
        '      timeout: 3s',
        '      retries: 10',
        '',
        'volumes:',
        '  orders-db:',
        '',
      ].join('\n'),
    );
    expect(read('compose.yaml')).toContain(
      '      DATABASE_URL: postgres://orders:${ORDERS_DB_PASSWORD}@orders-db:5432/orders\n    depends_on:\n      orders-db:\n        condition: service_healthy\n',
    );
    const before = treeOf(dir);
    expect(await failuresFrom(add('postgres', { name: 'orders-db', users: ['api'] }))).toEqual([
      { code: 'DATABASE_SHARED', hint: 'camp add postgres --for api', fault: 'usage' },
    ]);
    expect(await failuresFrom(add('postgres', { users: ['api', 'orders'] }))).toMatchObject([
      { code: 'DATABASE_SHARED' },
    ]);
    expect(await failuresFrom(add('postgres', { name: 'second', users: ['orders'] }))).toMatchObject([
      { code: 'VARIABLE_SET' },
    ]);
    expect(await failuresFrom(addNew('bills', { needs: ['orders-db', 'api'] }))).toMatchObject([
      { code: 'DATABASE_SHARED', hint: 'camp add service bills --needs api && camp add postgres --for bills' },
    ]);
    expect(treeOf(dir)).toEqual(before);
  });

  test('one that a service only waits for belongs to it too: camp gives it the address', async () => {
    write(
      'compose.yaml',
      'services:\n  a:\n    build: a\n    depends_on: [db]\n  b:\n    build: b\n  db:\n    image: postgres:17\n    environment: [POSTGRES_PASSWORD=x]\n',
    );
    expect(await failuresFrom(add('postgres', { name: 'db', users: ['b'] }))).toMatchObject([
      { code: 'DATABASE_SHARED' },
    ]);
    await add('postgres', { name: 'db', users: ['a'] });
    expect(read('compose.yaml')).toContain('      DATABASE_URL: postgres://postgres:x@db:5432/postgres\n');
    expect(treeOf(dir)).not.toHaveProperty(['.env']);
  });

  test('a broker that is there is shared, whatever it is called', async () => {
    await init('hello');
    await add('nats', { name: 'bus', users: ['api'] });
    await add('nats', { users: ['web'] });
    expect(read('compose.yaml').match(/NATS_URL: nats:\/\/bus:4222/g)?.length).toBe(2);
    expect(read('compose.yaml')).not.toContain('  nats:\n    image');
  });

  test('says everything that is wrong with a request, and changes nothing', async () => {
    await init('hello');
    const before = treeOf(dir);
    expect(await failuresFrom(add('redis', { name: 'Cache', users: ['apu', 'edge'] }))).toMatchObject([
      { code: 'INVALID_NAME', hint: 'use cache' },
      { code: 'UNKNOWN_DEPENDENCY', hint: 'did you mean api?' },
      { code: 'UNKNOWN_DEPENDENCY' },
    ]);
    expect(await failuresFrom(add('redis', { name: 'api' }))).toMatchObject([
      { code: 'SERVICE_EXISTS', fault: 'project' },
    ]);
    expect(treeOf(dir)).toEqual(before);
  });

  test('one that asks for a login that its lines do not tell is left to a person', async () => {
    write(
      'compose.yaml',
      'services:\n  a:\n    build: a\n  db:\n    image: postgres:17\n    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/x}\n',
    );
    expect(await failuresFrom(add('postgres', { name: 'db', users: ['a'] }))).toMatchObject([
      { code: 'ADDRESS_UNKNOWN', fault: 'project' },
    ]);
  });
});

describe('passwords', () => {
  test('are in .env alone, for its owner alone, and in no output', async () => {
    await init('hello');
    const shown = await add('postgres', {}, true);
    expect(shown.diff).toContain('+DB_PASSWORD=***');
    await add('postgres');
    const password = /^DB_PASSWORD=([A-Za-z0-9]{32})$/m.exec(read('.env'))?.[1] ?? 'none';
    expect(statSync(join(dir, '.env')).mode & 0o777).toBe(0o600);
    for (const [path, text] of Object.entries(treeOf(dir)))
      if (path !== '.env') expect(text, path).not.toContain(password);
    expect(read('.env.example')).toMatch(/^DB_PASSWORD=$/m);
    const { diff } = await add('rabbitmq', {}, true);
    expect(diff).not.toContain(password);
  });

  test('a .env that a person wrote keeps its bytes and its mode', async () => {
    await init('hello');
    write('.env', 'A="x y"\r\nDB_PASSWORD=mine');
    chmodSync(join(dir, '.env'), 0o640);
    await add('postgres');
    expect(read('.env')).toBe('A="x y"\r\nDB_PASSWORD=mine');
    const { notes } = await add('rabbitmq');
    expect(read('.env')).toMatch(/^A="x y"\r\nDB_PASSWORD=mine\r\nRABBITMQ_PASSWORD=[A-Za-z0-9]{32}\r\n$/);
    expect(statSync(join(dir, '.env')).mode & 0o777).toBe(0o640);
    expect(notes.join()).toContain('chmod 600 .env');
  });

  test('nothing is written into a .env that git tracks, or that leads elsewhere', async () => {
    await init('hello');
    const before = treeOf(dir);
    const isTracked = async () => true;
    expect(await failuresFrom(add('postgres', { isTracked }))).toEqual([
      { code: 'SECRET_IN_GIT', hint: 'git rm --cached .env', fault: 'project' },
    ]);
    expect(treeOf(dir)).toEqual(before);
    symlinkSync(join(root, 'elsewhere'), join(dir, '.env'));
    expect((await failuresFrom(add('postgres')))[0]?.code).toMatch(/OUTSIDE_PROJECT|FILE_EXISTS/);
    expect(read('compose.yaml')).not.toContain('postgres');
  });

  test('an image that is built from the whole folder would hold them, and that is said', async () => {
    write('compose.yaml', 'services:\n  a:\n    build: .\n');
    expect((await add('postgres', { users: ['a'] })).notes.join()).toContain('put .env into .dockerignore');
    write('.dockerignore', '**/.env\n');
    expect((await add('rabbitmq', { users: ['a'] })).notes.join()).not.toContain('.dockerignore');
  });

  test('those that are missing after a clone are made before the start, and only then', async () => {
    await init('hello');
    await add('postgres');
    const first = read('.env');
    rmSync(join(dir, '.env'));
    const request = { dir, env: {} };
    expect((await withPlannedSecrets(request))['DB_PASSWORD']).toMatch(/^\w{32}$/);
    expect(treeOf(dir)).not.toHaveProperty(['.env']);
    await provideSecrets({ dir, env: { DB_PASSWORD: 'given' } });
    expect(treeOf(dir)).not.toHaveProperty(['.env']);
    await provideSecrets(request);
    expect(read('.env')).toMatch(/^DB_PASSWORD=\w{32}$/m);
    expect(read('.env')).not.toBe(first);
    const made = treeOf(dir);
    await provideSecrets(request);
    expect(treeOf(dir)).toEqual(made);
  });
});

describe('the kit', () => {
  test('comes with the first service that needs it, and every Node service from then on is made with it', async () => {
    await init('hello');
    await add('postgres', { name: 'orders-db' });
    await add('nats');
    await addNew('orders', { needs: ['orders-db', 'nats', 'api'] });
    await addNew('plain');
    const tree = treeOf(dir);
    expect(JSON.parse(read('packages/kit/package.json')).name).toBe('@shop/kit');
    for (const name of ['orders', 'plain'])
      expect(JSON.parse(read(`services/${name}/package.json`)).dependencies).toEqual({ '@shop/kit': '*' });
    expect(tree).toHaveProperty(['services/orders/migrations/001_notes.sql']);
    expect(tree).not.toHaveProperty(['services/plain/migrations/001_notes.sql']);
    expect(read('compose.yaml')).toContain('      context: services/plain\n      additional_contexts: [project=.]\n');
    expect(read('.dockerignore')).toMatch(/^\*\n[^]*^!packages$/m);
    expect((await addNew('orders', { needs: ['orders-db', 'nats', 'api'] })).changes).toEqual([]);
    expectCompose();
  });

  test('a worker has its broker, its database and its event, and no route', async () => {
    await init('empty');
    const caddyfile = read('Caddyfile');
    await addNew('mails', { template: 'worker', on: 'orders.confirmed' });
    expect(read('services/mails/src/app.ts')).toContain("app.on('orders.confirmed', ");
    for (const line of ['  nats:\n', '  mails-db:\n', 'NATS_URL: nats://nats:4222\n', '@mails-db:5432/mails\n'])
      expect(read('compose.yaml')).toContain(line);
    expect(read('Caddyfile')).toBe(caddyfile);
    expect(read('.env')).toMatch(/^MAILS_DB_PASSWORD=\w{32}$/m);
    await addNew('sums', { template: 'worker' });
    expect(read('compose.yaml').match(/image: nats/g)?.length).toBe(1);
    expect(read('services/sums/src/app.ts')).toContain("app.on('sums.requested', ");
    expect((await addNew('mails', { template: 'worker' })).changes).toEqual([]);
    expectCompose();
  });

  test.each([
    ['python', ['broker.py', 'events.py', 'tests/test_events.py'], 'main.py', '@events.on("orders.confirmed")'],
    ['go', ['broker.go', 'events.go', 'events_test.go', 'go.sum'], 'main.go', 'events.On("orders.confirmed", handle)'],
  ])(
    'a %s service handles events where it needs a broker, and has nothing of it elsewhere',
    async (template, files, main, line) => {
      await init('empty');
      await add('nats');
      await addNew('mails', { template, needs: ['nats'], on: 'orders.confirmed' });
      await addNew('plain', { template });
      for (const file of files) {
        expect(existsSync(join(dir, 'services/mails', file)), file).toBe(true);
        expect(existsSync(join(dir, 'services/plain', file)), file).toBe(false);
      }
      expect(read(`services/mails/${main}`)).toContain(line);
      const textOf = (name: string): string =>
        readdirSync(join(dir, 'services', name), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
          .join('\n');
      expect(textOf('mails')).toMatch(/nats-py|nats\.go/);
      expect(textOf('plain')).not.toMatch(/nats|events/i);
      const { changes, notes } = await add('nats', { users: ['plain'] });
      expect(changes.map(({ path }) => path)).toEqual(['compose.yaml']);
      expect(notes.join('\n')).toMatch(/gives plain a client.*\n.*--needs nats makes a service that handles events/);
      expectCompose();
    },
  );

  test.each([
    [{ on: 'a.b' }, 'INVALID_EVENT'],
    [{ template: 'python', on: 'a.b' }, 'INVALID_EVENT'],
    [{ template: 'worker', on: 'one' }, 'INVALID_EVENT'],
    [{ template: 'worker', on: 'a.*' }, 'INVALID_EVENT'],
    [{ needs: ['nats'] }, 'UNKNOWN_DEPENDENCY'],
  ])('%j is refused', async (request, code) => {
    await init('empty');
    const before = treeOf(dir);
    expect(await failuresFrom(addNew('x', request))).toMatchObject([{ code, fault: 'usage' }]);
    expect(treeOf(dir)).toEqual(before);
  });

  test('every package that a template or a starter names is locked with its integrity, at the public registry', async () => {
    const files = [
      ...(await renderTemplate('kit', '', 'packages/kit', { name: 'shop', project: 'shop' })),
      ...(
        await Promise.all(
          templateNames('starter').map(async (name) =>
            (
              await renderStarter(name, { name: 'shop', project: 'shop' })
            ).map((change) => ({
              ...change,
              path: change.path.replace(/^(?:modules|services)\/([^/]+)/, `services/${name}-$1`),
            })),
          ),
        )
      ).flat(),
    ];
    const members = membersOf(files);
    const own = new Set(members.map(({ manifest }) => manifest['name']));
    const named = members.flatMap(({ manifest }) => Object.keys((manifest['dependencies'] ?? {}) as object));
    const locked = closure(members, knownPackages());
    expect(members.length).toBeGreaterThan(4);
    for (const name of named.filter((each) => !own.has(each))) expect(locked).toHaveProperty([`node_modules/${name}`]);
    for (const [path, entry] of Object.entries(locked)) {
      expect(entry['integrity'], path).toMatch(/^sha512-/);
      expect(entry['resolved'], path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
    }
  });
});

describe('a starter', () => {
  test.each(templateNames('starter'))('%s says of itself nothing that is not read or not there', async (starter) => {
    const manifest = starterManifest(starter);
    expect(Object.keys(manifest).sort()).toEqual(['kit', 'like', 'next', 'secrets', 'workspaces']);
    const files = (await renderStarter(starter, { name: 'x', project: 'x' })).map(({ path }) => path);
    expect(files).toEqual([...new Set(files)]);
    for (const path of manifest.like?.paths ?? [])
      expect(
        files.filter((file) => `${file}/`.startsWith(`${path}/`)),
        path,
      ).not.toEqual([]);
  });

  test('what is like another starter is there as the other has it, and it keeps its own', async () => {
    const filesOf = async (starter: string) =>
      new Map((await renderStarter(starter, { name: 'x', project: 'x' })).map(({ path, after }) => [path, after]));
    const [shop, monolith] = [await filesOf('shop'), await filesOf('monolith')];
    for (const path of ['services/web/app.js', 'services/web/.dockerignore', 'test/order.test.ts'])
      expect(monolith.get(path), path).toBe(shop.get(path));
    expect(monolith.get('services/web/index.html')).toContain('four modules of one process');
    expect([...shop.keys()].filter((path) => path.startsWith('services/orders/')).length).toBeGreaterThan(0);
    expect([...monolith.keys()].filter((path) => path.startsWith('services/orders/'))).toEqual([]);
  });

  test.each(templateNames('starter'))('%s has no secret but in .env, and npm accepts its lockfile', async (starter) => {
    await init(starter);
    expectCompose();
    const tree = treeOf(dir, ['.camp', '.camp/']);
    const secrets = [...(tree['.env'] ?? '').matchAll(/^\w+_PASSWORD=(\w+)$/gm)].map((match) => match[1] ?? '');
    for (const [path, text] of Object.entries(tree))
      if (path !== '.env') for (const secret of secrets) expect(text, path).not.toContain(secret);
    if (tree['.env']) expect(read('.gitignore')).toMatch(/^\.env$/m);
    expect(tree).not.toHaveProperty(['starter.json']);
    if (!tree['package-lock.json']) return;
    const npm = spawnSync('npm', ['ls', '--package-lock-only', '--all'], { cwd: dir, encoding: 'utf8' });
    if (npm.error) console.warn('not asked: there is no npm on this machine');
    else expect(npm.stdout + npm.stderr, starter).not.toMatch(/missing|invalid|extraneous/i);
  });
});
