import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listeners } from '../../src/kit/ports.ts';
import { socketInodes } from '../../src/kit/process.ts';
import type { UpReport } from '../../src/report/types.ts';
import { Cluster, createHome, type Home } from '../rig/cluster.ts';
import { run } from '../rig/compose.ts';
import { requireImages } from '../rig/images.ts';
import { leftInDocker, removeImages } from '../rig/left-in-docker.ts';

const caller = fileURLToPath(new URL('../rig/caller.mjs', import.meta.url));
const name = `mixed-${process.pid}`;
const secret = `s3cret-${randomUUID()}`;

/** Processes: prepare, app, front. Containers: everything else. Each side waits for, and calls, the other. */
const compose = `name: ${name}
services:
  db:
    image: postgres:17
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: "${secret}", POSTGRES_DB: x }
    healthcheck: { test: [CMD-SHELL, pg_isready -h 127.0.0.1 -U u -d x], interval: 30s, start_period: 60s, start_interval: 500ms }
  cache: { image: redis:8 }
  bus: { image: nats:2 }
  seed:
    image: postgres:17
    environment: { PGPASSWORD: "${secret}" }
    command: [sh, -c, "psql -h db -U u -d x -c 'create table t (i int)' && touch /shared/seeded"]
    volumes: [./shared:/shared]
    depends_on: { db: { condition: service_healthy } }
  prepare:
    build: ./caller
    x-camp: { native: true, run: "node -e 'require(\\"fs\\").writeFileSync(\\"../shared/prepared\\", \\"\\")'" }
    depends_on: { db: { condition: service_healthy } }
  app:
    build: ./caller
    x-camp: { native: true, run: node caller.mjs }
    environment:
      WHO: app
      DELAY_MS: 700
      MUST_EXIST: ../shared/seeded
      OWN: postgres://u:${secret}@db:5432/x?sslmode=disable
      LIST: "cache:6379, bus:4222"
      PROSE: the db is called db and listens at 5432
    depends_on:
      db: { condition: service_healthy }
      cache: { condition: service_started }
      bus: { condition: service_started }
      seed: { condition: service_completed_successfully }
  worker:
    build: ./caller
    environment: { WHO: worker, MUST_EXIST: /shared/prepared }
    volumes: [./shared:/shared]
    depends_on: { prepare: { condition: service_completed_successfully } }
  back:
    build: ./caller
    environment: { WHO: back, MUST_ANSWER: "http://app:8080/", APP: "http://app:8080/from-the-file" }
    healthcheck: { test: [CMD, node, -e, "fetch('http://127.0.0.1:8080').catch(() => process.exit(1))"], interval: 30s }
    depends_on: { app: { condition: service_healthy } }
  front:
    build: ./caller
    x-camp: { native: true, run: node caller.mjs }
    environment: { WHO: front, BACK: "http://back:8080/", MUST_ANSWER: "http://back:8080/" }
    depends_on: { back: { condition: service_healthy }, worker: { condition: service_started } }
`;
const caddyfile = `{$CAMP_DOMAIN:${name}.localhost} {
${['app', 'back', 'front', 'worker'].map((one) => `\treverse_proxy /${one}/* ${one}:8080`).join('\n')}
}
`;

let home: Home;
let project: Cluster;
let report: UpReport;
let said = '';
const why = requireImages('processes beside containers', ['postgres:17', 'redis:8', 'nats:2', 'node:24-alpine']);

beforeAll(async () => {
  if (why) return;
  home = createHome();
  project = new Cluster(home, name);
  for (const folder of ['caller', 'shared']) mkdirSync(project.path(folder), { recursive: true });
  copyFileSync(caller, project.path('caller/caller.mjs'));
  project.write(
    'caller/Dockerfile',
    'FROM node:24-alpine\nCOPY caller.mjs /\nUSER node\nCMD ["node", "/caller.mjs"]\n',
  );
  project.write('compose.yaml', compose);
  project.write('Caddyfile', caddyfile);
  const up = await project.camp(['up', '-d', '--json', '--timeout', '200']);
  report = JSON.parse(up.stdout) as UpReport;
  said = up.stdout + up.stderr;
  await project.ps();
}, 400_000);
afterAll(async () => {
  if (!project) return;
  await project[Symbol.asyncDispose]();
  // its data stays: nothing but volumes survives down
  expect(await leftInDocker({ id: project.id, compose: name }, ['container', 'network'])).toEqual([]);
  for (const volume of await leftInDocker({ id: project.id, compose: name }, ['volume']))
    await run('docker', ['volume', 'rm', volume.replace('volume ', '')]);
  await removeImages(name);
  home[Symbol.dispose]();
}, 200_000);
beforeEach(({ skip }) => skip(why !== undefined, why));

async function text(path: string): Promise<string> {
  const { status, text } = await project.get(path);
  return status === 200 ? text : `${status} ${text}`;
}

const env = (service: string, variable: string): Promise<string> => text(`/${service}/env?name=${variable}`);

test('each service runs where the files say', () => {
  const processes = ['prepare', 'app', 'front'];
  for (const one of report.services)
    expect(`${one.name} ${one.placement}`).toBe(
      `${one.name} ${processes.includes(one.name) ? 'process' : 'container'}`,
    );
});

describe('a process reaches containers', () => {
  test.each([
    ['DATABASE_URL', 'R'],
    ['DB_URL', 'R'],
    ['OWN', 'R'],
    ['REDIS_URL', '+PONG'],
    ['CACHE_URL', '+PONG'],
    ['NATS_URL', 'INFO '],
    ['BUS_URL', 'INFO '],
  ])('by %s', async (variable, greeting) => {
    expect(await text(`/app/dial?name=${variable}`)).toMatch(greeting === 'R' ? /^R/ : greeting);
    expect(await env('app', variable)).toMatch(/@127\.0\.0\.1:\d+|\/\/127\.0\.0\.1:\d+/);
  });

  test('with the name, the password and the database that its container was given', async () => {
    const port = new URL(await env('app', 'DATABASE_URL')).port;
    expect(await env('app', 'DATABASE_URL')).toBe(`postgres://u:${secret}@127.0.0.1:${port}/x`);
    expect(await env('app', 'OWN')).toBe(`postgres://u:${secret}@127.0.0.1:${port}/x?sslmode=disable`);
    const pg = ['PGHOST', 'PGPORT', 'PGUSER', 'PGPASSWORD', 'PGDATABASE'].map((one) => env('app', one));
    expect(await Promise.all(pg)).toEqual(['127.0.0.1', port, 'u', secret, 'x']);
  });

  test('by addresses in a list; what is only prose stays', async () => {
    expect(await env('app', 'LIST')).toMatch(/^127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+$/);
    expect(await env('app', 'PROSE')).toBe('the db is called db and listens at 5432');
  });

  test('by HTTP, by its variable and by what the file says', async () => {
    expect(await text('/front/call?name=BACK_URL')).toBe('back is here');
    expect(await text('/front/call?name=BACK')).toBe('back is here');
  });
});

describe('a container reaches a process', () => {
  test('by its variable, by what the file says and by its name in the code', async () => {
    expect(await text('/back/call?name=APP_URL')).toBe('app is here');
    expect(await text('/back/call?name=APP')).toBe('app is here');
    expect(await text('/back/call?url=http://app:8080/hard-coded')).toBe('app is here');
  });

  test('and another container by its own name', async () => {
    expect(await text('/back/call?url=http://worker:8080/')).toBe('worker is here');
  });

  test('after the process was restarted, too', async () => {
    await project.camp(['restart', 'app']);
    expect(await text('/back/call?name=APP_URL')).toBe('app is here');
    expect(await text('/back/call?url=http://app:8080/hard-coded')).toBe('app is here');
  });

  test('and a process a container after that was restarted', async () => {
    await project.camp(['restart', 'back']);
    expect(await text('/front/call?name=BACK_URL')).toBe('back is here');
  });
});

test('who waited for somebody across has started once, after it was ready', async () => {
  const { stdout } = await project.camp(['logs', 'front', 'back']);
  expect(stdout.match(/at the start \S*back\S* answered 200|at the start \S+ answered 200/g)?.length).toBeGreaterThan(
    1,
  );
  expect(stdout).not.toMatch(/at the start \S+ answered (?!200)/);
  for (const one of ['seed', 'prepare']) expect((await project.service(one)).state, one).toBe('exited');
});

test('nothing listens beyond loopback but the relay at the gateway of the engine, and the LAN is refused', async () => {
  const gateway = await run('docker', [
    'network',
    'inspect',
    'bridge',
    '--format',
    '{{(index .IPAM.Config 0).Gateway}}',
  ]);
  const allowed = ['127.0.0.1', '::1', gateway.output.trim()];
  const pids = [...project.processes().map((one) => one.pid), project.supervisor()];
  const inodes = new Set(pids.flatMap((pid) => [...socketInodes(pid)]));
  const own = listeners().filter(({ owner }) => inodes.has(owner));
  expect(own.length).toBeGreaterThan(4);
  expect(own.filter(({ address }) => !allowed.includes(address))).toEqual([]);

  const ids = await run('docker', ['ps', '--quiet', '--filter', `label=com.docker.compose.project=${name}`]);
  const ports = await run('docker', [
    'inspect',
    '--format',
    '{{range $p, $c := .NetworkSettings.Ports}}{{range $c}}{{.HostIp}} {{.HostPort}}{{"\\n"}}{{end}}{{end}}',
    ...ids.output.split('\n').filter(Boolean),
  ]);
  const published = ports.output
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '));
  expect(published.length).toBeGreaterThan(3);
  for (const [address] of published) expect(address).toBe('127.0.0.1');
  // the kernel's own table: the engine's proxies, too
  const hostPorts = new Set(published.map(([, port]) => Number(port)));
  expect(listeners().filter((one) => hostPorts.has(one.port) && one.address !== '127.0.0.1')).toEqual([]);

  const lan = lanAddress();
  if (!lan) return void console.warn('not tried: this machine has no address beyond loopback and the engine');
  for (const port of new Set([...own.map((one) => one.port), ...hostPorts]))
    expect(`${port} ${await dial(lan, port)}`).toBe(`${port} ECONNREFUSED`);
});

test('the password is told to nobody: not by plan, ps, up, not in the logs of camp, no argv', async () => {
  const plan = await project.camp(['plan']);
  const json = await project.camp(['plan', '--json']);
  const ps = await project.camp(['ps', '--json']);
  for (const one of [plan, json, ps]) expect(one.stdout + one.stderr).not.toContain(secret);
  expect(said).not.toContain(secret);
  const logs = project.path('.camp/logs');
  for (const file of readdirSync(logs)) expect(readFileSync(join(logs, file), 'utf8'), file).not.toContain(secret);
  expect(argvOfAll().filter((argv) => argv.includes(secret))).toEqual([]);
});

test('a second up changes nothing', async () => {
  const before = await project.ps();
  const began = performance.now();
  const again = await project.camp(['up', '-d', '--json']);
  console.info(`second up of a mixed project: ${Math.round(performance.now() - began)} ms`);
  const pids = (JSON.parse(again.stdout) as UpReport).services.map((one) => `${one.name} ${one.pids}`);
  expect(pids).toEqual(before.services.map((one) => `${one.name} ${one.pids}`));
});

function lanAddress(): string | undefined {
  const all = Object.entries(networkInterfaces()).flatMap(([device, addresses]) =>
    /^(?:docker|br-|veth)/.test(device) ? [] : (addresses ?? []),
  );
  return all.find((one) => one.family === 'IPv4' && !one.internal)?.address;
}

function dial(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5000 });
    socket.once('connect', () => (socket.destroy(), resolve('connected')));
    socket.once('timeout', () => (socket.destroy(), resolve('timeout')));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function argvOfAll(): readonly string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      } catch {
        return ''; // it has ended
      }
    });
}
