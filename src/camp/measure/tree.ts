import {
  constants,
  copyFileSync,
  type Dirent,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { failOnDisk, makeFolder } from '../../kit/files.ts';

/** State of camp, and what no program of a project needs in order to run. */
const neverCopied = new Set(['.camp', '.git', '.hg', '.svn']);
/** Installed, not written: a project without any cache has none of it, and measuring changes none of it. */
const installed = new Set(['node_modules', '.venv', 'venv', '__pycache__']);

/** What tools have built or remembered, which a cold start has to make again: folders that no person writes in, by their names. */
const remembered = new Set(
  '.next .nuxt .svelte-kit .output .astro .turbo .nx .parcel-cache .cache .gradle .tox .mypy_cache .ruff_cache .pytest_cache'.split(
    ' ',
  ),
);
/** What `target` is, beside one of these. */
const targetMakers = ['Cargo.toml', 'pom.xml', 'build.sbt'];

/** Whether an absolute path is the folder or lies in it. */
export function isInside(path: string, folder: string): boolean {
  const inner = relative(folder, path);
  return inner !== '..' && !inner.startsWith('../');
}

/** Bytes of all files that a copy would hold; counting ends above `most`. */
export function sizeOfTree(dir: string, most: number): number {
  let bytes = 0;
  const folders = [dir];
  for (let folder = folders.pop(); folder !== undefined && bytes <= most; folder = folders.pop())
    for (const entry of entriesIn(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    }
  return bytes;
}

/**
 * Copies a project's folder, sharing blocks where the disk can. Returns what could not be read, relative to it. Without what is
 * installed, and what tools have built, when that is to be made anew. Throws DISK_FULL, READ_ONLY or WRITE_FAILED (machine).
 */
export function copyTree(from: string, to: string, isWithInstalled: boolean): readonly string[] {
  const left: string[] = [];
  copyFolder('');
  return left;

  function copyFolder(inner: string): void {
    makeFolder(join(to, inner));
    let entries: readonly Dirent[];
    try {
      entries = readdirSync(join(from, inner), { withFileTypes: true });
    } catch {
      left.push(inner);
      return;
    }
    for (const entry of entries) {
      if (neverCopied.has(entry.name) || (!isWithInstalled && isMade(entry.name, entries))) continue;
      copyEntry(entry, join(inner, entry.name));
    }
  }

  function copyEntry(entry: Dirent, path: string): void {
    if (entry.isDirectory()) copyFolder(path);
    // sockets, pipes and devices belong to whoever made them
    else if (!copyOne(entry, path, from, to)) left.push(path);
  }
}

/** Everything in a copy but state and what is installed, relative to it. */
export function pathsIn(dir: string): ReadonlySet<string> {
  const paths = new Set<string>();
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const entry of entriesIn(join(dir, folder))) {
      const path = join(folder, entry.name);
      paths.add(path);
      if (entry.isDirectory()) folders.push(path);
    }
  return paths;
}

/** Makes a copy again what the project is, except for what is installed, for the copy's own state, and for what is to be kept. */
export function restoreTree(from: string, to: string, kept: ReadonlySet<string>): void {
  restoreFolder('');

  function restoreFolder(inner: string): void {
    const wanted = new Map(entriesIn(join(from, inner)).map((entry) => [entry.name, entry]));
    for (const entry of entriesIn(join(to, inner)))
      if (isSurplus(entry, wanted.get(entry.name), join(inner, entry.name)))
        rmSync(join(to, inner, entry.name), { recursive: true, force: true });
    makeFolder(join(to, inner));
    for (const [name, entry] of wanted) {
      const path = join(inner, name);
      if (entry.isDirectory()) restoreFolder(path);
      else if (entry.isFile() ? !isSame(join(from, path), join(to, path)) : !isThere(join(to, path)))
        copyOne(entry, path, from, to);
    }
  }

  function isSurplus(entry: Dirent, original: Dirent | undefined, path: string): boolean {
    if (!original) return !kept.has(path);
    // a program has put something else in its place
    return original.isDirectory() !== entry.isDirectory() || original.isSymbolicLink() !== entry.isSymbolicLink();
  }
}

function isMade(name: string, beside: readonly Dirent[]): boolean {
  if (name === 'target') return beside.some((other) => targetMakers.includes(other.name));
  return installed.has(name) || remembered.has(name);
}

/** A file or a link; false where it may not be read, or has gone meanwhile. */
function copyOne(entry: Dirent, path: string, from: string, to: string): boolean {
  try {
    if (entry.isSymbolicLink()) symlinkSync(linkTarget(path, from, to), join(to, path));
    else if (entry.isFile()) copyFileSync(join(from, path), join(to, path), constants.COPYFILE_FICLONE);
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    return failOnDisk(error, join(to, path));
  }
}

/** A link of the copy never leads into the project itself, and one that leads out of it leads to the same place. */
function linkTarget(path: string, from: string, to: string): string {
  const target = readlinkSync(join(from, path));
  const absolute = resolve(dirname(join(from, path)), target);
  if (!isInside(absolute, from)) return absolute;
  return isAbsolute(target) ? join(to, relative(from, absolute)) : target;
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isSame(one: string, other: string): boolean {
  const [here, there] = [lstatSync(one), lstatSync(other, { throwIfNoEntry: false })];
  if (!there?.isFile() || here.size !== there.size) return false;
  try {
    return readFileSync(one).equals(readFileSync(other));
  } catch {
    return true; // who may not read it has not copied it either
  }
}

/** What of a folder is compared and counted. */
function entriesIn(folder: string): readonly Dirent[] {
  if (!existsSync(folder)) return [];
  try {
    return readdirSync(folder, { withFileTypes: true }).filter(
      ({ name }) => !neverCopied.has(name) && !installed.has(name),
    );
  } catch {
    return [];
  }
}
