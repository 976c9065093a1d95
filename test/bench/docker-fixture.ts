import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The same services in containers, for camp and for plain Compose with a Caddy of its own. */
export interface DockerFixture {
  readonly base: string;
  /** The project's folder, the same for both. */
  readonly dir: string;
  readonly home: string;
  /** Where plain Compose's Caddy keeps its CA. */
  readonly plainStorage: string;
  readonly names: readonly string[];
  readonly httpsPort: number;
  readonly domain: string;
}

export interface Shape {
  /** Seconds between two looks of Compose at a service's health; absent: there is no health check. */
  readonly healthIntervalS?: number;
  /** What runs beside the services: a container that they all need. */
  readonly hasDatabase: boolean;
  readonly isNative: boolean;
}

const server = `import { createServer } from 'node:http';
const server = createServer((request, response) => response.end(process.env.SERVICE ?? 'service'));
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0');
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeAllConnections(); });
`;

const dockerfile = `FROM node:24-alpine
WORKDIR /app
COPY package.json server.mjs ./
USER node
CMD ["node", "server.mjs"]
`;

/** Writes the project into a new temporary folder. */
export function createDockerFixture(shape: Shape): DockerFixture {
  const base = mkdtempSync(join(tmpdir(), 'camp-bench-docker-'));
  const dir = join(base, `bench${process.pid}`);
  const names = ['one', 'two', 'three'];
  const domain = `bench${process.pid}.localhost`;
  const fixture: DockerFixture = {
    base,
    dir,
    home: join(base, 'home'),
    plainStorage: join(base, 'plain'),
    names,
    httpsPort: 19_000 + (process.pid % 900),
    domain,
  };
  for (const folder of [fixture.home, fixture.plainStorage]) mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const folder = join(dir, 'services', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'server.mjs'), server);
    writeFileSync(join(folder, 'package.json'), '{"type": "module", "scripts": {"start": "node server.mjs"}}\n');
    writeFileSync(join(folder, 'Dockerfile'), dockerfile);
  }
  writeFileSync(join(dir, 'compose.yaml'), composeOf(fixture, shape));
  writeFileSync(
    join(dir, 'Caddyfile'),
    names.map((name) => `${name}.{$CAMP_DOMAIN:${domain}} {\n\treverse_proxy ${name}:8080\n}\n`).join(''),
  );
  return fixture;
}

function composeOf({ names, plainStorage, httpsPort }: DockerFixture, shape: Shape): string {
  const health =
    shape.healthIntervalS === undefined
      ? ''
      : `
    healthcheck:
      test: ["CMD", "node", "-e", "fetch('http://127.0.0.1:8080/').then(() => process.exit(0), () => process.exit(1))"]
      interval: ${shape.healthIntervalS}s`;
  const needs = shape.hasDatabase ? '\n    depends_on: {db: {condition: service_healthy}}' : '';
  const services = names.map(
    (name) => `
  ${name}:
    build: services/${name}
    init: true
    environment: {SERVICE: ${name}}${health}${needs}`,
  );
  const edgeNeeds =
    shape.healthIntervalS === undefined
      ? ''
      : `
    depends_on: {${names.map((name) => `${name}: {condition: service_healthy}`).join(', ')}}`;
  const database = shape.hasDatabase
    ? `
  db:
    image: redis:8
    healthcheck: {test: ["CMD", "redis-cli", "ping"], interval: ${shape.healthIntervalS ?? 1}s}`
    : '';
  return `${shape.isNative ? 'x-camp: native\n' : ''}services:
  edge:
    image: caddy:2
    ports: ["127.0.0.1:${httpsPort}:443"]
    environment: [CAMP_DOMAIN]
    volumes: ["./Caddyfile:/etc/caddy/Caddyfile:ro", "${plainStorage}:/data"]${edgeNeeds}${services.join('')}${database}
`;
}

export function dockerUrlsOf({ names, httpsPort, domain }: DockerFixture): readonly string[] {
  return names.map((name) => `https://${name}.${domain}:${httpsPort}/`);
}

export function removeDockerFixture({ base }: DockerFixture): void {
  rmSync(base, { recursive: true, force: true });
}
