import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { renderCompose } from '../../../edge/rivals/compose.ts';
import { writeWhole } from '../../../kit/files.ts';
import { runCommand } from '../../../kit/spawn.ts';
import { outerCaddyfile } from './caddy.ts';
import { findProgram } from './programs.ts';
import type { Rival } from './types.ts';

const image = 'caddy:2';

/** Caddy in a container by Docker Compose, before the same services. */
export async function composeRival(
  project: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Rival> {
  const program = findProgram(['docker'], env);
  const ask = (...words: string[]) => runCommand([program ?? 'docker', ...words], { env, timeoutMs: 20_000, signal });
  const version = program === undefined ? undefined : (await ask('compose', 'version', '--short')).stdout.trim();
  const hasEngine = version ? (await ask('info')).exitCode === 0 : false;
  const hasImage = hasEngine && (await ask('image', 'inspect', image)).exitCode === 0;
  signal.throwIfAborted();
  const obstacle = !hasEngine
    ? 'no Docker engine answers'
    : !hasImage
      ? `the image ${image} is not on this machine (docker pull ${image})`
      : process.platform !== 'linux'
        ? 'containers share the network of the machine on Linux only'
        : undefined;
  return {
    server: 'compose',
    version: version || null,
    ...(version ? {} : { missing: 'Docker Compose is not installed' }),
    ...(obstacle === undefined ? {} : { obstacle }),
    render(site) {
      const { compose, caddyfile } = renderCompose(site, image);
      if ('refused' in compose) return compose;
      if ('refused' in caddyfile) return caddyfile;
      return {
        files: [
          { path: 'compose.yaml', kind: 'compose', text: compose.text },
          { path: 'Caddyfile', kind: 'caddyfile', text: caddyfile.text },
        ],
        omitted: caddyfile.omitted,
      };
    },
    install(files, _site, place) {
      const { folder } = place;
      for (const name of ['data', 'run']) mkdirSync(join(folder, name), { recursive: true });
      for (const { path, text } of files) writeWhole(join(folder, path), text, { durable: false });
      writeWhole(join(folder, 'served.caddyfile'), outerCaddyfile(place, '/etc/caddy/Caddyfile'), { durable: false });
      writeWhole(join(folder, 'served.yaml'), served(), { durable: false });
      const name = `${project}-compared`.toLowerCase().replace(/[^a-z0-9_-]+/g, '-');
      const compose = [program ?? 'docker', 'compose', '-p', name, '-f', 'compose.yaml', '-f', 'served.yaml'];
      return {
        check: [...compose, 'config', '--quiet'],
        serve: ['sh', '-c', upAndDown, 'sh', ...compose],
        removal: [...compose, 'down', '--volumes', '--timeout', '2'],
        cwd: folder,
        redirectsTo: 443,
        env,
        caFile: join(folder, 'data/caddy/pki/authorities/local/root.crt'),
      };
    },
    steps: () => ['edit compose.yaml', 'edit Caddyfile', 'docker compose config', 'docker compose up -d'],
  };
}

/**
 * However it is ended, the container and its volume go with it: a guard may be all that is left of camp by then. Nothing
 * is written into camp's pipe, which would end Compose at once where camp is no more.
 */
const upAndDown = `
trap : TERM INT
"$@" up --no-color --timeout 2 >run/error.log 2>&1
exec "$@" down --volumes --timeout 2 >/dev/null 2>&1
`;

/**
 * Over the file that is counted: other ports, and data where the authority's certificate can be read and removed by
 * whoever compares.
 */
function served(): string {
  return `services:
  caddy:
    user: "${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}"
    command: caddy run --adapter caddyfile --config /etc/caddy/served.caddyfile
    environment:
      CADDY_ADMIN: unix//tmp/admin.sock
    volumes:
      - ./served.caddyfile:/etc/caddy/served.caddyfile:ro
      - ./data:/data
`;
}
