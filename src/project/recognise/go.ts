import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Install } from '../types.ts';
import { type Command, type Folder, openFolder, readIn } from './folder.ts';

/** A Go module with a main package at its root, or one below cmd/. */
export function recogniseGo(folder: Folder): Command | undefined {
  if (!folder.names.has('go.mod')) return undefined;
  const main = hasMain(folder) ? { target: '.', why: 'go.mod' } : commandIn(folder);
  return main && goCommand(folder, ['go', 'run', main.target], main.why);
}

export function goCommand(folder: Folder, argv: readonly string[], why: string): Command {
  const install = goInstall(folder);
  return { kind: 'command', argv, cwd: folder.path, language: 'go', why, ...(install ? { install } : {}), path: [] };
}

function hasMain(folder: Folder): boolean {
  const sources = [...folder.names].filter((name) => name.endsWith('.go') && !name.endsWith('_test.go'));
  return sources.some((name) => /^package main\b/m.test(readIn(folder, name) ?? ''));
}

/** cmd/<name> where there is one, or one that is called like the folder or a server. */
function commandIn(folder: Folder): { readonly target: string; readonly why: string } | undefined {
  if (!folder.names.has('cmd')) return undefined;
  const names = safeList(join(folder.path, 'cmd')).filter((name) => {
    const inner = openFolder(join(folder.path, 'cmd', name), folder.env);
    return inner !== undefined && hasMain(inner);
  });
  const name =
    names.length === 1
      ? names[0]
      : [basename(folder.path), 'server', 'api', 'web'].find((each) => names.includes(each));
  return name === undefined ? undefined : { target: `./cmd/${name}`, why: `go.mod, cmd/${name}` };
}

function safeList(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** `go mod download` where a required module is neither vendored nor in the module cache. */
function goInstall(folder: Folder): Install | undefined {
  if (folder.names.has('vendor')) return undefined;
  const required = requiredModules(readIn(folder, 'go.mod') ?? '');
  const cache = moduleCache(folder.env);
  if (required.length === 0 || !cache) return undefined;
  const missing = required.filter(
    ({ path, version }) => !existsSync(join(cache, `${escaped(path)}@${escaped(version)}`)),
  );
  if (missing.length === 0) return undefined;
  return {
    argv: ['go', 'mod', 'download'],
    cwd: folder.path,
    why: `not in the module cache: ${missing[0]?.path}${missing.length > 1 ? ` and ${missing.length - 1} more` : ''}`,
  };
}

interface Module {
  readonly path: string;
  readonly version: string;
}

/** The `require` lines of a go.mod (go.dev/ref/mod) that nothing replaces. */
function requiredModules(text: string): readonly Module[] {
  const plain = text.replace(/\/\/.*$/gm, '');
  const blocks = [...plain.matchAll(/^require\s*\(([^)]*)\)/gm)].map((each) => each[1] ?? '');
  const lines = [
    ...blocks.join('\n').split('\n'),
    ...[...plain.matchAll(/^require[ \t]+([^(\n]+)$/gm)].map((each) => each[1] ?? ''),
  ];
  const found = lines.flatMap((line) => {
    const [path, version] = line.trim().split(/\s+/);
    return path && version ? [{ path, version }] : [];
  });
  return found.filter(
    ({ path }) =>
      !new RegExp(`^(?:replace\\s+)?\\s*${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s.*=>`, 'm').test(plain),
  );
}

/** Capital letters are written `!a` in the cache (go.dev/ref/mod, module cache). */
function escaped(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}

function moduleCache(env: NodeJS.ProcessEnv): string | undefined {
  if (env['GOMODCACHE']) return env['GOMODCACHE'];
  const path = env['GOPATH']?.split(':')[0] || (env['HOME'] ? join(env['HOME'], 'go') : undefined);
  return path && join(path, 'pkg', 'mod');
}
