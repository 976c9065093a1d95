import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { failuresOf } from '../../src/kit/failure.ts';
import { connectEngine } from '../../src/runtime/docker/engine/connect.ts';
import { dial } from '../../src/runtime/docker/engine/dial.ts';
import { refusalOf } from '../../src/runtime/docker/engine/failures.ts';
import { candidates, findEngine } from '../../src/runtime/docker/engine/find.ts';
import { askForCompose, findCompose } from '../../src/runtime/docker/engine/find-compose.ts';
import type { Engine, EngineEvent, LogLine } from '../../src/runtime/docker/engine/types.ts';
import { requireImages } from '../rig/images.ts';
import { type SecondEngine, startSecondEngine, whyNoSecondEngine } from '../rig/second-engine.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'camp-engine-')));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const whyNoTls = spawnSync('openssl', ['version']).error?.message;
if (whyNoTls) console.warn(`skipped: TLS: ${whyNoTls}`);
const whyNoDocker = spawnSync('docker', ['--version']).error?.message;
if (whyNoDocker) console.warn(`skipped: contexts: ${whyNoDocker}`);
const forever = (): AbortSignal => AbortSignal.timeout(100_000);

/** What a user without any Docker has. */
let count = 0;
function emptyHome(): NodeJS.ProcessEnv & { readonly HOME: string } {
  const home = join(root, `home${count++}`);
  mkdirSync(home);
  return { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) (server.closeAllConnections as () => void)();
    server.close();
  }
});

/** Something that listens where an engine would. */
async function listening(server: Server): Promise<string> {
  const path = join(root, `fake${count++}.sock`);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

const fake = (answer: RequestListener): Promise<string> => listening(createHttpServer(answer));

function fakeVersion(version: object): RequestListener {
  return (request, response) => {
    if (request.url === '/version') response.end(JSON.stringify(version));
    else response.writeHead(404).end('{"message":"page not found"}');
  };
}

const docker20 = { Version: '20.10.24', ApiVersion: '1.41', MinAPIVersion: '1.12', Components: [{ Name: 'Engine' }] };

async function failureOf(attempt: Promise<unknown>) {
  const [failure] = failuresOf(
    await attempt.then(
      () => new Error('it succeeded'),
      (error: unknown) => error,
    ),
  );
  return failure!;
}

const connect = (env: NodeJS.ProcessEnv): Promise<Engine> => connectEngine(env, forever());

describe('which engine', () => {
  test('none, where nothing is there', async () => {
    const env = emptyHome();
    const own = candidates(env).addresses.filter(({ host }) => host.includes(env.HOME));
    expect(own).toEqual([]);
  });

  test.skipIf(whyNoDocker)('DOCKER_HOST, then DOCKER_CONTEXT, then the current context, as docker has it', () => {
    const env = { ...emptyHome(), DOCKER_CONFIG: join(root, `config${count++}`) };
    const make = (name: string, host: string): void => {
      const { status, stderr } = spawnSync('docker', ['context', 'create', name, '--docker', `host=${host}`], { env });
      expect(status, String(stderr)).toBe(0);
    };
    make('one', 'unix:///tmp/one.sock');
    make('two', 'tcp://10.1.2.3:2375');
    expect(spawnSync('docker', ['context', 'use', 'one'], { env }).status).toBe(0);

    expect(findEngine(env)).toEqual({ host: 'unix:///tmp/one.sock', why: 'context one' });
    expect(findEngine({ ...env, DOCKER_CONTEXT: 'two' })).toEqual({
      host: 'tcp://10.1.2.3:2375',
      why: 'DOCKER_CONTEXT two',
    });
    expect(findEngine({ ...env, DOCKER_CONTEXT: 'two', DOCKER_HOST: 'unix:///tmp/three.sock' })).toEqual({
      host: 'unix:///tmp/three.sock',
      why: 'DOCKER_HOST',
    });
    expect(findEngine({ ...env, DOCKER_CONTEXT: 'default' })?.why).not.toMatch(/context/);
  });

  test('the sockets that are there, without any choice', async () => {
    const env = emptyHome();
    const places = [
      'run/docker.sock',
      '.docker/run/docker.sock',
      '.colima/default/docker.sock',
      '.orbstack/run/docker.sock',
    ];
    for (const place of places) {
      mkdirSync(join(env.HOME, place, '..'), { recursive: true });
      const server = createServer();
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(join(env.HOME, place), resolve));
    }
    const own = candidates(env).addresses.filter(({ host }) => host.includes(env.HOME));
    expect(own.map(({ why }) => why)).toEqual(['rootless Docker', 'Docker Desktop', 'Colima', 'OrbStack']);
    expect(own.map(({ host }) => host)).toEqual(places.map((place) => `unix://${join(env.HOME, place)}`));
  });

  test('TLS by DOCKER_TLS_VERIFY and DOCKER_CERT_PATH', () => {
    const env = { ...emptyHome(), DOCKER_HOST: 'tcp://10.1.2.3:2376' };
    expect(findEngine(env)).toEqual({ host: 'tcp://10.1.2.3:2376', why: 'DOCKER_HOST' });
    expect(findEngine({ ...env, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' })?.tls).toEqual({
      dir: '/certs',
      isVerified: true,
    });
  });
});

describe('what goes wrong', () => {
  test('a socket that nobody listens at, or that is not there', async () => {
    const path = join(root, 'gone.sock');
    for (const isStale of [false, true]) {
      if (isStale) spawnSync('python3', ['-c', `import socket;socket.socket(1).bind(${JSON.stringify(path)})`]);
      const failure = await failureOf(connect({ ...emptyHome(), DOCKER_HOST: `unix://${path}` }));
      expect(failure).toMatchObject({ fault: 'machine', code: 'ENGINE_UNREACHABLE' });
      expect(failure.evidence?.join('\n')).toMatch(isStale ? /DOCKER_HOST: .*gone.sock\n.*ECONNREFUSED/ : /ENOENT/);
      expect(failure.hints).not.toEqual([]);
    }
  });

  test.each([
    ['nonsense://x', /DOCKER_HOST is not the address of a Docker engine: nonsense:\/\/x/],
    ['tcp://', /is not the address/],
    ['ssh://me@build.example', /does not speak SSH/],
    ['tcp://127.0.0.1:9', /tcp:\/\/127\.0\.0\.1:9 does not run/],
    ['tcp://no-such-host.invalid:2375', /not known/],
  ])('DOCKER_HOST=%s', async (host, words) => {
    const failure = await failureOf(connect({ ...emptyHome(), DOCKER_HOST: host }));
    expect(failure).toMatchObject({ fault: 'machine', code: 'ENGINE_UNREACHABLE' });
    expect(failure.message).toMatch(words);
    expect(failure.evidence?.join('\n')).toContain(host);
    expect(failure.hints).not.toEqual([]);
  });

  test('a context that is not there any more', async () => {
    const env = emptyHome();
    mkdirSync(join(env.HOME, '.docker'));
    writeFileSync(join(env.HOME, '.docker/config.json'), '{"currentContext":"colima"}');
    const failure = await failureOf(connect(env));
    expect(failure).toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: 'the docker context "colima" does not exist',
      hints: ['docker context use default', 'docker context ls'],
    });
  });

  test('a socket that this user may not use', async () => {
    const path = await fake(fakeVersion(docker20));
    const env = { ...emptyHome(), DOCKER_HOST: `unix://${path}` };
    await connect(env);
    chmodSync(path, 0);
    chmodSync(root, 0o755);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(65534);
    try {
      const failure = await failureOf(connect(env));
      expect(failure).toMatchObject({ fault: 'machine', code: 'NO_PERMISSION' });
      expect(failure.message).toContain(path);
      expect(failure.evidence?.join('\n')).toContain('EACCES');
      expect(failure.hints[0]).toContain('usermod -aG docker');
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  test('an API that is too old', async () => {
    const path = await fake(fakeVersion({ ...docker20, Version: '19.03.15', ApiVersion: '1.40' }));
    const failure = await failureOf(connect({ ...emptyHome(), DOCKER_HOST: `unix://${path}` }));
    expect(failure).toMatchObject({ fault: 'machine', code: 'ENGINE_TOO_OLD' });
    expect(failure.message).toMatch(/1\.40.*1\.41/);
    expect(failure.evidence?.join('\n')).toContain('19.03.15');
  });

  test('one that takes the connection and says nothing', async () => {
    const path = await listening(createServer(() => undefined));
    const failure = await failureOf(connect({ ...emptyHome(), DOCKER_HOST: `unix://${path}` }));
    expect(failure).toMatchObject({ fault: 'machine', code: 'ENGINE_HANGS' });
    expect(failure.message).toMatch(/does not answer within 2\.5 s/);
    expect(failure.evidence?.join('\n')).toContain(path);
  });

  describe('one that holds back whoever asks for a container that it is busy with', () => {
    const asking = (path: string, isPatient = true) => {
      const address = { host: `unix://${path}`, why: 'a test' };
      const route = { address, target: { socketPath: path }, isTls: false, prefix: '/v1.41' };
      const how = { purpose: 'start a container', answer: 'json', deadlineMs: 200, isPatient } as const;
      return dial(route, { method: 'POST', path: '/containers/x/start' }, how);
    };
    const busy = (ms: number): RequestListener => {
      return ({ url }, response) => {
        if (url === '/v1.41/_ping') response.end('OK');
        else setTimeout(() => response.end('{"done":true}'), ms).unref();
      };
    };

    test('is waited for while it answers others, unless the caller has a deadline of its own', async () => {
      expect(await asking(await fake(busy(600)))).toEqual({ done: true });
      expect((await failureOf(asking(await fake(busy(600)), false))).message).toMatch(/within 0\.2 s/);
    });

    test('is given up after a while', async () => {
      expect((await failureOf(asking(await fake(busy(60_000))))).message).toMatch(/within 1\.2 s/);
    });

    test('and answers nobody: hangs at once', async () => {
      expect((await failureOf(asking(await listening(createServer(() => undefined))))).message).toMatch(
        /within 0\.2 s/,
      );
    });
  });

  test('an abort while it says nothing', async () => {
    const path = await listening(createServer(() => undefined));
    const reason = new Error('Ctrl-C');
    const env = { ...emptyHome(), DOCKER_HOST: `unix://${path}` };
    const abort = new AbortController();
    const attempt = connectEngine(env, abort.signal);
    abort.abort(reason);
    await expect(attempt).rejects.toBe(reason);
  });

  test('one that dies in the middle of its answer', async () => {
    const path = await fake((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"Version":', () => response.destroy());
    });
    const failure = await failureOf(connect({ ...emptyHome(), DOCKER_HOST: `unix://${path}` }));
    expect(failure).toMatchObject({ fault: 'machine', code: 'ENGINE_UNREACHABLE' });
    expect(failure.message).toMatch(/went away in the middle of an answer/);
  });

  test.each([
    ['no HTTP', () => createServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'))],
    ['a page', () => createHttpServer((_request, response) => void response.end('<html>'))],
    ['another program', () => createHttpServer((_request, response) => void response.end('{"status":"ok"}'))],
    ['null', () => createHttpServer((_request, response) => void response.end('null'))],
  ])('garbage: %s', async (_name, server) => {
    const path = await listening(server());
    const failure = await failureOf(connect({ ...emptyHome(), DOCKER_HOST: `unix://${path}` }));
    expect(failure).toMatchObject({ fault: 'machine', code: 'ENGINE_UNREACHABLE' });
    expect(failure.message).toMatch(/is not a Docker engine/);
  });

  test('an error of the engine, in its own words', async () => {
    const path = await fake((request, response) => {
      if (request.url === '/version') response.end(JSON.stringify(docker20));
      else response.writeHead(500).end('{"message":"driver failed: port is already allocated"}');
    });
    const { api } = await connect({ ...emptyHome(), DOCKER_HOST: `unix://${path}` });
    const error = await api.startContainer('x').catch((thrown: unknown) => thrown);
    expect(refusalOf(error)).toEqual({ status: 500, message: 'driver failed: port is already allocated' });
    expect(failuresOf(error)[0]).toMatchObject({ fault: 'machine', code: 'ENGINE_REFUSED' });
  });
});

describe('versions and kinds', () => {
  test('an engine of API 1.41 gets calls of 1.41 only, and so does a newer one; the newest that dropped it, its oldest', async () => {
    for (const [newest, oldest, spoken] of [
      ['1.41', '1.12', '1.41'],
      ['1.51', '1.24', '1.41'],
      ['1.54', '1.44', '1.44'],
    ] as const) {
      const asked: string[] = [];
      const path = await fake((request, response) => {
        asked.push(request.url ?? '');
        if (request.url === '/version')
          response.end(JSON.stringify({ ...docker20, ApiVersion: newest, MinAPIVersion: oldest }));
        else response.end('[]');
      });
      const engine = await connect({ ...emptyHome(), DOCKER_HOST: `unix://${path}` });
      await engine.api.listContainers(['a=b']);
      expect(engine.apiVersion).toBe(spoken);
      expect(asked.at(-1)).toMatch(new RegExp(`^/v${spoken}/containers/json\\?`));
    }
  });

  test('Podman, as 4.3 describes itself', async () => {
    const path = await fake(
      fakeVersion({
        Components: [{ Name: 'Podman Engine', Version: '4.3.1' }, { Name: 'Conmon' }],
        Version: '4.3.1',
        ApiVersion: '1.41',
        MinAPIVersion: '1.24',
      }),
    );
    const engine = await connect({ ...emptyHome(), DOCKER_HOST: `unix://${path}` });
    expect(engine).toMatchObject({ kind: 'podman', version: '4.3.1', apiVersion: '1.41', isLocalLinux: false });
  });

  test.skipIf(whyNoTls)('over TLS, with the engine checked or not', async () => {
    const dir = join(root, 'certs');
    mkdirSync(dir);
    const words = '-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=engine -addext subjectAltName=IP:127.0.0.1';
    const made = spawnSync('openssl', ['req', ...words.split(' '), '-keyout', 'key', '-out', 'ca.pem'], { cwd: dir });
    expect(made.status, String(made.stderr)).toBe(0);
    const files = { key: readFileSync(join(dir, 'key')), cert: readFileSync(join(dir, 'ca.pem')) };
    const server = createHttpsServer(files, fakeVersion(docker20));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const env = { ...emptyHome(), DOCKER_HOST: `tcp://127.0.0.1:${port}` };

    const checked = await connect({ ...env, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: dir });
    expect(checked.env).toMatchObject({ DOCKER_HOST: env.DOCKER_HOST, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: dir });
    expect((await connect({ ...env, DOCKER_TLS: '1' })).env).toMatchObject({ DOCKER_TLS: '1', DOCKER_TLS_VERIFY: '' });
    const stranger = await failureOf(connect({ ...env, DOCKER_TLS_VERIFY: '1' }));
    expect(stranger).toMatchObject({ code: 'ENGINE_UNREACHABLE', message: expect.stringMatching(/agree on no TLS/) });
    const plain = await failureOf(connect(env));
    expect(plain.code).toBe('ENGINE_UNREACHABLE');
  });

  test('over TCP, whatever proxies the environment names', async () => {
    const server = createHttpServer(fakeVersion(docker20));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const script = `
      import { connectEngine } from ${JSON.stringify(join(import.meta.dirname, '../../src/runtime/docker/engine/connect.ts'))};
      const engine = await connectEngine(process.env, AbortSignal.timeout(20_000));
      console.log(JSON.stringify({ env: engine.env, isLocalLinux: engine.isLocalLinux }));`;
    const proxies = { HTTP_PROXY: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9', NODE_USE_ENV_PROXY: '1' };
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...emptyHome(), ...proxies, NO_PROXY: 'example.org', DOCKER_HOST: host },
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    await new Promise((resolve) => child.on('close', resolve));
    expect(output).toContain('{');
    expect(JSON.parse(output)).toMatchObject({
      env: { DOCKER_HOST: host, NO_PROXY: 'example.org,127.0.0.1' },
      isLocalLinux: false,
    });
  });
});

describe('Compose', () => {
  function withPlugin(script: string): NodeJS.ProcessEnv {
    const env = emptyHome();
    mkdirSync(join(env.HOME, '.docker/cli-plugins'), { recursive: true });
    writeFileSync(join(env.HOME, '.docker/cli-plugins/docker-compose'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return { ...env, PATH: join(env.HOME, 'bin') };
  }

  test('a plugin that is recent enough', async () => {
    const compose = await askForCompose(withPlugin('echo v2.24.4-desktop.1'), forever());
    expect(compose).toEqual({
      argv: [expect.stringContaining('.docker/cli-plugins/docker-compose')],
      version: '2.24.4',
    });
  });

  test('a plugin that is too old', async () => {
    const failure = await failureOf(askForCompose(withPlugin('echo 2.24.3'), forever()));
    expect(failure).toMatchObject({ fault: 'machine', code: 'COMPOSE_TOO_OLD' });
    expect(failure.message).toMatch(/2\.24\.3.*2\.24\.4/);
  });

  test('a broken plugin, and nothing else', async () => {
    const failure = await failureOf(askForCompose(withPlugin('echo no luck >&2; exit 3'), forever()));
    expect(failure).toMatchObject({ fault: 'machine', code: 'NO_COMPOSE' });
    expect(failure.evidence).toEqual([
      expect.stringMatching(/docker-compose: no luck$/),
      'docker compose: not installed',
      'docker-compose: not installed',
    ]);
    expect(failure.hints).toHaveLength(1);
  });
});

const why = requireImages('the real engine', ['busybox']);

describe.skipIf(why)('a real engine', () => {
  const name = `camp-engine-test-${process.pid}`;
  const label = `dev.camp.engine-test=${process.pid}`;
  const program =
    'trap "exit 3" TERM; echo out; echo err >&2; head -c 40000 /dev/zero | tr "\\0" x; echo; while :; do sleep 0.1; done';
  let engine: Engine;

  const docker = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync('docker', args, {
      encoding: 'utf8',
      env: { ...process.env, ...engine.env },
    });
    if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const create = (suffix: string, ...args: readonly string[]): string =>
    docker('create', '--name', `${name}-${suffix}`, '--label', label, ...args);

  beforeAll(async () => {
    engine = await connect(process.env);
  });
  afterAll(async () => {
    for (const { id } of await engine.api.listContainers([label]))
      await engine.api.removeContainer(id, { force: true });
    await engine.api.removeVolume(name);
    await engine.api.removeNetwork(name);
  });

  test('is the one of the docker CLI, and Compose is found for it', async () => {
    const info = await engine.api.info();
    expect(docker('info', '--format', '{{.Name}} {{.NCPU}}')).toBe(`${info.name} ${info.cpus}`);
    expect(docker('version', '--format', '{{.Server.Version}}')).toContain(engine.version);
    expect(engine.apiVersion).toBe('1.41');
    const compose = await findCompose(process.env, engine, forever());
    expect(findCompose(process.env, engine, forever())).toBe(findCompose(process.env, engine, forever()));
    const [file = '', ...args] = compose.argv;
    expect(spawnSync(file, [...args, 'version', '--short'], { encoding: 'utf8' }).stdout).toContain(compose.version);
  });

  test('a container from its creation to its end', async () => {
    const { api } = engine;
    const id = create(
      'life',
      '--env',
      'A=b',
      '--health-cmd',
      'true',
      '--publish',
      '127.0.0.1::80',
      'busybox',
      'sh',
      '-c',
      program,
    );
    const events: EngineEvent[] = [];
    const over = new AbortController();
    const opened = Promise.withResolvers<void>();
    const watching = api
      .events({ labels: [label], onOpen: opened.resolve }, (event) => events.push(event), { signal: over.signal })
      .catch((error: unknown) => error);
    await opened.promise;

    expect(await api.inspectContainer(id)).toMatchObject({ status: 'created', startedAt: '0001-01-01T00:00:00Z' });
    expect(await api.stats(id)).toBeUndefined();
    await api.startContainer(id);
    await api.startContainer(id);

    const detail = await api.inspectContainer(`${name}-life`);
    expect(detail).toMatchObject({
      id,
      name: `${name}-life`,
      // Podman says docker.io/library/busybox:latest
      image: expect.stringContaining('busybox'),
      status: 'running',
      hasTty: false,
      restartPolicy: { name: 'no', maxRetries: 0 },
      memoryLimit: 0,
      healthcheck: { test: ['CMD-SHELL', 'true'], intervalMs: 30_000, retries: 3 },
      health: { status: expect.stringMatching(/starting|healthy/) },
    });
    expect(detail?.env).toContain('A=b');
    expect(detail?.pid).toBeGreaterThan(1);
    expect(detail?.ports).toMatchObject([{ containerPort: 80, protocol: 'tcp', hostIp: '127.0.0.1' }]);
    const [summary] = (await api.listContainers([label])).filter((one) => one.id === id);
    expect(summary).toMatchObject({
      name: detail?.name,
      status: 'running',
      ports: detail?.ports,
      imageId: detail?.imageId,
    });
    expect(summary?.networks['bridge']?.address).toBe(detail?.networks['bridge']?.address);
    if (engine.kind === 'docker') expect(summary?.health).toMatch(/starting|healthy/);
    const used = await api.stats(id);
    expect(used?.memoryBytes).toBeGreaterThan(0);
    expect(used?.cpuNs).toBeGreaterThan(0);

    // the first process of a container ignores TERM until it says otherwise: its first line comes after that
    await new Promise<void>((resolve, reject) => {
      api.logs(id, { follow: true }, () => resolve(), { signal: over.signal }).catch(reject);
    });
    await api.stopContainer(id, { graceMs: 20_000 });
    await api.stopContainer(id, { graceMs: 0 });
    await api.killContainer(id);
    expect(await api.inspectContainer(id)).toMatchObject({ status: 'exited', exitCode: 3, pid: 0 });
    await api.renameContainer(id, `${name}-renamed`);
    await api.removeContainer(id);
    await api.removeContainer(id);
    await api.stopContainer(id, { graceMs: 0 });
    expect(await api.inspectContainer(id)).toBeUndefined();
    await until(() => events.some((event) => event.action === 'destroy'));
    over.abort();
    await watching;
    // engines differ in what else they tell, and in the order
    const seen = new Set(events.filter((event) => event.id === id).map(({ action }) => action));
    for (const action of ['start', 'die', 'rename', 'destroy']) expect(seen).toContain(action);
    const died = events.find((event) => event.action === 'die');
    expect(died?.attributes).toMatchObject({ exitCode: '3', image: expect.stringContaining('busybox') });
    expect(died?.timeNano).toMatch(/^\d{19}$/);
  });

  test('logs: both streams, long lines whole, since, follow to the end', async () => {
    const { api } = engine;
    const id = create('logs', 'busybox', 'sh', '-c', program);
    await api.startContainer(id);
    const lines: LogLine[] = [];
    const following = api.logs(id, { follow: true }, (line) => lines.push(line));
    await until(() => lines.length >= 3);
    const sorted = lines.toSorted((a, b) => a.time.localeCompare(b.time));
    expect(sorted.map(({ stream, line }) => `${stream} ${line.length} ${line.slice(0, 3)}`).sort()).toEqual([
      'stderr 3 err',
      'stdout 3 out',
      'stdout 40000 xxx',
    ]);
    for (const { time } of lines) expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

    const since = lines.find(({ line }) => line.startsWith('xxx'))!.time;
    const later: LogLine[] = [];
    await api.logs(id, { follow: false, since }, (line) => later.push(line));
    const expected = lines.filter(({ time }) => time >= since);
    expect(later.map(({ line }) => line).sort()).toEqual(expected.map(({ line }) => line).sort());
    const last: LogLine[] = [];
    await api.logs(id, { follow: false, tail: 0 }, (line) => last.push(line));
    expect(last).toEqual([]);

    await api.killContainer(id);
    await following;
    expect(lines).toHaveLength(3);
  });

  test('logs of a terminal', async () => {
    const id = create('tty', '--tty', 'busybox', 'sh', '-c', 'echo one; echo two >&2');
    await engine.api.startContainer(id);
    const lines: LogLine[] = [];
    await engine.api.logs(id, { follow: true, hasTty: true }, (line) => lines.push(line));
    expect(lines.map(({ stream, line }) => `${stream} ${line}`)).toEqual(['stdout one', 'stdout two']);
    expect(lines[0]?.time).toMatch(/Z$/);
  });

  test('programs and files in a container', async () => {
    const { api } = engine;
    const id = create('exec', 'busybox', 'sleep', '600');
    await api.startContainer(id);
    expect(await api.exec(id, ['sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({
      exitCode: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    const big = 'x'.repeat(1_000_000);
    const counted = await api.exec(id, ['sh', '-c', 'wc -c; echo $A; pwd; id -u'], {
      stdin: big,
      env: { A: 'b' },
      cwd: '/tmp',
      user: '1000',
    });
    expect(counted).toMatchObject({ exitCode: 0, stdout: '1000000\nb\n/tmp\n1000\n' });
    expect(await api.exec(id, ['no-such-program'])).toMatchObject({ exitCode: 127 });
    const late = await failureOf(api.exec(id, ['sleep', '60'], {}, { deadlineMs: 500 }));
    expect(late.code).toBe('ENGINE_HANGS');

    const tar = spawnSync('tar', ['-C', import.meta.dirname, '-c', 'engine.test.ts']).stdout;
    await api.putArchive(id, '/tmp', tar);
    expect(await api.exec(id, ['wc', '-l', '/tmp/engine.test.ts'])).toMatchObject({ exitCode: 0 });
    // Podman makes the folder
    if (engine.kind === 'docker') {
      const error = await api.putArchive(id, '/no/such', tar).catch((thrown: unknown) => thrown);
      expect(refusalOf(error)?.status).toBe(404);
    }
    await api.removeContainer(id, { force: true });
  });

  test('networks, volumes, images', async () => {
    const { api } = engine;
    docker('network', 'create', '--label', label, name);
    const [network] = await api.listNetworks([label]);
    expect(network).toMatchObject({
      name,
      driver: 'bridge',
      isInternal: false,
      bridge: `br-${network?.id.slice(0, 12)}`,
    });
    expect(network?.subnets[0]?.gateway).toMatch(/^[\d.]+$/);
    expect(await api.inspectNetwork(name)).toEqual(network);
    await api.removeNetwork(name);
    await api.removeNetwork(name);
    expect(await api.inspectNetwork(name)).toBeUndefined();

    await api.createVolume(name, { labels: { 'dev.camp.engine-test': String(process.pid) } });
    expect(await api.listVolumes([label])).toMatchObject([{ name, driver: 'local' }]);
    expect((await api.volumeSizes()).get(name)).toBe(0);
    await api.removeVolume(name);
    await api.removeVolume(name);
    expect(await api.listVolumes([label])).toEqual([]);

    expect(await api.inspectImage('busybox')).toMatchObject({
      id: expect.stringMatching(/^sha256:/),
      hasHealthcheck: false,
    });
    expect(await api.inspectImage('registry.invalid/no/such:image')).toBeUndefined();
  });
});

const whyNoSecond = why ?? whyNoSecondEngine();
if (whyNoSecond && !why) console.warn(`skipped: a second engine: ${whyNoSecond}`);

describe.skipIf(whyNoSecond)('an engine of its own', () => {
  let second: SecondEngine;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    second = await startSecondEngine(join(root, 'second'));
    env = { ...emptyHome(), DOCKER_HOST: `unix://${second.socket}` };
  });
  afterAll(() => second?.end());

  test('is reached through DOCKER_HOST and through a context, is not the first one, and its network is not ours', async () => {
    const first = await connect(process.env);
    const engine = await connect(env);
    expect(engine.address).toEqual({ host: `unix://${second.socket}`, why: 'DOCKER_HOST' });
    expect(engine.isLocalLinux).toBe(false);
    expect(await engine.api.inspectImage('busybox')).toBeUndefined();
    expect(await first.api.listContainers([])).not.toBeUndefined();

    const { DOCKER_HOST: _none, ...plain } = env;
    const made = spawnSync('docker', ['context', 'create', 'other', '--docker', `host=unix://${second.socket}`], {
      env: plain,
    });
    expect(made.status, String(made.stderr)).toBe(0);
    const byContext = await connect({ ...plain, DOCKER_CONTEXT: 'other' });
    expect(byContext.address.why).toBe('DOCKER_CONTEXT other');
    const id = (engineEnv: NodeJS.ProcessEnv): string =>
      spawnSync('docker', ['info', '--format', '{{.ID}}'], { env: engineEnv, encoding: 'utf8' }).stdout;
    expect(id({ ...plain, ...byContext.env })).toBe(id(env));
    expect(id({ ...process.env, ...byContext.env })).toBe(id(env));
  });

  test('when it stands still, a call ends at its deadline; when it goes, streams and calls end at once', async () => {
    const { api } = await connect(env);
    const opened = Promise.withResolvers<void>();
    const watching = failureOf(api.events({ onOpen: opened.resolve }, () => undefined));
    await opened.promise;
    second.signal('SIGSTOP');
    expect(await failureOf(api.info({ deadlineMs: 500 }))).toMatchObject({ code: 'ENGINE_HANGS' });
    expect(await failureOf(connect(env))).toMatchObject({ code: 'ENGINE_HANGS' });
    const waiting = failureOf(api.info());
    second.signal('SIGKILL');
    expect(await watching).toMatchObject({ fault: 'machine', code: 'ENGINE_UNREACHABLE' });
    expect(await waiting).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    expect(await failureOf(api.listContainers([]))).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    expect(await failureOf(connect(env))).toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: expect.stringMatching(/does not run/),
    });
  });
});

/** Until something that is under way has happened; the test's own deadline ends it. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}
