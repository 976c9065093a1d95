import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FailureJson } from '../../src/report/json.ts';
import type { ProjectStatus } from '../../src/report/types.ts';
import { createHome, eventually, type Home } from '../rig/cluster.ts';
import { dockerOf, EngineFolder } from '../rig/engine-folder.ts';
import { can, Folder, small } from '../rig/folder.ts';
import { requireImages } from '../rig/images.ts';
import { hasStack, type Trial, type TrialOptions } from '../rig/trial.ts';

/*
 * Everything that can be wrong with an engine, an image or a container: whose it is, what it is, the lines that prove it
 * and what to do next; never a hang, never a stack, nothing left behind. Engines that die have a file of their own.
 */

let home: Home;
const why = requireImages('what needs a Docker engine', ['busybox']);
/** Another run of these tests may be under way in the same engine. */
const unique = (name: string): string => `ef${process.pid}-${name}`;
const isRoot = process.getuid?.() === 0;
const canMount = isRoot && can('mount', ['unshare', '-m', 'true']);
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const canBeNobody = isRoot && can('run as another user', [...nobody, 'true']);
/** Longer than anything here may take: what runs into it hangs. */
const timeoutMs = 40_000;

beforeAll(() => {
  home = createHome();
});
afterAll(() => home[Symbol.dispose]());

interface Expected {
  readonly exit: number;
  readonly code: string;
  /** Parts of what it says. */
  readonly says: readonly (string | RegExp)[];
  /** Of its evidence. */
  readonly shows?: readonly (string | RegExp)[];
  readonly fix: string | RegExp;
  readonly at?: { readonly file: string; readonly line: number; readonly col: number };
}

const faults: Readonly<Record<number, string>> = { 3: 'project', 4: 'machine', 5: 'service' };

function expectFault(outcome: Trial & { readonly errors: readonly FailureJson[] }, expected: Expected): void {
  const all = outcome.stdout + outcome.stderr;
  expect(outcome.isHanging, all).toBe(false);
  expect(hasStack(outcome), all).toBe(false);
  expect(outcome.code, all).toBe(expected.exit);
  const [first] = outcome.errors;
  expect(first).toMatchObject({ fault: faults[expected.exit], code: expected.code });
  for (const part of expected.says) expect(first?.message).toMatch(part);
  for (const part of expected.shows ?? []) expect(first?.evidence?.join('\n')).toMatch(part);
  expect(first?.hints[0]).toMatch(expected.fix);
  if (expected.at) expect(first?.source).toMatchObject(expected.at);
}

/** The guard of a project goes a moment after the last of its processes. */
function nothingRuns(folder: Folder): Promise<true> {
  return eventually(
    'nothing runs',
    () => folder.processes().length === 0,
    3000,
    () => folder.processes(),
  );
}

const sleeper = ['    image: busybox', '    command: ["sh", "-c", "echo hello; sleep 1000"]', '    init: true'];
const services = (entries: Readonly<Record<string, readonly string[]>>): string =>
  ['services:', ...Object.entries(entries).flatMap(([name, lines]) => [`  ${name}:`, ...lines]), ''].join('\n');
const image = (...lines: readonly string[]): readonly string[] => ['    image: busybox', '    init: true', ...lines];

describe('what a project asks of the engine', () => {
  beforeEach(({ skip }) => skip(why !== undefined, why));

  const built = (dockerfile: string) => ({
    'compose.yaml': services({ api: ['    build: { context: ./api, network: none }'], other: sleeper }),
    'api/Dockerfile': dockerfile,
  });
  const cases: Readonly<Record<string, [files: Readonly<Record<string, string>>, expected: Expected]>> = {
    'images that are nowhere: all of them are listed': [
      {
        'compose.yaml': services({
          api: ['    image: nosuch/image:1'],
          db: ['    image: nosuch/other'],
          other: sleeper,
        }),
      },
      {
        exit: 4,
        code: 'IMAGE_MISSING',
        says: ['2 images', 'nosuch/image:1', 'nosuch/other'],
        // the registry's own words, whatever keeps it from answering
        shows: ['service api: nosuch/image:1', 'service db: nosuch/other', /Error|denied/],
        fix: 'docker pull nosuch/image:1',
      },
    ],
    'a Dockerfile that is not one': [
      built('FROM busybox\n  RUM true\n'),
      {
        exit: 3,
        code: 'DOCKERFILE_INVALID',
        says: ['"api"', 'unknown instruction: RUM'],
        fix: /./,
        at: { file: 'api/Dockerfile', line: 2, col: 3 },
      },
    ],
    'a build whose command fails': [
      built('FROM busybox\nRUN echo one; echo "the compiler is missing" >&2; exit 7\n'),
      {
        exit: 5,
        code: 'BUILD_FAILED',
        says: ['"api"', 'its command ended with code 7'],
        shows: ['the compiler is missing', /RUN echo one/],
        fix: 'docker compose build api',
        at: { file: 'api/Dockerfile', line: 2, col: 1 },
      },
    ],
    'a build that copies what is not there': [
      built('FROM busybox\nCOPY nothere.txt /x\n'),
      {
        exit: 5,
        code: 'BUILD_FAILED',
        says: ['"api"', /nothere\.txt is not in the build context/],
        shows: ['COPY nothere.txt'],
        fix: 'docker compose build api',
        at: { file: 'api/Dockerfile', line: 2, col: 1 },
      },
    ],
    'a base image that is nowhere': [
      built('FROM nosuch/base:1\nRUN true\n'),
      {
        exit: 4,
        code: 'IMAGE_MISSING',
        says: ['"api"', 'nosuch/base:1'],
        fix: 'docker pull nosuch/base:1',
        at: { file: 'api/Dockerfile', line: 1, col: 1 },
      },
    ],
    'a health check that never passes': [
      {
        'compose.yaml': services({
          api: image(
            '    command: ["sh", "-c", "echo hello from api; sleep 1000"]',
            '    healthcheck: { test: ["CMD-SHELL", "echo the database is away >&2; exit 1"], interval: 1s }',
          ),
          web: [...sleeper, '    depends_on: { api: { condition: service_healthy } }'],
        }),
      },
      {
        exit: 5,
        code: 'NOT_READY',
        says: ['"api"', /was not ready after 3 s/],
        shows: [/last probe: .*ended with 1: the database is away/, 'hello from api', /not started.*: web$/],
        fix: 'camp logs api',
      },
    ],
    'more memory than its limit': [
      {
        'compose.yaml': services({
          // what publishes a port is not ready before it listens
          api: image(
            '    command: ["sh", "-c", "echo allocating; tail /dev/zero"]',
            '    mem_limit: 16m',
            '    ports: ["8080"]',
          ),
        }),
      },
      {
        exit: 5,
        code: 'OUT_OF_MEMORY',
        says: ['"api"', '16 MiB'],
        shows: ['allocating'],
        fix: /mem_limit of api/,
      },
    ],
    'a program that ends again and again': [
      { 'compose.yaml': services({ api: image('    command: ["sh", "-c", "echo no database >&2; exit 3"]') }) },
      { exit: 5, code: 'CRASH_LOOP', says: ['"api"', 'code 3'], shows: ['no database'], fix: 'camp logs api' },
    ],
    'a program that its image does not have': [
      { 'compose.yaml': services({ api: ['    image: busybox', '    command: [nosuchprogram]'] }) },
      { exit: 5, code: 'SPAWN_FAILED', says: ['"api"', 'nosuchprogram'], shows: ['nosuchprogram'], fix: /api/ },
    ],
    'a folder to mount that is not there': [
      {
        'compose.yaml': services({
          api: [
            ...sleeper,
            '    volumes: [{ type: bind, source: ./nothere, target: /x, bind: { create_host_path: false } }]',
          ],
        }),
      },
      { exit: 4, code: 'MOUNT_FAILED', says: [/nothere/], fix: /volumes/ },
    ],
  };

  test.each(Object.entries(cases))('%s; mended, it comes up', async (title, [files, expected]) => {
    const name = unique(
      title
        .replace(/[^a-z]+/g, '-')
        .slice(0, 20)
        .replace(/-$/, ''),
    );
    await using folder = new EngineFolder(home, name, files);
    const timeout = expected.code === 'NOT_READY' ? '3' : '30';
    expectFault(await folder.fails({ timeoutMs }, '--timeout', timeout), expected);
    expect(await folder.inEngine()).toEqual([]);
    await nothingRuns(folder);
    if (expected.at) {
      // off a terminal the first line is for editors and grep
      const plain = await folder.camp(['up', '-d'], { timeoutMs, env: { COLUMNS: '80', NO_COLOR: '1' } });
      const { file, line, col } = expected.at;
      expect(plain.stderr).toContain(`${file}:${line}:${col}: error ${expected.code} `);
      expect(plain.stderr).toMatch(/^ {2}fix: \S/m);
    }

    writeFileSync(join(folder.dir, 'compose.yaml'), services({ api: sleeper }));
    const { report } = await folder.up({ timeoutMs });
    expect(report.services.map((one) => `${one.name} ${one.state}`)).toEqual(['api ready']);
  });

  test('a container that runs out of memory later: it is started again until that is a crash loop', async () => {
    const line = 'until [ -e /go ]; do sleep 0.1; done; echo allocating; tail /dev/zero';
    await using folder = new EngineFolder(home, unique('later'), {
      'compose.yaml': services({ api: image(`    command: ["sh", "-c", "${line}"]`, '    mem_limit: 16m') }),
    });
    await folder.up({ timeoutMs });
    await dockerOf(home.env, 'exec', `${folder.name}-api-1`, 'touch', '/go');
    await eventually(
      'it is given up',
      async () => (await stateOf(folder)) === 'crash-loop',
      30_000,
      () => 'see ps',
    );
    const { stdout } = await folder.camp(['logs', 'api']);
    expect(stdout).toContain('allocating');
  });

  test('a port that two services publish, and one that a stranger holds: moved, and said', async () => {
    const held = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => held.once('listening', resolve));
    const taken = (held.address() as { port: number }).port;
    const free = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => free.once('listening', resolve));
    const twice = (free.address() as { port: number }).port;
    await new Promise((resolve) => free.close(resolve));
    const http = (port: number) => image('    command: [httpd, -f, -p, "8080"]', `    ports: ["${port}:8080"]`);
    await using folder = new EngineFolder(home, unique('ports'), {
      'compose.yaml': services({ api: http(twice), web: http(twice), shop: http(taken) }),
    });
    try {
      const up = await folder.up({ timeoutMs });
      expect(up.report.services.map((one) => one.state)).toEqual(['ready', 'ready', 'ready']);
      expect(up.stderr).toMatch(new RegExp(`web: port ${twice} .*(api|published)`));
      expect(up.stderr).toMatch(new RegExp(`shop: port ${taken} .*pid ${process.pid}`));
      for (const name of ['api', 'web', 'shop'])
        expect(await dockerOf(home.env, 'port', `${folder.name}-${name}-1`)).toMatch(/^8080\/tcp -> 127\.0\.0\.1:\d+$/);
    } finally {
      held.close();
    }
  });

  test('a build takes its time: --timeout counts from the start of the service', async () => {
    await using folder = new EngineFolder(home, unique('slow'), {
      'compose.yaml': services({
        api: ['    build: { context: ./api, network: none }', '    command: [sleep, "1000"]', '    init: true'],
      }),
      'api/Dockerfile': `FROM busybox\nRUN echo ${process.pid}; sleep 4\n`,
    });
    const { report } = await folder.up({ timeoutMs }, '--timeout', '3');
    expect(report.services[0]?.state).toBe('ready');
  });

  test('two up at once: one creates, the other finds it done', async () => {
    await using folder = new EngineFolder(home, unique('both'), { 'compose.yaml': services({ api: sleeper }) });
    const [one, other] = await Promise.all([folder.up({ timeoutMs }), folder.up({ timeoutMs })]);
    expect([one, other].map(({ report }) => report.services[0]?.state)).toEqual(['ready', 'ready']);
    expect((await folder.inEngine()).filter((name) => name.includes('-api-'))).toHaveLength(1);
  });

  /** Only these in PATH, and nothing where the docker CLI looks for plugins. */
  const without = (name: string, plugins: boolean): Partial<TrialOptions> => {
    const bin = join(home.dir, `bin-${name}`);
    mkdirSync(bin);
    for (const program of ['sh', 'mount', 'caddy', 'true'])
      symlinkSync(
        spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim(),
        join(bin, program),
      );
    symlinkSync(process.execPath, join(bin, 'node'));
    const hide = ['lib', 'libexec', 'local/lib', 'local/libexec']
      .map((folder) => `/usr/${folder}/docker/cli-plugins`)
      .filter((folder) => existsSync(folder))
      .map((folder) => `mount -t tmpfs none ${folder} && `);
    const env = { PATH: bin };
    return plugins
      ? { env, timeoutMs }
      : { env, timeoutMs, wrap: ['unshare', '-m', 'sh', '-c', `${hide.join('')}exec "$@"`, 'sh'] };
  };

  test('no docker command in PATH: nothing needs it', async () => {
    await using folder = new EngineFolder(home, unique('nocli'), { 'compose.yaml': services({ api: sleeper }) });
    const options = without('nocli', true);
    expect((await folder.up(options)).report.services[0]?.state).toBe('ready');
    expect((await folder.camp(['down'], options)).code).toBe(0);
  });

  test('no Compose', async ({ skip }) => {
    skip(!canMount);
    await using folder = new EngineFolder(home, unique('nocompose'), { 'compose.yaml': services({ api: sleeper }) });
    expectFault(await folder.fails(without('nocompose', false)), {
      exit: 4,
      code: 'NO_COMPOSE',
      says: ['Docker Compose is not installed'],
      shows: ['docker compose: not installed'],
      fix: /install/,
    });
    expect(await folder.inEngine()).toEqual([]);
  });

  test('Compose that is too old', async ({ skip }) => {
    skip(!canMount);
    await using folder = new EngineFolder(home, unique('oldcompose'), {
      'compose.yaml': services({ api: sleeper }),
      'bin/config/cli-plugins/docker-compose': '#!/bin/sh\necho 2.20.3\n',
    });
    const options = without('oldcompose', false);
    const config = join(folder.dir, 'bin/config');
    expectFault(await folder.fails({ ...options, env: { ...options.env, DOCKER_CONFIG: config } }), {
      exit: 4,
      code: 'COMPOSE_TOO_OLD',
      says: ['2.20.3', '2.24.4'],
      shows: ['docker-compose version: 2.20.3'],
      fix: /install/,
    });
    expect(await folder.inEngine()).toEqual([]);
  });
});

async function stateOf(folder: Folder): Promise<string | undefined> {
  const { stdout } = await folder.camp(['ps', '--json']);
  return (JSON.parse(stdout) as ProjectStatus).services[0]?.state;
}

describe('an engine that cannot be used', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      if ('closeAllConnections' in server) (server.closeAllConnections as () => void)();
      server.close();
    }
  });

  async function listening(server: Server, name: string): Promise<string> {
    const path = join(home.dir, `${name}.sock`);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return `unix://${path}`;
  }
  const engine = (name: string, answer: RequestListener) => listening(createHttpServer(answer), name);
  const version =
    (api: string, isWhole: boolean): RequestListener =>
    (request, response) => {
      if (/\/version$/.test(request.url ?? ''))
        response.end(JSON.stringify({ Version: '19.3.9', ApiVersion: api, MinAPIVersion: '1.12', Components: [] }));
      else if (isWhole) response.writeHead(404).end('{"message":"not found"}');
    };

  const hosts: Readonly<Record<string, [env: () => Promise<NodeJS.ProcessEnv>, Omit<Expected, 'exit'>]>> = {
    'DOCKER_HOST names a socket that is not there': [
      async () => ({ DOCKER_HOST: 'unix:///nowhere/docker.sock' }),
      {
        code: 'ENGINE_UNREACHABLE',
        says: ['unix:///nowhere/docker.sock is not there'],
        shows: ['ENOENT'],
        fix: 'unset DOCKER_HOST',
      },
    ],
    'DOCKER_HOST names a port where nobody listens': [
      async () => ({ DOCKER_HOST: 'tcp://127.0.0.1:1' }),
      {
        code: 'ENGINE_UNREACHABLE',
        says: ['tcp://127.0.0.1:1 does not run'],
        shows: ['ECONNREFUSED'],
        fix: 'unset DOCKER_HOST',
      },
    ],
    'DOCKER_HOST names no address': [
      async () => ({ DOCKER_HOST: 'fish://pond' }),
      { code: 'ENGINE_UNREACHABLE', says: ['DOCKER_HOST', 'fish://pond'], fix: 'unset DOCKER_HOST' },
    ],
    'DOCKER_HOST names an engine behind SSH': [
      async () => ({ DOCKER_HOST: 'ssh://me@far.example' }),
      { code: 'ENGINE_UNREACHABLE', says: ['SSH', 'ssh://me@far.example'], fix: /^ssh -nNT -L .*me@far\.example$/ },
    ],
    'DOCKER_CONTEXT names a context that is not there': [
      async () => ({ DOCKER_CONTEXT: 'gone' }),
      { code: 'ENGINE_UNREACHABLE', says: ['context "gone" does not exist'], fix: 'unset DOCKER_CONTEXT' },
    ],
    'the current context is not there any more': [
      async () => {
        const config = join(home.dir, 'docker-config');
        mkdirSync(config);
        writeFileSync(join(config, 'config.json'), '{"currentContext":"lost"}');
        return { DOCKER_CONFIG: config };
      },
      { code: 'ENGINE_UNREACHABLE', says: ['context "lost" does not exist'], fix: 'docker context use default' },
    ],
    'its API is too old': [
      async () => ({ DOCKER_HOST: await engine('old', version('1.40', true)) }),
      { code: 'ENGINE_TOO_OLD', says: ['1.40', '1.41'], shows: ['19.3.9'], fix: /docs\.docker\.com/ },
    ],
    'what answers is no engine': [
      async () => ({ DOCKER_HOST: await engine('web', (_, response) => response.end('<h1>hello</h1>')) }),
      { code: 'ENGINE_UNREACHABLE', says: ['not a Docker engine'], fix: 'unset DOCKER_HOST' },
    ],
    'it takes the connection and says nothing': [
      async () => ({ DOCKER_HOST: await listening(createServer(), 'mute') }),
      { code: 'ENGINE_HANGS', says: [/does not answer within \d/], shows: ['mute.sock'], fix: /./ },
    ],
    'it says its version and nothing more': [
      async () => ({ DOCKER_HOST: await engine('dull', version('1.44', false)) }),
      { code: 'ENGINE_HANGS', says: [/does not answer within \d/], shows: ['dull.sock'], fix: /./ },
    ],
  };

  test.each(Object.entries(hosts))('%s', async (title, [envOf, expected]) => {
    const env = await envOf();
    const name = unique(
      `h-${title
        .replace(/[^A-Za-z]+/g, '-')
        .slice(-20)
        .toLowerCase()}`.replace(/-+$/, ''),
    );
    await using folder = new Folder(home, name, { 'compose.yaml': services({ db: sleeper }) });
    expectFault(await folder.fails({ env, timeoutMs }), { exit: 4, ...expected });
    await nothingRuns(folder);
    const plan = await folder.camp(['plan'], { env, timeoutMs });
    expect([plan.code, plan.isHanging, hasStack(plan)], plan.stderr).toEqual([4, false, false]);
    expect(plan.stderr).toContain(expected.code);
    // nothing was ever made: there is nothing to ask the engine for
    for (const command of ['ps', 'down']) {
      const { code, stderr, isHanging } = await folder.camp([command], { env, timeoutMs });
      expect([command, code, isHanging], stderr).toEqual([command, 0, false]);
    }
  });

  test('it is said who needs it, and what needs none is not started without it', async () => {
    await using folder = new Folder(home, unique('mixed'), {
      ...small,
      'compose.yaml': `name: ${unique('mixed')}\nservices:\n  api:\n    build: ./api\n    x-camp: { run: node main.cjs }\n  db:\n    image: busybox\n`,
    });
    const env = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    const outcome = await folder.fails({ env, timeoutMs });
    expect(outcome.errors[0]?.message).toMatch(/; db \(busybox\) needs it$/);
    await nothingRuns(folder);
  });

  test('a socket that this user may not use', async ({ skip }) => {
    skip(!canBeNobody);
    const dir = mkdtempSync(join(tmpdir(), 'camp-nobody-'));
    const theirs: Home = {
      dir,
      env: { ...home.env, HOME: dir, TMPDIR: dir, CAMP_HOME: join(dir, 'camp') },
      [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
    };
    try {
      const server = createServer();
      servers.push(server);
      const path = join(dir, 'forbidden.sock');
      await new Promise<void>((resolve) => server.listen(path, resolve));
      chmodSync(path, 0o600);
      const folder = new Folder(theirs, unique('nobody'), { 'compose.yaml': services({ db: sleeper }) });
      for (const one of [dir, folder.dir]) chownSync(one, 65534, 65534);
      const outcome = await folder.fails({ wrap: nobody, timeoutMs, env: { DOCKER_HOST: `unix://${path}` } });
      expectFault(outcome, {
        exit: 4,
        code: 'NO_PERMISSION',
        says: [path, 'db (busybox) needs it'],
        shows: ['EACCES'],
        fix: /usermod -aG docker/,
      });
    } finally {
      theirs[Symbol.dispose]();
    }
  });

  test('none on this machine: what has a command runs without; what has none says what is missing', async ({
    skip,
  }) => {
    skip(!canMount);
    const hide = 'if [ -e /var/run/docker.sock ]; then mount --bind /dev/null /var/run/docker.sock; fi; exec "$@"';
    const options = { wrap: ['unshare', '-m', 'sh', '-c', hide, 'sh'], timeoutMs };
    const build = (...more: readonly string[]) =>
      [`name: ${unique('none')}`, 'services:', '  api:', '    build: ./api', ...more, ''].join('\n');
    await using folder = new Folder(home, unique('none'), {
      ...small,
      'api/Dockerfile': 'FROM node:24-alpine\nCOPY . .\nCMD ["node", "main.cjs"]\n',
      'api/package.json': '{"name":"api","private":true,"scripts":{"start":"node main.cjs"}}\n',
      'compose.yaml': build('  db:', '    image: busybox'),
    });
    expectFault(await folder.fails(options), {
      exit: 4,
      code: 'ENGINE_UNREACHABLE',
      says: ['no Docker engine was found on this machine', 'db (busybox) needs it'],
      shows: ['/var/run/docker.sock', 'DOCKER_HOST is not set'],
      fix: /./,
    });
    writeFileSync(join(folder.dir, 'compose.yaml'), build());
    const { report } = await folder.up(options);
    expect(report.services.map((one) => `${one.name} ${one.placement} ${one.state}`)).toEqual(['api process ready']);
    const plan = await folder.camp(['plan', '--json'], options);
    expect(plan.stdout).toContain('no Docker engine is reachable');
  });
});

describe('a project that needs no container', () => {
  test('never touches Docker: no connection, no command of it', async () => {
    let connections = 0;
    const socket = join(home.dir, 'counted.sock');
    const server = createServer((connection) => {
      connections++;
      connection.destroy();
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const calls = join(home.dir, 'docker-calls');
    const shim = `#!/bin/sh\necho "$0 $*" >> '${calls}'\nexit 1\n`;
    await using folder = new Folder(home, unique('native'), {
      ...small,
      'bin/docker': shim,
      'bin/docker-compose': shim,
    });
    const env = { DOCKER_HOST: `unix://${socket}`, PATH: `${join(folder.dir, 'bin')}:${home.env['PATH']}` };
    const camp = async (...args: readonly string[]) => {
      const outcome = await folder.camp(args, { env, timeoutMs });
      expect(outcome.code, `camp ${args.join(' ')}: ${outcome.stdout}${outcome.stderr}`).toBe(0);
    };
    try {
      await camp('plan');
      await camp('up', '-d');
      await camp('plan');
      await camp('ps');
      await camp('ps', '--json');
      await camp('logs');
      await camp('restart', 'api');
      await camp('scale', 'api=2');
      await camp('run', 'api', '--', 'true');
      await camp('up', '-d');
      await camp('down');
      await camp('ps');
      await camp('run', 'api', '--', 'true');
      await camp('down');
      expect([connections, existsSync(calls)]).toEqual([0, false]);

      // and the count counts
      writeFileSync(join(folder.dir, 'compose.yaml'), services({ db: sleeper }));
      expect((await folder.camp(['plan'], { env, timeoutMs })).code).toBe(4);
      expect(connections).toBeGreaterThan(0);
    } finally {
      server.close();
    }
  });
});
