import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Ms } from '../../kit/events.ts';
import { hashOf } from '../../kit/hash.ts';
import { dockerfilePath, ignoreFileOf, patternsOf } from '../watch/dockerignore.ts';
import { type Matcher, matcherOf, type Results } from '../watch/patterns.ts';

/** Everything that a `build:` says. */
export interface BuildDefinition {
  /** Absolute path of a folder, or a URL, of which only the words count: the engine fetches it. */
  readonly context: string;
  /** Relative to the context, or absolute. Default `Dockerfile`. */
  readonly dockerfile?: string;
  /** `dockerfile_inline`: there is no file then. */
  readonly inline?: string;
  /** `additional_contexts`: folders are looked into, of everything else (images, services, URLs) the words count. */
  readonly contexts?: Readonly<Record<string, string>>;
  /** Absolute: folders that the engine makes to mount something on. An empty one says nothing. */
  readonly mountPoints?: readonly string[];
  /** What else is said (args, target, platforms …); counted as it is. */
  readonly more?: unknown;
}

export interface InputLimits {
  /** Files and folders, of all contexts. Default 20,000. */
  readonly entries?: number;
  /** Default 250 ms. */
  readonly ms?: Ms;
}

const defaults = { entries: 20_000, ms: 250 } as const;
const stateFolder = '.camp';

/** Why a context was not looked through to its end. */
export type Unknown = 'too-large' | 'unreadable';

/**
 * What an image is built from, in 64 bits: the words of `build:`, the Dockerfile, and name, size, mode and times of every
 * file that Docker would send, without reading one; camp's own folder does not count. Two equal ones mean that a build
 * would change nothing, as far as this machine's files say: what a base image's tag means is the engine's to know.
 * Undefined where the contexts are too large to look through in time or may not be read: then Docker has to be asked.
 */
export function fingerprintOf(build: BuildDefinition, limits: InputLimits = {}): string | undefined {
  const found = buildInputs(build, limits);
  return typeof found === 'string' ? undefined : hashOf(found);
}

/** The inputs, a line each, for whoever wants to say what has changed. */
export function buildInputs(build: BuildDefinition, limits: InputLimits = {}): readonly string[] | Unknown {
  const walk: Walk = {
    lines: [],
    mountPoints: new Set(build.mountPoints),
    entries: limits.entries ?? defaults.entries,
    deadline: performance.now() + (limits.ms ?? defaults.ms),
  };
  const { context, dockerfile, inline } = build;
  walk.lines.push(`build ${hashOf(build)}`);
  try {
    if (isFolder(context)) {
      if (inline === undefined) walk.lines.push(textLine('Dockerfile', dockerfilePath(context, dockerfile)));
      addContext(walk, '.', context, inline === undefined ? dockerfile : undefined);
    }
    for (const [name, other] of Object.entries(build.contexts ?? {}).sort())
      if (isFolder(other)) addContext(walk, name, other, undefined);
  } catch (error) {
    if (error === tooLarge) return 'too-large';
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EIO' || code === 'ELOOP') return 'unreadable';
    throw error;
  }
  return walk.lines;
}

interface Walk {
  readonly lines: string[];
  readonly mountPoints: ReadonlySet<string>;
  readonly deadline: Ms;
  /** How many more may be looked at. */
  entries: number;
}

const tooLarge = new Error('too large');

function addContext(walk: Walk, name: string, folder: string, dockerfile: string | undefined): void {
  const ignoreFile = ignoreFileOf(folder, dockerfile, textOf);
  walk.lines.push(`context ${name} ${digest(ignoreFile?.text ?? '')}`);
  addBelow(walk, folder, '', matcherOf(patternsOf(ignoreFile?.text ?? '')), undefined);
}

/** A folder that is left out is still entered where an exception may bring something of it back. */
function addBelow(walk: Walk, root: string, below: string, matcher: Matcher, above: Results | undefined): void {
  for (const name of namesIn(join(root, below))) {
    // camp's own state changes all the time, and says nothing about an image
    if (name === stateFolder) continue;
    if (--walk.entries < 0 || (walk.entries % 256 === 0 && performance.now() > walk.deadline)) throw tooLarge;
    const path = below === '' ? name : `${below}/${name}`;
    const { isMatched, results } = matcher.descend(path, above);
    const stats = isMatched && !matcher.hasExceptionsBelow(path) ? undefined : statsOf(join(root, path));
    if (!stats) continue;
    if (walk.mountPoints.has(join(root, path)) && namesIn(join(root, path)).length === 0) continue;
    if (!isMatched) walk.lines.push(`${path} ${describe(join(root, path), stats)}`);
    if (stats.isDirectory()) addBelow(walk, root, path, matcher, results);
  }
}

/** The times of a folder change with every file in it, also with those that are left out: they say nothing. */
function describe(path: string, stats: Stats): string {
  const mode = stats.mode.toString(8);
  if (stats.isDirectory()) return mode;
  if (stats.isSymbolicLink()) return `${mode} > ${readlinkSync(path)}`;
  // ctime too: a copy may bring its old mtime along
  return `${mode} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
}

function textLine(name: string, path: string): string {
  return `${name} ${digest(textOf(path))}`;
}

function digest(text: string | undefined): string {
  return text === undefined ? 'missing' : createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function textOf(path: string): string | undefined {
  return unlessGone(() => readFileSync(path, 'utf8'));
}

/** In the order of their bytes, whatever the file system's. */
function namesIn(dir: string): readonly string[] {
  return unlessGone(() => readdirSync(dir))?.sort() ?? [];
}

function statsOf(path: string): Stats | undefined {
  return unlessGone(() => lstatSync(path));
}

function isFolder(path: string): boolean {
  return isAbsolute(path) && (unlessGone(() => lstatSync(`${path}/.`))?.isDirectory() ?? false);
}

/** What vanishes while one looks was not there. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}
