import { basename, isAbsolute, relative } from 'node:path';
import type { Start } from '../project/types.ts';
import { quotes } from './quote.ts';

/** What a folder holds, as far as its Dockerfile depends on it. */
export interface FolderFacts {
  /** Absolute: the context of the build. */
  readonly folder: string;
  readonly names: readonly string[];
  /** Whether pyproject.toml names dependencies. */
  readonly hasPyDependencies: boolean;
}

/**
 * A short Dockerfile for a program that has none, so that plain `docker compose up` can build it too. It
 * gets PORT=8080 like under camp. `prefix` is the path that a static folder is served below.
 */
export function dockerfileFor(start: Start, facts: FolderFacts, prefix: string): readonly string[] {
  if (start.kind === 'static') {
    const root = quotes.docker(relative(facts.folder, start.root) || '.');
    return [
      'FROM caddy:2',
      'ENV XDG_CONFIG_HOME=/tmp XDG_DATA_HOME=/tmp',
      `COPY ${root} ${quotes.docker(`/srv${prefix}`)}`,
      'USER 65532:65532',
      'CMD ["caddy", "file-server", "--root", "/srv", "--listen", ":8080"]',
    ];
  }
  const run = `CMD ${JSON.stringify(start.argv.map((word, n) => inContainer(word, n, start.cwd)))}`;
  const copied = ['WORKDIR /app', 'COPY . .'];
  const env = 'ENV PORT=8080';
  switch (start.language) {
    case 'node': {
      const install = facts.names.includes('package-lock.json')
        ? 'RUN npm ci'
        : facts.names.includes('package.json')
          ? 'RUN npm install'
          : undefined;
      return [
        'FROM node:24-alpine',
        ...copied,
        ...(install ? [install] : []),
        `${env} PATH=/app/node_modules/.bin:$PATH`,
        'USER node',
        run,
      ];
    }
    case 'python': {
      const install = facts.names.includes('requirements.txt')
        ? ['RUN pip install --no-cache-dir -r requirements.txt']
        : facts.hasPyDependencies
          ? ['RUN pip install --no-cache-dir .']
          : [];
      return ['FROM python:3.13-slim', ...copied, ...install, `${env} PYTHONUNBUFFERED=1`, 'USER 65532:65532', run];
    }
    case 'go': {
      const target = start.argv.find((word) => word.startsWith('./')) ?? '.';
      return [
        'FROM golang:1.27-alpine AS build',
        'WORKDIR /src',
        'COPY . .',
        `RUN CGO_ENABLED=0 go build -o /service ${target}`,
        'FROM alpine:3',
        'COPY --from=build /service /service',
        env,
        'USER 65532:65532',
        'CMD ["/service"]',
      ];
    }
    case 'rust':
      return ['FROM rust:1-slim', ...copied, 'RUN cargo build --release', env, 'CMD ["cargo", "run", "--release"]'];
    case 'deno':
      return ['FROM denoland/deno', ...copied, env, 'USER deno', run];
    case 'static':
    case 'other':
      return ['FROM debian:stable-slim', ...copied, env, 'USER 65532:65532', run];
  }
}

/** A program of this machine by its name, a file of the folder by its place in it. */
function inContainer(word: string, n: number, cwd: string): string {
  if (!isAbsolute(word)) return word;
  const inside = relative(cwd, word);
  if (!inside.startsWith('..') && !inside.startsWith('node_modules/.bin/') && !inside.startsWith('.venv/bin/'))
    return inside;
  return n === 0 || inside.includes('/bin/') ? basename(word) : word;
}
