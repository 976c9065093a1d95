import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { addService } from '../../src/scaffold/add-service.ts';
import { applyChanges } from '../../src/scaffold/apply.ts';
import { initProject } from '../../src/scaffold/init-project.ts';

/** Every template once alone and once with a need, in one project, with every program that its language needs. */
const languages = [
  { template: 'node', program: 'node', run: [process.execPath, 'src/main.ts'], test: [process.execPath, '--test'] },
  { template: 'python', program: 'python3', run: ['python3', 'main.py'], test: ['python3', '-m', 'unittest'] },
  {
    template: 'go',
    program: 'go',
    build: ['go', 'build', '-o', 'service.bin', '.'],
    run: ['./service.bin'],
    test: ['go', 'test', './...'],
  },
] as const;
const has = (program: string, ...args: string[]) =>
  spawnSync(program, args.length > 0 ? args : ['--version']).error === undefined;
const missing = (program: string) => (program === 'go' ? !has('go', 'version') : !has(program));
const lacks = (program: string) => {
  const isMissing = missing(program);
  if (isMissing) console.warn(`skipped: there is no ${program} on this machine`);
  return isMissing;
};

let root: string;
let dir: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'camp-templates-'));
  dir = join(root, 'shop');
  await applyChanges(dir, () => initProject({ dir, discover: () => [] }), { purpose: 'camp init' });
  for (const { template } of languages) {
    await add({ name: `${template}-alone`, template });
    await add({ name: `${template}-calls`, template, needs: ['api', 'node-alone'] });
    await add({ name: `${template}-host`, template, host: true });
  }
  await add({ name: 'pages', template: 'static', needs: ['api', 'node-calls'] });
  await add({ name: 'docs', template: 'static', route: '/guide/docs' });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function add(request: Omit<Parameters<typeof addService>[0], 'dir'>) {
  return applyChanges(dir, () => addService({ dir, ...request }), { purpose: 'camp add service' });
}

const logical = (text: string) => text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));

describe('a generated project', () => {
  test('hello is 12 lines of compose and 4 of Caddyfile, none longer than 100', async () => {
    const hello = join(root, 'hello');
    await applyChanges(hello, () => initProject({ dir: hello, discover: () => [] }), { purpose: 'camp init' });
    const compose = logical(readFileSync(join(hello, 'compose.yaml'), 'utf8'));
    const caddyfile = logical(readFileSync(join(hello, 'Caddyfile'), 'utf8'));
    expect(compose.length).toBeLessThanOrEqual(12);
    expect(caddyfile.length).toBeLessThanOrEqual(5);
    expect([...compose, ...caddyfile].filter((line) => line.length > 100)).toEqual([]);
  });

  test.each([undefined, 'shop.example.com'])('Caddy accepts its Caddyfile with CAMP_DOMAIN=%s', (domain) => {
    const { CAMP_DOMAIN: _, ...env } = process.env;
    const args = ['validate', '--adapter', 'caddyfile', '--config', 'Caddyfile'];
    const { status, stderr } = spawnSync('caddy', args, {
      cwd: dir,
      env: { ...env, HOME: root, XDG_DATA_HOME: root, ...(domain ? { CAMP_DOMAIN: domain } : {}) },
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
  });

  test.skipIf(lacks('docker'))('Compose accepts its compose.yaml', () => {
    const { status, stderr } = spawnSync('docker', ['compose', 'config', '-q'], { cwd: dir, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  });

  test.skipIf(lacks('npm'))('npm accepts its lockfile, which installs nothing', () => {
    const { status, stderr } = spawnSync('npm', ['ci', '--dry-run', '--offline', '--no-audit'], {
      cwd: dir,
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    expect(JSON.parse(readFileSync(join(dir, 'package-lock.json'), 'utf8')).packages).not.toHaveProperty(
      'node_modules/undici',
    );
  });

  test('its Node and static services pass their tests with the one npm test', () => {
    const { status, stdout } = spawnSync(process.execPath, ['--test'], {
      cwd: dir,
      env: withoutTestRunner(),
      encoding: 'utf8',
    });
    expect(status, stdout).toBe(0);
    expect(Number(/^# pass (\d+)$/m.exec(stdout)?.[1] ?? /pass (\d+)/.exec(stdout)?.[1])).toBeGreaterThanOrEqual(20);
  });

  test('a static page finds its files below its route in a container too', () => {
    expect(readFileSync(join(dir, 'services/docs/Dockerfile'), 'utf8')).toContain('COPY . /srv/guide/docs\n');
    expect(readFileSync(join(dir, 'services/pages/index.html'), 'utf8')).toContain('data-call="/api/node-calls/hello"');
  });

  test('every Dockerfile leaves behind what it was built with, has a user that is not root, and starts the program itself', () => {
    for (const name of readdirSync(join(dir, 'services'))) {
      const text = readFileSync(join(dir, 'services', name, 'Dockerfile'), 'utf8');
      // files need nothing to be built with
      const stages = ['web', 'pages', 'docs'].includes(name) ? 1 : 2;
      expect(text.match(/^FROM /gm)?.length, name).toBe(stages);
      expect(text, name).toMatch(/^USER (?!root|0)\S+$/m);
      expect(text, name).toMatch(/^CMD \["(?!npm|sh)/m);
    }
  });
});

/** vitest marks its own environment; a test runner inside must not think that it is one of ours. */
function withoutTestRunner(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, VITEST: _vitest, ...env } = process.env;
  return env;
}

describe.each(languages)('$template', ({ template, program, run, test: testCommand, ...rest }) => {
  const skip = missing(program);
  const started = new Set<ChildProcess>();
  let dependency: Server;
  const asked: { request: IncomingMessage; answer: () => void }[] = [];

  beforeAll(async () => {
    if (skip) return;
    for (const name of ['alone', 'calls', 'host'])
      if ('build' in rest)
        execFileSync(rest.build[0], rest.build.slice(1), { cwd: join(dir, 'services', `${template}-${name}`) });
    dependency = createServer((request, response) => {
      asked.push({
        request,
        answer: () => response.setHeader('content-type', 'application/json').end('{"message":"hi"}'),
      });
    });
    await new Promise<void>((listening) => dependency.listen(0, '127.0.0.1', listening));
  });
  afterEach(() => {
    for (const child of started) child.kill('SIGKILL');
    started.clear();
    asked.length = 0;
  });
  afterAll(() => dependency?.close());

  async function start(name: string, env: Record<string, string> = {}) {
    const port = await freePort();
    const cwd = join(dir, 'services', `${template}-${name}`);
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(run[0], run.slice(1), {
      cwd,
      env: { PATH, HOME, HOST: '127.0.0.1', PORT: String(port), SERVICE: `${template}-${name}`, ...env },
    });
    started.add(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    const lines = () =>
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const url = `http://127.0.0.1:${port}`;
    await until(async () => (await ask(`${url}/readyz`)).status === 200, 'the service is ready');
    return { child, port, url, exited, lines };
  }

  test.skipIf(skip)('its own tests pass, alone, with needs and on a host', () => {
    for (const name of ['alone', 'calls', 'host']) {
      const { status, stdout, stderr } = spawnSync(testCommand[0], testCommand.slice(1), {
        cwd: join(dir, 'services', `${template}-${name}`),
        env: withoutTestRunner(),
        encoding: 'utf8',
      });
      expect(status, `${name}: ${stdout}${stderr}`).toBe(0);
    }
  });

  test.skipIf(skip)('answers its route and below, problems elsewhere, and logs JSON with the ids', async () => {
    const service = await start('alone');
    const requestId = '0f8fad5b-d9cb-469f-a165-70867728950e';
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    expect((await ask(`${service.url}/livez`)).status).toBe(200);
    const route = `/api/${template}-alone`;
    const answer = await ask(`${service.url}${route}/x?y=1`, { 'x-request-id': requestId });
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json', 'x-request-id': requestId },
    });
    expect(answer.headers['traceparent']).toMatch(/^00-0f8fad5bd9cb469fa16570867728950e-[0-9a-f]{16}-01$/);
    expect(JSON.parse(answer.body)).toEqual({
      service: `${template}-alone`,
      message: `hello from ${template}-alone`,
      path: `${route}/x`,
    });
    const unknown = await ask(`${service.url}${route}x`, { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    expect(unknown).toMatchObject({
      status: 404,
      headers: { 'content-type': 'application/problem+json', 'x-request-id': trace },
    });
    expect(JSON.parse(unknown.body)).toMatchObject({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      instance: `${route}x`,
      requestId: trace,
    });
    const hostile = await ask(`${service.url}${route}`, { 'x-request-id': 'a b"}{' });
    expect(hostile.headers['x-request-id']).toMatch(/^[0-9a-f-]{32,36}$/);
    const requests = () => service.lines().filter(({ msg }) => msg === 'request');
    await until(async () => requests().length === 3, 'three lines are logged');
    // a line comes after its answer: the next request may be logged before it
    const lineOf = (id: string) => requests().find((line) => line['requestId'] === id);
    const first = lineOf(requestId);
    const second = lineOf(trace);
    expect(first).toMatchObject({
      level: 'info',
      service: `${template}-alone`,
      traceId: requestId.replaceAll('-', ''),
      requestId,
      method: 'GET',
      path: `${route}/x`,
      status: 200,
    });
    expect(new Date(String(first?.['time'])).getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(first?.['ms']).toBeTypeOf('number');
    expect(second).toMatchObject({ traceId: trace, requestId: trace, status: 404 });
  });

  test.skipIf(skip)('passes the ids on, and answers without what it needs', async () => {
    const address = `http://127.0.0.1:${(dependency.address() as AddressInfo).port}`;
    const service = await start('calls', { API_URL: address, NODE_ALONE_URL: 'http://127.0.0.1:1' });
    const requestId = '0f8fad5b-d9cb-469f-a165-70867728950e';
    const answer = ask(`${service.url}/api/${template}-calls/`, { 'x-request-id': requestId });
    await until(async () => asked.length === 1, 'the dependency is asked');
    const { request } = asked[0] as (typeof asked)[number];
    expect(request.url).toBe('/api/');
    expect(request.headers['x-request-id']).toBe(requestId);
    expect(request.headers['traceparent']).toMatch(/^00-0f8fad5bd9cb469fa16570867728950e-[0-9a-f]{16}-01$/);
    asked[0]?.answer();
    const { needs } = JSON.parse((await answer).body) as { needs: Record<string, unknown> };
    expect(needs).toEqual({ api: { message: 'hi' }, 'node-alone': { unavailable: 'cannot be reached' } });
  });

  test.skipIf(skip)('on SIGTERM it stops accepting, finishes what is in flight and exits 0', async () => {
    const address = `http://127.0.0.1:${(dependency.address() as AddressInfo).port}`;
    const service = await start('calls', { API_URL: address, NODE_ALONE_URL: 'http://127.0.0.1:1' });
    const answer = ask(`${service.url}/api/${template}-calls/`);
    await until(async () => asked.length === 1, 'the dependency is asked');
    service.child.kill('SIGTERM');
    await until(async () => !(await isOpen(service.port)), 'the port is closed');
    asked[0]?.answer();
    expect(await answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect(await service.exited).toBe(0);
    expect(service.lines().map(({ msg }) => msg)).toContain('draining');
  });

  test.skipIf(skip)('an idle connection does not hold it up', async () => {
    const service = await start('alone');
    const idle = connect(service.port, '127.0.0.1');
    await new Promise<void>((answered) => {
      idle.once('data', () => answered());
      idle.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n');
    });
    idle.on('error', () => {});
    const begin = performance.now();
    service.child.kill('SIGTERM');
    expect(await service.exited).toBe(0);
    expect(performance.now() - begin).toBeLessThan(4_000);
    idle.destroy();
  });

  test.skipIf(skip)('a second signal ends it at once', async () => {
    const address = `http://127.0.0.1:${(dependency.address() as AddressInfo).port}`;
    const service = await start('calls', { API_URL: address, NODE_ALONE_URL: 'http://127.0.0.1:1' });
    const answer = ask(`${service.url}/api/${template}-calls/`).catch(() => 'cut');
    await until(async () => asked.length === 1, 'the dependency is asked');
    service.child.kill('SIGTERM');
    await until(async () => !(await isOpen(service.port)), 'the port is closed');
    service.child.kill('SIGTERM');
    expect(await service.exited).toBe(1);
    expect(await answer).toBe('cut');
  });

  test.skipIf(skip)('a taken port is said and is exit 1', async () => {
    const service = await start('alone');
    const cwd = join(dir, 'services', `${template}-alone`);
    const { PATH = '', HOME = '' } = process.env;
    const second = spawnSync(run[0], run.slice(1), {
      cwd,
      env: { PATH, HOME, HOST: '127.0.0.1', PORT: String(service.port) },
      encoding: 'utf8',
    });
    expect(second.status).toBe(1);
    expect(JSON.parse(second.stdout.trim())).toMatchObject({
      level: 'error',
      service: `${template}-alone`,
      msg: expect.stringMatching(/^cannot listen/),
    });
  });
});

const hasPython = !missing('python3');
test.skipIf(!hasPython)('Python and Go read a quoted string back as it was', async () => {
  const { quotes } = await import('../../src/scaffold/quote.ts');
  const strings = [
    '',
    '"',
    "'",
    '\\',
    '\\n',
    '\n',
    '\0',
    '\u0085',
    '\u2028',
    '\uFEFF',
    '\u{10FFFF}',
    'é😀',
    `${'$'}{X}`,
    '{x}',
    '%s',
    '\u007f',
  ];
  const expected = JSON.stringify(strings.map((text) => Buffer.from(text).toString('hex')));
  const python = `import json\nprint(json.dumps([s.encode().hex() for s in [${strings.map(quotes.py).join(', ')}]], separators=(",", ":")))\n`;
  expect(execFileSync('python3', ['-'], { input: python, encoding: 'utf8' }).trim()).toBe(expected);
  if (missing('go')) return;
  const folder = join(root, 'quoted');
  mkdirSync(folder);
  const list = strings.map((text) => `hex.EncodeToString([]byte(${quotes.go(text)}))`).join(', ');
  writeFileSync(
    join(folder, 'main.go'),
    `package main\nimport ("encoding/hex"; "encoding/json"; "os")\nfunc main() { b, _ := json.Marshal([]string{${list}}); os.Stdout.Write(b) }\n`,
  );
  expect(execFileSync('go', ['run', 'main.go'], { cwd: folder, encoding: 'utf8' })).toBe(expected);
});

interface Asked {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(url: string, headers: Record<string, string> = {}): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false, timeout: 10_000 }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

async function until(isTrue: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    if (await isTrue().catch(() => false)) return;
    if (performance.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resume) => setTimeout(resume, 10));
  }
}
