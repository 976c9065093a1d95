import {
  constants,
  copyFileSync,
  type Dirent,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';

/** State of camp, and what no program of a project needs in order to run. */
const neverCopied = new Set(['.camp', '.git', '.hg', '.svn']);
/** Installed, not written: a project without any cache has none of it, and measuring changes none of it. */
const installed = new Set(['node_modules', '.venv', 'venv', '__pycache__']);

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
 * installed, when that is to be made anew.
 */
export function copyTree(from: string, to: string, isWithInstalled: boolean): readonly string[] {
  const left: string[] = [];
  copyFolder('');
  return left;

  function copyFolder(inner: string): void {
    mkdirSync(join(to, inner), { recursive: true });
    let entries: readonly Dirent[];
    try {
      entries = readdirSync(join(from, inner), { withFileTypes: true });
    } catch {
      left.push(inner);
      return;
    }
    for (const entry of entries) {
      if (neverCopied.has(entry.name) || (!isWithInstalled && installed.has(entry.name))) continue;
      copyEntry(entry, join(inner, entry.name));
    }
  }

  function copyEntry(entry: Dirent, path: string): void {
    try {
      if (entry.isDirectory()) copyFolder(path);
      else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(join(from, path)), join(to, path));
      // sockets, pipes and devices belong to whoever made them
      else if (entry.isFile()) copyFileSync(join(from, path), join(to, path), constants.COPYFILE_FICLONE);
    } catch {
      left.push(path);
    }
  }
}

/** Makes a copy again what the project is, except for what is installed and for the copy's own state. */
export function restoreTree(from: string, to: string): void {
  restoreFolder('');

  function restoreFolder(inner: string): void {
    const wanted = new Map(entriesIn(join(from, inner)).map((entry) => [entry.name, entry]));
    for (const { name } of entriesIn(join(to, inner)))
      if (!wanted.has(name)) rmSync(join(to, inner, name), { recursive: true, force: true });
    mkdirSync(join(to, inner), { recursive: true });
    for (const [name, entry] of wanted) {
      const path = join(inner, name);
      if (entry.isDirectory()) restoreFolder(path);
      else if (entry.isFile() && !isSame(join(from, path), join(to, path)))
        copyFileSync(join(from, path), join(to, path));
    }
  }
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
