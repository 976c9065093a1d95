import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import type { Start } from '../types.ts';

/** A folder that is looked at, with the files in it. */
export interface Folder {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
  /** Names of what lies directly in it. */
  readonly names: ReadonlySet<string>;
}

export type Command = Extract<Start, { kind: 'command' }>;

/** Undefined where it is not a folder, or may not be read. */
export function openFolder(path: string, env: NodeJS.ProcessEnv): Folder | undefined {
  try {
    return { path, env, names: new Set(readdirSync(path)) };
  } catch {
    return undefined;
  }
}

const largest = 1_000_000;

/** The text of a file in the folder; undefined where there is none, or none that can be used. */
export function readIn(folder: Folder, name: string): string | undefined {
  const path = join(folder.path, name);
  try {
    const stat = statSync(path);
    return stat.isFile() && stat.size <= largest ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Whether a program of that name is on PATH. */
export function isOnPath(program: string, env: NodeJS.ProcessEnv): boolean {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .some((folder) => isAbsolute(folder) && isExecutable(join(folder, program)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isFile(path);
  } catch {
    return false;
  }
}

/** The folder itself, then its parents up to the root of the file system. */
export function upwards(path: string): readonly string[] {
  const folders = [path];
  for (let at = path; dirname(at) !== at; at = dirname(at)) folders.push(dirname(at));
  return folders;
}

/** Plain JSON objects; undefined for anything else, however broken. */
export function parseObject(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined) return undefined;
  try {
    return asObject(JSON.parse(text.replace(/^\uFEFF/, '')));
  } catch {
    return undefined;
  }
}

export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

/** An own text of an object, so that `constructor` in a hostile file is not found. */
export function ownText(object: Readonly<Record<string, unknown>> | undefined, key: string): string | undefined {
  const value = object && Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
