import { basename, join, relative, resolve, sep } from 'node:path';
import { readText } from '../kit/files.ts';
import { addRoute } from '../project/edit/caddyfile.ts';
import type { Start } from '../project/types.ts';
import { dockerfileFor } from './dockerfile.ts';
import { factsOf } from './folder-facts.ts';
import { suggestName } from './names.ts';
import { quotes } from './quote.ts';
import type { Found } from './types.ts';

/** Code that something knows how to start; `discoverServices` of the project room finds it. */
export interface Discovered {
  readonly name: string;
  readonly folder: string;
  readonly start: Start;
  readonly hasDockerfile: boolean;
}

interface Adopted {
  readonly compose: string;
  readonly caddyfile: string;
  readonly found: readonly Found[];
}

/** compose.yaml and Caddyfile for the code of a folder; nothing else of it is touched. */
export function adopt(dir: string, project: string, discovered: readonly Discovered[]): Adopted {
  const services = withValidNames(discovered);
  const front = frontPage(services);
  const routed = services.map((service) => {
    const path =
      service === front ? '/' : service.start.kind === 'static' ? `/${service.name}` : `/api/${service.name}`;
    const folder = relative(dir, resolve(dir, service.folder)).split(sep).join('/') || '.';
    return { ...service, path, folder };
  });
  const domain = `${project}.localhost`;
  // The front page comes last, as one reads it: paths first, everything else below.
  const ordered = [
    ...routed.filter((service) => service.path !== '/'),
    ...routed.filter((service) => service.path === '/'),
  ];
  const caddyfile = ordered.reduce((text, { name, path, folder, hasDockerfile }) => {
    const port = hasDockerfile ? exposedPort(join(dir, folder)) : 8080;
    const edit = addRoute(text, { service: name, port, domain, at: { path } });
    return 'text' in edit ? edit.text : text;
  }, '');
  return {
    compose: `${[...composeHead(project), ...routed.flatMap((service) => composeEntry(dir, service))].join('\n')}\n`,
    caddyfile: caddyfileHead + caddyfile,
    found: routed.map(({ name, folder, start, path }) => ({
      name,
      folder,
      start: startInWords(start),
      route: `https://${domain}${path === '/' ? '' : path}/`,
    })),
  };
}

/** The first line of every Caddyfile that camp writes. */
export const caddyfileHead =
  '# How it is reached. Set CAMP_DOMAIN to a real domain and the same file gets public certificates.\n';

/** The first lines of every compose.yaml that camp writes. */
function composeHead(project: string): readonly string[] {
  return [
    '# What runs. `camp up` runs it natively; `docker compose up --build` runs the same file without camp.',
    `name: ${quotes.yaml(project)}`,
    'x-camp: native',
    '',
    'services:',
    '  # for plain Compose: camp runs a Caddy of its own in its place',
    '  edge:',
    '    image: caddy:2',
    '    ports: ["127.0.0.1:80:80", "127.0.0.1:443:443"]',
    '    environment: [CAMP_DOMAIN]',
    '    volumes: ["./Caddyfile:/etc/caddy/Caddyfile:ro"]',
  ];
}

interface Routed extends Discovered {
  readonly path: string;
}

function composeEntry(dir: string, service: Routed): readonly string[] {
  const context = quotes.yaml(service.folder);
  if (service.hasDockerfile) return [`  ${service.name}:`, `    build: ${context}`];
  const facts = factsOf(join(dir, service.folder));
  // Compose would fill in $NAME itself: $$ is how it writes a dollar.
  const lines = dockerfileFor(service.start, facts, service.path === '/' ? '' : service.path).map(
    (line) => `        ${line.replaceAll('$', '$$$$')}`,
  );
  return [`  ${service.name}:`, '    build:', `      context: ${context}`, '      dockerfile_inline: |', ...lines];
}

/** The port that a Dockerfile says; 8080 where it says none. */
export function exposedPort(folder: string): number {
  const match = /^\s*EXPOSE\s+(\d+)/im.exec(readText(join(folder, 'Dockerfile')) ?? '');
  return match ? Number(match[1]) : 8080;
}

/** What a service is called that people look at. */
export const frontNames: readonly string[] = ['web', 'frontend', 'site', 'www', 'ui', 'app', 'client', 'gateway'];

/** What the bare domain shows: the only service, else files, else what is called like a front page, else nothing. */
function frontPage(services: readonly Discovered[]): Discovered | undefined {
  if (services.length === 1) return services[0];
  return (
    services.find((service) => service.start.kind === 'static') ??
    frontNames.map((name) => services.find((service) => service.name === name)).find((service) => service !== undefined)
  );
}

/** Folders may be called what no host can be called, and two may come to the same name. */
function withValidNames(discovered: readonly Discovered[]): readonly Discovered[] {
  const taken = new Set<string>();
  return discovered.map((service) => {
    const base = suggestName(service.name, 'service') ?? 'app';
    let name = base;
    for (let n = 2; taken.has(name); n++) name = `${base}-${n}`;
    taken.add(name);
    return { ...service, name };
  });
}

function startInWords(start: Start): string {
  if (start.kind === 'static') return `files, served by the edge (${start.why})`;
  const [program = '', ...args] = start.argv;
  return `${[basename(program), ...args].map(quotes.shell).join(' ')} (${start.why})`;
}
