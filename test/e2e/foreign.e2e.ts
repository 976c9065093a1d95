import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { projectId } from '../../src/kit/paths.ts';
import { listeners } from '../../src/kit/ports.ts';
import { markedProcesses } from '../../src/kit/process.ts';
import type { UpReport } from '../../src/report/types.ts';
import { get, type Site, siteOf } from '../rig/black-box.ts';
import { echo, upgrade } from '../rig/client.ts';
import { createHome, eventually, type Home } from '../rig/cluster.ts';
import { requireImages } from '../rig/images.ts';
import { leftInDocker, removeImages } from '../rig/left-in-docker.ts';
import { type Trial, trial, writeFiles } from '../rig/trial.ts';

/** Somebody's project: its files, and what somebody who knows its URLs sees. */
interface Foreign {
  readonly what: string;
  /** The folder's name, where it matters. */
  readonly folder?: string;
  /** Compose's name of it, where that is not the folder's. */
  readonly compose?: string;
  readonly files: Readonly<Record<string, string>>;
  /** What stands before the domain, and the path, with what is answered. */
  readonly answers: Readonly<Record<string, string | number | RegExp>>;
  /** Further things that must hold while it runs. */
  readonly also?: (seen: Seen) => Promise<void> | void;
  readonly args?: readonly string[];
  /** Before it comes up. */
  readonly before?: () => Promise<() => Promise<unknown>>;
}

interface Seen {
  readonly dir: string;
  readonly report: UpReport;
  readonly site: Site;
  readonly said: string;
  camp(...args: readonly string[]): Promise<Trial>;
}

/** Answers with a word, the path and the host that it was asked for. */
const node = (word: string, port = 3000): string =>
  `[node, -e, 'require("http").createServer((q, r) => r.end("${word} " + q.url)).listen(${port}); process.on("SIGTERM", () => process.exit(0))']`;

const run = process.pid;
const foreign: readonly Foreign[] = [
  {
    what: 'underscores in the names, a folder with dots and capitals, expose only, init, restart always',
    folder: `My.App.${run}`,
    compose: `my_app_${run}`,
    files: {
      'docker-compose.yml': `version: "3.8"
name: my_app_${run}
services:
  web_front:
    image: node:24-alpine
    init: true
    restart: always
    expose: ["3000"]
    command: ${node('front')}
    depends_on: [api_server]
  api_server:
    image: node:24-alpine
    container_name: own-name-${run}
    hostname: api.internal
    environment: [PORT=4000]
    expose: [4000]
    command: ${node('api', 4000)}
    tmpfs: [/scratch]
    volumes: ["./conf:/conf:ro", "/anonymous"]
`,
      'conf/a.txt': 'a',
    },
    answers: {
      '/x': 'front /x',
      'web-front./y': 'front /y',
      'api-server./z': 'api /z',
    },
  },
  {
    what: 'nginx in front that publishes 80 and 443, and two services on one host port',
    files: {
      'compose.yml': `services:
  nginx:
    image: nginx:alpine
    ports: ["80:80", "443:443"]
    volumes: ["./default.conf:/etc/nginx/conf.d/default.conf:ro"]
    depends_on: [one, two]
  one:
    image: node:24-alpine
    ports: ["18080:3000"]
    command: ${node('one')}
  two:
    image: node:24-alpine
    ports: ["18080:3000"]
    command: ${node('two')}
`,
      'default.conf':
        'server {\n  listen 80;\n  location / { proxy_pass http://one:3000; }\n  location /two/ { proxy_pass http://two:3000/; }\n}\n',
    },
    answers: { '/hello': 'one /hello', '/two/x': 'two /x', 'one./': 'one /', 'two./': 'two /', 'nginx./a': 'one /a' },
    also({ said }) {
      expect(said).toMatch(/18080/);
    },
  },
  {
    what: 'networks apart, none by default, aliases, network_mode host and bridge, UDP, a range of ports, an image without EXPOSE',
    files: {
      'compose.yaml': `services:
  web:
    image: node:24-alpine
    networks: [front]
    command: ${node('web', 8000)}
    ports: ["28000-28001:8000-8001"]
  api:
    image: node:24-alpine
    networks: { back: { aliases: [backend] }, front: {} }
    command: [node, -e, 'require("http").createServer(async (q, r) => r.end("api " + await (await fetch("http://storage:9000")).text())).listen(5000); process.on("SIGTERM", () => process.exit(0))']
    expose: ["5000"]
  storage:
    image: busybox
    networks: { back: { aliases: [storage] } }
    init: true
    command: [sh, -c, "mkdir -p /www && echo -n stored > /www/index.html && exec httpd -f -p 9000 -h /www"]
    ports: ["9000"]
  metrics:
    image: node:24-alpine
    networks: [front]
    init: true
    command: [node, -e, 'const s = require("dgram").createSocket("udp4"); s.on("message", (m, from) => s.send("heard " + m, from.port)).bind(8125)']
    ports: ["28125:8125/udp"]
  agent:
    image: node:24-alpine
    network_mode: host
    expose: ["28999"]
    command: [node, -e, 'require("http").createServer((q, r) => r.end("agent " + q.url)).listen(28999); process.on("SIGTERM", () => process.exit(0))']
  old:
    image: node:24-alpine
    network_mode: bridge
    ports: ["28080:3000"]
    command: ${node('old')}
networks: { front: {}, back: { internal: true } }
`,
    },
    answers: { '/': 'web /', 'api./': 'api stored', 'storage./': 'stored', 'agent./a': 'agent /a', 'old./o': 'old /o' },
  },
  {
    what: 'a health check every 30 s, answers 401 and 404 at the root, a WebSocket, HTTPS behind',
    files: {
      'compose.yaml': `services:
  app:
    image: node:24-alpine
    ports: ["3000:3000"]
    healthcheck: { test: [CMD, node, -e, "fetch('http://127.0.0.1:3000').catch(() => process.exit(1))"], interval: 30s, timeout: 5s, retries: 3 }
    command: [node, /app/ws.mjs]
    volumes: [".:/app:ro"]
  locked:
    image: node:24-alpine
    command: [node, -e, 'require("http").createServer((q, r) => { r.statusCode = 401; r.end("no") }).listen(8080); process.on("SIGTERM", () => process.exit(0))']
    expose: [8080]
    depends_on: { app: { condition: service_healthy } }
  rootless:
    image: node:24-alpine
    command: [node, -e, 'require("http").createServer((q, r) => { r.statusCode = q.url === "/v1" ? 200 : 404; r.end("v") }).listen(8081); process.on("SIGTERM", () => process.exit(0))']
    expose: [8081]
`,
      'ws.mjs': readFileSync(new URL('../rig/probe.mjs', import.meta.url), 'utf8').replace('?? 8080', '?? 3000'),
    },
    answers: { '/x': 'GET /x', 'locked./': 401, 'rootless./': 404, 'rootless./v1': 200 },
    async also({ site, report }) {
      const host = `app.${report.domain}`;
      const socket = await upgrade({ port: site.https, host, path: '/ws', caFile: site.caFile });
      await echo(socket, 'there and back', 10_000);
      socket.destroy();
      const seconds = report.phases.filter(({ phase }) => phase === 'awaitReady').map((one) => one.endMs - one.beginMs);
      console.info(`health checks every 30 s: ready after ${seconds.map(Math.round).join(', ')} ms`);
      // Compose itself could not be ready before the first check, 30 s later
      expect(Math.max(...seconds)).toBeLessThan(29_000);
    },
  },
  {
    what: 'one-shots that others wait for, env_file, .env, secrets, configs in the file, profiles, replicas, extends, labels',
    files: {
      '.env': 'GREETING=from dotenv\nTAG=24-alpine\n',
      'app.env': 'FROM_FILE=yes\n',
      'secret.txt': 'hush',
      'base.yaml': 'services:\n  base:\n    image: node:${TAG}\n    environment: { BASE: "1" }\n',
      'compose.yaml': `x-common: &common
  env_file: app.env
services:
  migrate:
    <<: *common
    image: busybox
    command: [sh, -c, "test -s /run/secrets/token && cat /etc/motd-own > /out/motd"]
    secrets: [token]
    configs: [{ source: motd, target: /etc/motd-own }]
    volumes: [out:/out]
  app:
    <<: *common
    extends: { file: base.yaml, service: base }
    environment: { WORDS: "\${GREETING:-none}" }
    command: [node, -e, 'require("http").createServer((q, r) => r.end([process.env.WORDS, process.env.FROM_FILE, process.env.BASE, require("fs").readFileSync("/out/motd", "utf8").trim()].join("|"))).listen(3000); process.on("SIGTERM", () => process.exit(0))']
    volumes: [out:/out:ro]
    expose: [3000]
    deploy: { replicas: 2 }
    labels: { com.example.team: "a b" }
    depends_on: { migrate: { condition: service_completed_successfully } }
  debug:
    profiles: [debug]
    image: no.such.registry/never:1
secrets: { token: { file: ./secret.txt } }
configs: { motd: { content: "hello \${GREETING}" } }
volumes: { out: {} }
`,
    },
    answers: { '/': 'from dotenv|yes|1|hello from dotenv' },
    also({ report }) {
      expect(report.services.find((one) => one.name === 'migrate')?.state).toBe('exited');
      expect(report.services.find((one) => one.name === 'app')?.pids.length).toBe(2);
    },
  },
  {
    what: 'builds with arguments and targets, and backing services on their usual ports, one of them taken',
    files: {
      'compose.yaml': `services:
  web:
    build: { context: ./web, args: { WORD: built }, target: final }
    ports: ["5000:5000"]
    environment: { DATABASE_URL: "postgres://postgres:pw@db:5432/postgres", CACHE: "redis://cache:6379" }
    depends_on: [db, cache]
  db:
    image: postgres:17
    environment: { POSTGRES_PASSWORD: pw }
    ports: ["5432:5432"]
    volumes: [data:/var/lib/postgresql/data]
  cache:
    image: redis:8
    ports: ["26379:6379"]
volumes: { data: {} }
`,
      'web/Dockerfile':
        'FROM python:3.13-slim AS base\nARG WORD\nENV WORD=$WORD PYTHONUNBUFFERED=1\nFROM base AS final\nCOPY app.py /\nCMD ["python", "/app.py"]\nFROM busybox AS other\nRUN false\n',
      'web/app.py': `import os, socket, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class H(BaseHTTPRequestHandler):
    def do_GET(self):
        u = urllib.parse.urlsplit(os.environ["CACHE"])
        with socket.create_connection((u.hostname, u.port)) as s:
            s.sendall(b"PING\\r\\n")
            pong = s.recv(5).decode()
        body = (os.environ["WORD"] + " " + pong).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
ThreadingHTTPServer(("0.0.0.0", 5000), H).serve_forever()
`,
    },
    before: () => holdPort(26379),
    answers: { '/': 'built +PONG', 'web./': 'built +PONG' },
    async also({ report, said, camp }) {
      const url = (name: string): string => report.services.find((one) => one.name === name)?.url ?? 'none:';
      expect(url('db')).toMatch(/^postgres(?:ql)?:\/\/127\.0\.0\.1:\d+/);
      expect(url('cache')).toMatch(/^redis:\/\/127\.0\.0\.1:\d+/);
      expect(new URL(url('cache')).port).not.toBe('26379');
      expect(said).toMatch(/26379/);
      const all = said + (await camp('ps')).stdout + (await camp('plan')).stdout;
      expect(all).not.toContain(':pw@');
    },
  },
  {
    what: 'a Caddyfile that decides, in front of a service that it names and one that it does not',
    files: {
      Caddyfile:
        '{$CAMP_DOMAIN:ruled.localhost} {\n\thandle /a/* {\n\t\treverse_proxy app:3000\n\t}\n\thandle {\n\t\trespond "mine" 200\n\t}\n}\n',
      'compose.yaml': `name: ruled-${run}
services:
  app:
    image: node:24-alpine
    command: ${node('app')}
    expose: [3000]
  hidden:
    image: node:24-alpine
    command: ${node('hidden')}
    expose: [3000]
`,
    },
    answers: {},
    async also({ site, report }) {
      const base = report.urls.find((url) => url.includes('ruled')) ?? '';
      const { origin } = new URL(base);
      expect((await get(site, `${origin}/a/x`)).text).toBe('app /a/x');
      expect((await get(site, `${origin}/b`)).text).toBe('mine');
      expect(report.urls.filter((url) => url.includes('hidden'))).toEqual([]);
    },
  },
];

let home: Home;
const why = requireImages('projects of others', [
  'node:24-alpine',
  'nginx:alpine',
  'busybox',
  'postgres:17',
  'redis:8',
  'python:3.13-slim',
  'caddy:2',
]);

beforeAll(() => {
  home = createHome();
});
afterAll(() => home?.[Symbol.dispose]());
beforeEach(({ skip }) => skip(why !== undefined, why));

describe.each(foreign.map((one, i) => ({ ...one, i })))('$what', ({ files, i, ...one }) => {
  const folder = one.folder ?? `foreign${i}-${run}`;
  const compose = one.compose ?? /^name: (\S+)/m.exec(files['compose.yaml'] ?? '')?.[1] ?? folder;

  test.each(['as it is', '--docker'])(
    'comes up %s behind HTTPS names, and leaves nothing',
    async (placement) => {
      const dir = join(home.dir, folder);
      if (!existsSync(dir)) writeFiles(dir, files);
      const before = treeOf(dir);
      const camp = (...args: readonly string[]): Promise<Trial> =>
        trial(args, { cwd: dir, env: home.env, timeoutMs: 200_000 });
      const release = await one.before?.();
      try {
        const plan = await camp('plan', '--json');
        expect(plan.code, plan.stdout + plan.stderr).toBe(0);
        const up = await camp('up', '-d', '--json', ...(placement === '--docker' ? ['--docker'] : []));
        expect(up.code, up.stdout + up.stderr).toBe(0);
        const report = JSON.parse(up.stdout) as UpReport;
        const site = siteOf(report);
        for (const [where, expected] of Object.entries(one.answers)) {
          const url = `https://${where.replace('/', `${report.domain}/`)}`;
          const answer = await get(site, url);
          if (typeof expected === 'number') expect(answer.status, url).toBe(expected);
          else
            expect(answer.text, `${url} ${answer.status}`).toMatch(
              expected instanceof RegExp ? expected : literally(expected),
            );
        }
        for (const url of report.urls.filter((each) => each.startsWith('https:')))
          expect((await get(site, url)).status, url).toBeLessThan(500);
        await one.also?.({ dir, report, site, said: up.stdout + up.stderr + ownWords(plan.stdout), camp });
      } finally {
        const down = await camp('down');
        await release?.();
        expect(down.code, down.stdout + down.stderr).toBe(0);
      }
      const id = projectId(realpathSync(dir));
      await eventually(
        'no process is left',
        () => markedProcesses(id).length === 0,
        5000,
        () => markedProcesses(id),
      );
      expect(await leftInDocker({ id, compose }, ['container', 'network'])).toEqual([]);
      const data = await camp('down', '--data', '--yes');
      expect(data.code, data.stdout + data.stderr).toBe(0);
      expect(await leftInDocker({ id, compose })).toEqual([]);
      expect(treeOf(dir)).toEqual(before);
    },
    300_000,
  );

  afterAll(async () => {
    if (!why) await removeImages(compose);
  });
});

/** A plan without the files as Compose reads them, in which stands what stands in the files. */
function ownWords(json: string): string {
  const { compose: _, ...own } = JSON.parse(json) as { compose?: unknown };
  return JSON.stringify(own);
}

function literally(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
}

/** Every file with a hash of it, but camp's own folder. */
function treeOf(dir: string, folder = dir): readonly string[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      if (path === join(dir, '.camp')) return [];
      const { mode, uid } = statSync(path);
      if (statSync(path).isDirectory()) return treeOf(dir, path);
      return [`${relative(dir, path)} ${mode} ${uid} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`];
    });
}

/** Somebody else's program that has a port already, unless there is one by chance. */
async function holdPort(port: number): Promise<() => Promise<unknown>> {
  if (listeners().some((one) => one.port === port)) return async () => undefined;
  const server: Server = createServer();
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, '127.0.0.1', listening));
  return () => new Promise((closed) => server.close(closed));
}
