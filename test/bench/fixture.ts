import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The same services twice: as a project for camp, and as a script that a person would write instead. */
export interface Fixture {
  readonly base: string;
  /** The project's folder. */
  readonly dir: string;
  readonly home: string;
  readonly script: string;
  readonly scriptStorage: string;
  readonly names: readonly string[];
  readonly httpsPort: number;
  readonly firstPort: number;
}

export const domain = 'bench.localhost';

export function urlsOf({ names, httpsPort }: Fixture): readonly string[] {
  return names.map((name) => `https://${name}.${domain}:${httpsPort}/`);
}

/** The file of a service; `version` is what it answers. */
export function serverFile(fixture: Fixture, name: string): string {
  return join(fixture.dir, 'services', name, 'server.mjs');
}

export function serverText(version: string): string {
  return [
    "import { createServer } from 'node:http';",
    `const server = createServer((request, response) => response.end(${JSON.stringify(version)}));`,
    "server.listen(Number(process.env.PORT), '127.0.0.1');",
    "process.on('SIGTERM', () => (server.close(() => process.exit(0)), server.closeAllConnections()));",
    '',
  ].join('\n');
}

export function createFixture(count: number): Fixture {
  const base = mkdtempSync(join(tmpdir(), 'camp-bench-'));
  const fixture: Fixture = {
    base,
    dir: join(base, 'project'),
    home: join(base, 'home'),
    script: join(base, 'start.sh'),
    scriptStorage: join(base, 'storage'),
    names: Array.from({ length: count }, (_, at) => `s${at + 1}`),
    // not where another run of this benchmark listens
    httpsPort: 18_000 + (process.pid % 997),
    firstPort: 12_000 + (process.pid % 29) * 200,
  };
  for (const name of fixture.names) mkdirSync(join(fixture.dir, 'services', name), { recursive: true });
  for (const name of fixture.names) writeFileSync(serverFile(fixture, name), serverText('v1'));
  mkdirSync(fixture.home, { mode: 0o700 });
  const services = fixture.names.map(
    (name) => `  ${name}:\n    build: services/${name}\n    x-camp: {run: node server.mjs}`,
  );
  writeFileSync(
    join(fixture.dir, 'compose.yaml'),
    ['name: bench', 'x-camp: native', 'services:', ...services, ''].join('\n'),
  );
  const sites = fixture.names.map((name) => `${name}.${domain} {\n\treverse_proxy ${name}:8080\n}`);
  writeFileSync(join(fixture.dir, 'Caddyfile'), `${sites.join('\n')}\n`);
  writeFileSync(join(base, 'Caddyfile'), scriptCaddyfile(fixture));
  writeFileSync(fixture.script, scriptText(fixture), { mode: 0o755 });
  return fixture;
}

function scriptCaddyfile({ names, httpsPort, firstPort, scriptStorage }: Fixture): string {
  const sites = names.map(
    (name, at) =>
      `${name}.${domain} {\n\ttls internal\n\tbind 127.0.0.1\n\treverse_proxy 127.0.0.1:${firstPort + at}\n}`,
  );
  const globals = [
    '{',
    '\tadmin off',
    '\tskip_install_trust',
    '\tauto_https disable_redirects',
    `\thttps_port ${httpsPort}`,
    `\tstorage file_system ${scriptStorage}`,
    '}',
  ];
  return `${[...globals, ...sites].join('\n')}\n`;
}

/** Starts Caddy and the services at once, ends them all on TERM. */
function scriptText({ base, dir, names, firstPort }: Fixture): string {
  return [
    '#!/bin/sh',
    `caddy run --config ${base}/Caddyfile >/dev/null 2>&1 &`,
    'pids=$!',
    `port=${firstPort}`,
    `for name in ${names.join(' ')}; do`,
    `  PORT=$port node ${dir}/services/$name/server.mjs &`,
    '  pids="$pids $!" port=$((port + 1))',
    'done',
    "trap 'kill $pids 2>/dev/null; wait; exit 0' TERM INT",
    'wait',
    '',
  ].join('\n');
}
