import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fail } from './failure.ts';

export interface WriteOptions {
  /** Permission bits for a new file; an existing file keeps its own. Default 0o644. */
  readonly mode?: number;
  /** Flush to the disk before the rename; false for what can be rebuilt. Default true. */
  readonly durable?: boolean;
}

/**
 * Writes a file whole or not at all: a temporary file beside the target, fsync, rename. The mode of an
 * existing file is kept. Throws DISK_FULL, READ_ONLY or WRITE_FAILED (fault machine).
 */
export function writeWhole(path: string, content: string | Uint8Array, options: WriteOptions = {}): void {
  const temporary = join(dirname(path), `.camp-${randomBytes(6).toString('hex')}.tmp`);
  const mode = modeOf(path) ?? options.mode ?? 0o644;
  try {
    const fd = openSync(temporary, 'wx', mode);
    try {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      let written = 0;
      while (written < bytes.length) written += writeSync(fd, bytes, written);
      if (options.durable !== false) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    failOnDisk(error, path);
  }
}

/** Creates a folder and its parents; camp's own folders are 0700. Throws like `writeWhole`. */
export function makeFolder(path: string, mode = 0o755): void {
  try {
    makeEach(path, mode);
  } catch (error) {
    failOnDisk(error, path);
  }
}

/**
 * One folder after the other: Node's own recursive mkdir never returns where a folder cannot be made (/proc), and
 * says ENOENT for a file system that is read-only.
 */
function makeEach(path: string, mode: number): void {
  const isFolder = (): boolean | undefined => statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder()) return;
  const parent = dirname(path);
  if (parent !== path) makeEach(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder()) throw error;
  }
}

/** The text of a file, or undefined where there is none. Other errors (a folder, no permission) throw. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EACCES')
      fail('machine', 'NO_PERMISSION', `${path} may not be read`, { hints: [`ls -l ${path}`], cause: error });
    if (code === 'EISDIR') fail('project', 'NOT_A_FILE', `${path} is a folder, not a file`, { cause: error });
    throw error;
  }
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode & 0o7777;
  } catch {
    return undefined;
  }
}

/** Turns an error of the file system into a failure that names the path and the fix. */
export function failOnDisk(error: unknown, path: string): never {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ENOSPC' || code === 'EDQUOT')
    fail('machine', 'DISK_FULL', `no space left on the disk to write ${path}`, {
      hints: [`df -h ${dirname(path)}`],
      cause: error,
    });
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM')
    fail('machine', 'READ_ONLY', `${path} may not be written (${code})`, {
      hints: [`ls -ld ${dirname(path)}`],
      cause: error,
    });
  fail('machine', 'WRITE_FAILED', `${path} could not be written (${code || String(error)})`, { cause: error });
}
