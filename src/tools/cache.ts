import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, writeWhole } from '../kit/files.ts';
import type { UserFolders } from '../kit/paths.ts';
import { binaryProblem } from './binary.ts';
import type { Tool } from './types.ts';
import { isAtLeast, parseVersion } from './version.ts';

/** What was found out about a program file; it holds as long as size and time are the same. */
interface Seen {
  readonly size: number;
  readonly mtimeMs: number;
  readonly version: string;
}

/** Written beside a fetched program: what it must be. */
interface Receipt {
  readonly version: string;
  readonly size: number;
  readonly sha256: string;
  readonly origin: Tool['origin'];
}

export type Verdict = { readonly version: string } | { readonly problem: string };

export function toolsFolder(folders: UserFolders): string {
  return join(folders.cache, 'tools');
}

function memoryFile(folders: UserFolders): string {
  return join(toolsFolder(folders), 'seen.json');
}

/** Programs in the tool cache, the newest version first. */
export function cachedPrograms(folders: UserFolders): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(toolsFolder(folders));
  } catch {
    return [];
  }
  const versions = names.filter((name) => /^caddy-\d/.test(name)).map((name) => name.slice('caddy-'.length));
  versions.sort((a, b) => (isAtLeast(a, b) ? -1 : 1));
  return versions.map((version) => join(toolsFolder(folders), `caddy-${version}`, 'caddy'));
}

/**
 * The version of a program, from memory where the file has not changed since, else by asking it. A file
 * that is not whole, or is not what was fetched, is not run.
 */
export function judge(path: string, folders: UserFolders): Verdict {
  const { size, mtimeMs } = statSync(path);
  const known = readJson<Record<string, Seen>>(memoryFile(folders))?.[path];
  if (known?.size === size && known.mtimeMs === mtimeMs && typeof known.version === 'string')
    return { version: known.version };
  const problem = binaryProblem(path) ?? receiptProblem(path, size);
  if (problem !== undefined) return { problem };
  const version = askVersion(path);
  if (version === undefined) return { problem: 'does not say its version' };
  remember(folders, path, version);
  return { version };
}

function receiptProblem(path: string, size: number): string | undefined {
  const receipt = readJson<Receipt>(join(path, '..', 'receipt.json'));
  if (receipt === undefined) return undefined;
  if (receipt.size !== size || receipt.sha256 !== sha256Of(path)) return 'not the file that was fetched';
  return undefined;
}

/** Runs `caddy version`; undefined where it does not run or says no version. */
export function askVersion(path: string): string | undefined {
  const { status, stdout } = spawnSync(path, ['version'], {
    encoding: 'utf8',
    timeout: 10_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? parseVersion(stdout) : undefined;
}

/** A memory that cannot be written only costs time at the next start. */
function remember(folders: UserFolders, path: string, version: string): void {
  const { size, mtimeMs } = statSync(path);
  const seen: Record<string, Seen> = {
    ...readJson<Record<string, Seen>>(memoryFile(folders)),
    [path]: { size, mtimeMs, version },
  };
  try {
    makeFolder(toolsFolder(folders), 0o700);
    writeWhole(memoryFile(folders), JSON.stringify(seen), { mode: 0o600, durable: false });
  } catch {
    // a read-only home: asked again next time
  }
}

function readJson<T>(path: string): T | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/**
 * Puts a fetched program into the cache: checked, run once, then moved into place as one folder, so that
 * there is never half of one. Throws where it is not a usable Caddy.
 */
export function installIntoCache(folders: UserFolders, program: string, origin: Tool['origin']): Tool {
  makeFolder(toolsFolder(folders), 0o700);
  const draft = mkdtempSync(join(toolsFolder(folders), '.caddy-'));
  try {
    const path = join(draft, 'caddy');
    copyFileSync(program, path);
    chmodSync(path, 0o755);
    const problem = binaryProblem(path);
    if (problem !== undefined) throw new Error(`the fetched program is ${problem}`);
    const version = askVersion(path);
    if (version === undefined) throw new Error('the fetched program does not run here');
    if (!isAtLeast(version)) throw new Error(`it is ${version}, too old`);
    const receipt: Receipt = { version, size: statSync(path).size, sha256: sha256Of(path), origin };
    writeWhole(join(draft, 'receipt.json'), JSON.stringify(receipt), { mode: 0o600 });
    const final = join(toolsFolder(folders), `caddy-${version}`);
    rmSync(final, { recursive: true, force: true });
    renameSync(draft, final);
    const installed = join(final, 'caddy');
    remember(folders, installed, version);
    return { name: 'caddy', path: installed, version, origin };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
