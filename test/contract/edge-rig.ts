import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  request as plainRequest,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from 'node:http';
import { request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authorityFiles } from '../../src/edge/authority.ts';
import { createContainerEdge } from '../../src/edge/container-edge.ts';
import { createEdge } from '../../src/edge/edge.ts';
import { entriesOf, isObject, type JsonObject, objectsOf, stringsOf } from '../../src/edge/json.ts';
import type { Edge, EdgeSetup, Wanted } from '../../src/edge/types.ts';
import { everywhere, walkRoutes } from '../../src/edge/walk.ts';
import type { Unstamped } from '../../src/kit/events.ts';
import { CampError } from '../../src/kit/failure.ts';
import { listeners } from '../../src/kit/ports.ts';
import { findCaddy } from '../../src/tools/find-caddy.ts';
import { type DockerContainer, dockerContainer, gatewayAddress } from './edge-container-rig.ts';

/** The Caddy that the suite runs against; undefined where the machine has none. */
export const caddy = findCaddy({ data: '/nonexistent', state: '/nonexistent', cache: '/nonexistent' }).tool?.path;

export const never = new AbortController().signal;

/** A port below the ephemeral range that nobody listens on, different for each test file and process. */
let nextPort = 24_000 + (process.pid % 100) * 85;
export function freshPort(): number {
  const taken = new Set(listeners().map((one) => one.port));
  while (taken.has(nextPort)) nextPort++;
  return nextPort++;
}

/** Resolves with the value as soon as `look` gives one that is not undefined or false; rejects after `ms`. */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  ms = 10_000,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export interface Rig extends AsyncDisposable {
  readonly folder: string;
  readonly setup: EdgeSetup;
  readonly edge: Edge;
  readonly events: Unstamped[];
  readonly lines: string[];
  restarts: number;
  /** The last good configuration. */
  readonly configFile: string;
  /** Where the Caddy is in one. */
  readonly container: DockerContainer;
  get(path: string, options?: RequestOptions): Promise<Answer>;
  /** A program of the test that this edge can reach. */
  upstream(...args: Parameters<typeof upstream>): Promise<Upstream>;
  /** Kills the Caddy. */
  kill(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A temporary project with an edge that is not started yet; disposing stops it and removes everything. */
export function createRig(
  options: { storage?: string; folder?: string; kind?: 'process' | 'container'; hooks?: boolean } = {},
): Rig {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'camp-edge-'));
  mkdirSync(join(folder, 'home'), { recursive: true });
  const events: Unstamped[] = [];
  const lines: string[] = [];
  const setup: EdgeSetup = {
    caddy: caddy ?? '',
    projectDir: folder,
    runDir: '.camp/run',
    storage: options.storage ?? join(folder, 'storage'),
    env: { PATH: process.env['PATH'] ?? '', HOME: join(folder, 'home') },
    ports: { https: freshPort(), http: freshPort() },
    emit: (event) => void events.push(event),
    onLine: (line) => void lines.push(line),
    onRestart: () => void rig.restarts++,
  };
  const isContained = options.kind === 'container';
  const container = dockerContainer(setup, options.hooks ?? true);
  const rig: Rig = {
    folder,
    setup,
    edge: isContained
      ? createContainerEdge({
          ...setup,
          container,
          memory: join(folder, 'adapted.json'),
          declared: { CAMP_DOMAIN: 'shop.localhost', ODD: "it's # $odd" },
        })
      : createEdge(setup),
    events,
    lines,
    restarts: 0,
    container,
    configFile: join(folder, isContained ? '.camp/run/edge/caddy.json' : '.camp/run/caddy.json'),
    upstream: (answer, port) => upstream(answer, port, isContained ? gatewayAddress() : '127.0.0.1'),
    async kill() {
      if (isContained) await container.kill();
      else process.kill(rig.edge.pid!, 'SIGKILL');
    },
    get: (url, extra = {}) => get(setup, url, extra),
    async [Symbol.asyncDispose]() {
      await rig.edge.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return rig;
}

/** One request on a new connection, verified against the project's CA. */
export function get(setup: EdgeSetup, url: string, extra: RequestOptions = {}): Promise<Answer> {
  const target = new URL(url);
  const isTls = target.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const lookup: RequestOptions['lookup'] = (_, options, callback) =>
      options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);
    const options = {
      lookup,
      agent: false,
      ...(isTls ? { ca: readFileSync(authorityFiles(setup.storage).root) } : {}),
      ...extra,
    };
    const asked = (isTls ? request : plainRequest)(target, options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

export interface Upstream extends AsyncDisposable {
  readonly address: string;
  readonly server: Server;
  /** Ends it as a kill would: listener and all connections at once. */
  kill(): Promise<void>;
}

export async function upstream(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  port = 0,
  host = '127.0.0.1',
): Promise<Upstream> {
  const server = createServer(answer);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const kill = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return { address: `${host}:${(server.address() as AddressInfo).port}`, server, kill, [Symbol.asyncDispose]: kill };
}

/** Keeps asking, one request after the other on each of `width` lines, until stopped; every answer is kept. */
export function load(rig: Rig, url: string, width: number): { stop(): Promise<readonly string[]> } {
  const answers: string[] = [];
  let isOver = false;
  const line = async (): Promise<void> => {
    while (!isOver) {
      answers.push(
        await rig.get(url).then(
          (answer) => `${answer.status} ${answer.text}`,
          (error: NodeJS.ErrnoException) => `error ${error.code ?? error.message}`,
        ),
      );
    }
  };
  const lines = Array.from({ length: width }, line);
  return {
    async stop() {
      isOver = true;
      await Promise.all(lines);
      return answers;
    },
  };
}

export function wantedOf(
  text: string,
  endpoints: Readonly<Record<string, readonly string[]>>,
  rest: Partial<Wanted> = {},
): Wanted {
  return {
    caddyfile: { path: 'Caddyfile', text },
    domain: 'shop.localhost',
    services: new Set([...Object.keys(endpoints), ...(rest.statics?.keys() ?? [])]),
    endpoints: Object.entries(endpoints).flatMap(([service, addresses]) =>
      addresses.map((address, i) => ({ service, replica: `${service}:${i + 1}`, address })),
    ),
    statics: new Map(),
    ...rest,
  };
}

/** What matters of a patched configuration, as lines that a person can review. */
export function summaryOf(config: JsonObject): string[] {
  const apps = isObject(config.apps) ? config.apps : {};
  const http = isObject(apps.http) ? apps.http : {};
  const lines: string[] = [];
  const admin = isObject(config.admin) ? config.admin : {};
  const storage = isObject(config.storage) ? config.storage : {};
  lines.push(
    `admin ${String(admin.listen)} persist ${String(isObject(admin.config) ? admin.config.persist : '')}`,
    `storage ${String(storage.module)} ${String(storage.root)}`,
  );
  for (const [name, server] of entriesOf(http.servers)) {
    lines.push(
      `server ${name} ${stringsOf(server.listen).join(' ')}${server.tls_connection_policies ? ` tls ${JSON.stringify(server.tls_connection_policies)}` : ''}`,
    );
    const visit = (handler: JsonObject, place: { hosts?: readonly string[]; path?: string }) => {
      const at = `${place.hosts?.join(',') ?? '*'}${place.path ?? ' ?'}`;
      if (handler.handler === 'reverse_proxy')
        lines.push(
          `  proxy ${at} -> ${
            objectsOf(handler.upstreams)
              .map((each) => String(each.dial))
              .join(' ') || 'nothing'
          } ${JSON.stringify({ dynamic: handler.dynamic_upstreams, lb: handler.load_balancing, health: handler.health_checks, close: handler.stream_close_delay, transport: handler.transport })}`,
        );
      if (handler.handler === 'file_server') lines.push(`  files ${at} -> ${String(handler.root)}`);
      if (handler.handler === 'rewrite')
        lines.push(`  rewrite ${at} ${JSON.stringify({ ...handler, handler: undefined })}`);
      if (handler.handler === 'static_response')
        lines.push(`  answer ${at} ${JSON.stringify({ ...handler, handler: undefined })}`);
    };
    walkRoutes(server.routes, everywhere, visit);
    for (const [, named] of entriesOf(server.named_routes))
      walkRoutes([named], everywhere, (handler, place) => (lines.push('  named:'), visit(handler, place)));
    if (isObject(server.errors))
      walkRoutes(
        server.errors.routes,
        everywhere,
        (handler, place) => (lines.push('  on error:'), visit(handler, place)),
      );
  }
  const tls = isObject(apps.tls) ? apps.tls : {};
  const certificates = isObject(tls.certificates) ? tls.certificates : {};
  const automation = isObject(tls.automation) ? tls.automation : {};
  lines.push(
    `certificates ${stringsOf(certificates.automate).join(' ') || 'none'}`,
    `issuers ${JSON.stringify(automation.policies)}`,
  );
  if (apps.pki) lines.push(`pki ${JSON.stringify(apps.pki)}`);
  return lines;
}

/** The first failure of work that must fail with a CampError. */
export async function failureOf(work: Promise<unknown>): Promise<CampError['failures'][number]> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CampError)) throw new Error(`no CampError but ${String(error)}`);
  return error.failures[0]!;
}

export const fingerprintOf = (rig: Rig): string =>
  new X509Certificate(readFileSync(authorityFiles(rig.setup.storage).root)).fingerprint256;
export const https = (rig: Rig, path = '', host = 'shop.localhost'): string =>
  `https://${host}:${rig.setup.ports.https}${path}`;

export const site = 'shop.localhost {\n\treverse_proxy /api/orders/* orders:8080\n\treverse_proxy web:8080\n}\n';

export function writeIn(folder: string, path: string, content: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), content);
}
