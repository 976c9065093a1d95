import { basename, isAbsolute, relative } from 'node:path';
import type { Start } from '../project/types.ts';
import type { FolderFacts } from './folder-facts.ts';
import { quotes } from './quote.ts';

type Command = Extract<Start, { kind: 'command' }>;

/** A user without a name that no image has otherwise. */
const nobody = '65532:65532';

/**
 * A short Dockerfile for a program that has none, so that plain `docker compose up` can build it too. It gets PORT=8080
 * like under camp. What is declared is installed before the code is copied, so that a change of the code installs
 * nothing. Nothing in it needs BuildKit. `prefix` is the path that a static folder is served below.
 */
export function dockerfileFor(start: Start, facts: FolderFacts, prefix: string): readonly string[] {
  if (start.kind === 'static') return page(relative(facts.folder, start.root) || '.', facts, prefix);
  switch (start.language) {
    case 'node':
      return node(start, facts);
    case 'python':
      return python(start, facts);
    case 'go':
      return go(start, facts);
    case 'rust':
      return rust(start, facts);
    case 'deno':
      return deno(start, facts);
    case 'static':
    case 'other':
      return [...plain('debian:stable-slim', nobody, facts), 'ENV PORT=8080', `USER ${nobody}`, cmd(start)];
  }
}

/** What must not be in an image, or is made anew there. A folder with a .dockerignore has said itself what. */
const left: Readonly<Record<string, readonly string[]>> = {
  node: ['node_modules'],
  python: ['.venv', 'venv', '__pycache__'],
  rust: ['target'],
};

/** The code of the folder in `/files` of the stage `build`, which is thrown away with all that it still holds of secrets. */
function files(facts: FolderFacts, language = 'other'): readonly string[] {
  if (facts.names.includes('.dockerignore')) return ['COPY . /files'];
  const unwanted = [...(left[language] ?? []), '.camp', '.git', '.env*'].map((name) => `/files/${name}`);
  return ['COPY . /files', `RUN rm -rf ${unwanted.join(' ')}`];
}

function copied(user: string): string {
  return `COPY --from=build --chown=${user} /files /app`;
}

/** An image with the code and nothing else. */
function plain(image: string, user: string, facts: FolderFacts, language?: string): readonly string[] {
  if (facts.names.includes('.dockerignore')) return [`FROM ${image}`, `COPY --chown=${user} . /app`, 'WORKDIR /app'];
  return [`FROM ${image} AS build`, ...files(facts, language), `FROM ${image}`, copied(user), 'WORKDIR /app'];
}

function page(root: string, facts: FolderFacts, prefix: string): readonly string[] {
  const target = quotes.docker(`/srv${prefix}`);
  // the edge shows no name that begins with a dot, and this server would
  const hidden = 'RUN find /files -mindepth 1 -name ".*" -prune -exec rm -rf {} +';
  return [
    'FROM caddy:2 AS build',
    `COPY ${quotes.docker(root)} /files`,
    hidden,
    ...(facts.names.includes('node_modules') && root === '.' ? ['RUN rm -rf /files/node_modules'] : []),
    'FROM caddy:2',
    'ENV XDG_CONFIG_HOME=/tmp',
    'ENV XDG_DATA_HOME=/tmp',
    `COPY --from=build /files ${target}`,
    `USER ${nobody}`,
    'CMD ["caddy", "file-server", "--root", "/srv", "--listen", ":8080"]',
  ];
}

function node(start: Command, facts: FolderFacts): readonly string[] {
  const image = 'node:24-alpine';
  const user = 'node:node';
  const end = ['ENV PORT=8080', 'ENV PATH=/app/node_modules/.bin:$PATH', 'USER node', cmd(start)];
  if (!facts.names.includes('package.json')) return [...plain(image, user, facts, 'node'), ...end];
  const install = nodeInstall(facts.names);
  if (facts.installsOwnCode)
    return [
      `FROM ${image} AS build`,
      ...files(facts, 'node'),
      'WORKDIR /files',
      ...install,
      `FROM ${image}`,
      copied(user),
      'WORKDIR /app',
      ...end,
    ];
  const manifests = ['package.json', '.npmrc', ...lockfiles].filter((name) => facts.names.includes(name));
  return [
    `FROM ${image} AS build`,
    'WORKDIR /app',
    `COPY ${manifests.join(' ')} ./`,
    ...install,
    ...files(facts, 'node'),
    `FROM ${image}`,
    `COPY --from=build --chown=${user} /app /app`,
    copied(user),
    'WORKDIR /app',
    ...end,
  ];
}

const lockfiles = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock'];

function nodeInstall(names: readonly string[]): readonly string[] {
  if (names.includes('package-lock.json') || names.includes('npm-shrinkwrap.json')) return ['RUN npm ci'];
  if (names.includes('pnpm-lock.yaml')) return ['RUN corepack enable', 'RUN pnpm install --frozen-lockfile'];
  if (names.includes('yarn.lock')) return ['RUN corepack enable', 'RUN yarn install --frozen-lockfile'];
  return ['RUN npm install'];
}

function python(start: Command, facts: FolderFacts): readonly string[] {
  const image = 'python:3.13-slim';
  const end = ['ENV PORT=8080', 'ENV PYTHONUNBUFFERED=1', `USER ${nobody}`, cmd(start)];
  const requirements = facts.names.includes('requirements.txt');
  if (!requirements && !facts.hasPyDependencies) return [...plain(image, nobody, facts, 'python'), ...end];
  const install = [
    'RUN mkdir /dependencies',
    `RUN pip install --no-cache-dir --prefix=/dependencies ${requirements ? '-r requirements.txt' : '.'}`,
  ];
  return [
    `FROM ${image} AS build`,
    ...(facts.installsOwnCode
      ? [...files(facts, 'python'), 'WORKDIR /files', ...install]
      : ['COPY requirements.txt ./', ...install, ...files(facts, 'python')]),
    `FROM ${image}`,
    'COPY --from=build /dependencies /usr/local',
    copied(nobody),
    'WORKDIR /app',
    ...end,
  ];
}

/** The standard library is compiled once, not with every change: that is most of what a build takes. */
function go(start: Command, facts: FolderFacts): readonly string[] {
  const target = start.argv.find((word) => word.startsWith('./')) ?? '.';
  const sums = facts.names.includes('go.sum') ? ['COPY go.mod go.sum ./', 'RUN go mod download'] : [];
  const isVendored = facts.names.includes('vendor') || facts.installsOwnCode;
  return [
    'FROM golang:1.27-alpine AS build',
    'ENV CGO_ENABLED=0',
    'RUN go build net/http',
    'WORKDIR /files',
    ...(isVendored ? [] : sums),
    ...files(facts),
    `RUN go build -o /service ${target}`,
    'FROM alpine:3',
    'COPY --from=build /service /service',
    // a program may read what lies beside its code
    copied(nobody),
    'WORKDIR /app',
    'ENV PORT=8080',
    `USER ${nobody}`,
    'CMD ["/service"]',
  ];
}

function rust(start: Command, facts: FolderFacts): readonly string[] {
  const words = start.argv.includes('--') ? start.argv.slice(start.argv.indexOf('--') + 1) : [];
  const name = facts.cargoName ?? basename(facts.folder);
  return [
    'FROM rust:1-slim-trixie AS build',
    ...files(facts, 'rust'),
    'WORKDIR /files',
    'RUN cargo install --path . --root /out \\',
    ' && rm -rf target',
    'FROM debian:trixie-slim',
    'COPY --from=build /out/bin /usr/local/bin',
    copied(nobody),
    'WORKDIR /app',
    'ENV PORT=8080',
    `USER ${nobody}`,
    `CMD ${JSON.stringify([name, ...words])}`,
  ];
}

function deno(start: Command, facts: FolderFacts): readonly string[] {
  const manifests = ['deno.json', 'deno.jsonc', 'deno.lock'].filter((name) => facts.names.includes(name));
  return [
    'FROM denoland/deno AS build',
    ...files(facts),
    'FROM denoland/deno',
    ...(manifests.length > 0
      ? [`COPY --chown=deno:deno ${manifests.join(' ')} /app/`, 'WORKDIR /app', 'USER deno', 'RUN deno install']
      : ['USER deno']),
    copied('deno:deno'),
    'WORKDIR /app',
    'ENV PORT=8080',
    cmd(start),
  ];
}

function cmd(start: Command): string {
  return `CMD ${JSON.stringify(start.argv.map((word, n) => inContainer(word, n, start.cwd)))}`;
}

/** A program of this machine by its name, a file of the folder by its place in it. */
function inContainer(word: string, n: number, cwd: string): string {
  if (!isAbsolute(word)) return word;
  const inside = relative(cwd, word);
  if (!inside.startsWith('..') && !inside.startsWith('node_modules/.bin/') && !inside.startsWith('.venv/bin/'))
    return inside;
  return n === 0 || inside.includes('/bin/') ? basename(word) : word;
}
