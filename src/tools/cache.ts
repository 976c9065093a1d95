import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder, writeWhole } from '../kit/files.ts';
import type { UserFolders } from '../kit/paths.ts';
import { binaryProblem } from './binary.ts';
import { type KnownTool, knownTools, namesIn, versionIn } from './known.ts';
import type { Fetched } from './source.ts';
import type { Tool, ToolName } from './types.ts';
import { isAtLeast } from './version.ts';

/** What was found out about a program; it holds as long as size and time of its files are the same. */
interface Seen {
  readonly stamp: string;
  readonly version: string;
}

/** Written beside a fetched program: what it must be. */
interface Receipt {
  readonly version: string;
  readonly size: number;
  readonly sha256: string;
  readonly origin: Tool['origin'];
  /** Where in the folder the program is; by default its name. */
  readonly program?: string;
  /** Folders of the libraries that it is to look for here. */
  readonly libraries?: readonly string[];
  /** SHA-256 of what is run or loaded beside it, by path. */
  readonly others?: Readonly<Record<string, string>>;
}

/** A program and what it needs to run. */
export interface Cached {
  readonly path: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The folder in the cache that it belongs to, and what is written there about it. */
  readonly folder?: string;
  readonly receipt?: Receipt;
}

export type Verdict = { readonly version: string } | { readonly problem: string };

export function toolsFolder(folders: UserFolders): string {
  return join(folders.cache, 'tools');
}

function memoryFile(folders: UserFolders): string {
  return join(toolsFolder(folders), 'seen.json');
}

/** Programs in the tool cache, the newest version first. */
export function cachedPrograms(folders: UserFolders, name: ToolName): readonly Cached[] {
  let names: readonly string[];
  try {
    names = readdirSync(toolsFolder(folders));
  } catch {
    return [];
  }
  const prefix = `${name}-`;
  const versions = names
    .filter((one) => one.startsWith(prefix) && /^\d/.test(one.slice(prefix.length)))
    .map((one) => one.slice(prefix.length));
  versions.sort((a, b) => (isAtLeast(a, b) ? -1 : 1));
  return versions.map((version) => programIn(join(toolsFolder(folders), prefix + version), name));
}

function programIn(folder: string, name: ToolName): Cached {
  const receipt = readJson<Receipt>(join(folder, 'receipt.json'));
  const libraries = receipt?.libraries;
  return {
    path: join(folder, receipt?.program ?? knownTools[name].programs[0] ?? name),
    folder,
    ...(receipt ? { receipt } : {}),
    ...(libraries === undefined ? {} : { env: librariesAt(folder, libraries) }),
  };
}

function librariesAt(folder: string, libraries: readonly string[]): Readonly<Record<string, string>> {
  return { LD_LIBRARY_PATH: libraries.map((one) => join(folder, one)).join(':') };
}

/**
 * The version of a program, from memory where the file has not changed since, else by asking it. A file
 * that is not whole, or is not what was fetched, is not run.
 */
export function judge(known: KnownTool, program: Cached, folders: UserFolders): Verdict {
  const { path, env } = program;
  const stamp = stampOf(program);
  const seen = readJson<Record<string, Seen>>(memoryFile(folders))?.[path];
  if (seen?.stamp === stamp && typeof seen.version === 'string') return { version: seen.version };
  const problem = binaryProblem(path) ?? wrapperProblem(path) ?? receiptProblem(program);
  if (problem !== undefined) return { problem };
  const version = askVersion(known, path, env);
  if (version === undefined) return { problem: 'does not say its version' };
  remember(folders, path, { stamp, version });
  return { version };
}

/** Size and time of the program and of what was fetched with it: a library that is gone or was changed counts too. */
function stampOf({ path, folder, receipt }: Cached): string {
  const others = Object.keys(receipt?.others ?? {}).map((name) => join(folder ?? '', name));
  const stamps = [path, ...others].map((file) => {
    const { size, mtimeMs } = statSync(file);
    return `${size} ${mtimeMs}`;
  });
  return others.length === 0 ? stamps.join() : createHash('sha256').update(stamps.join()).digest('hex');
}

/** A script that starts a container would answer, but its process would not be the server's. */
function wrapperProblem(path: string): string | undefined {
  const script = readStart(path);
  return script.startsWith('#!') && /\b(docker|podman|nerdctl)\b/.test(script) ? 'starts a container' : undefined;
}

function readStart(path: string): string {
  const head = Buffer.alloc(8192);
  const fd = openSync(path, 'r');
  try {
    return head.toString('latin1', 0, readSync(fd, head, 0, head.length, 0));
  } finally {
    closeSync(fd);
  }
}

function receiptProblem({ path, folder, receipt }: Cached): string | undefined {
  if (folder === undefined || receipt === undefined) return undefined;
  if (receipt.size !== statSync(path).size || receipt.sha256 !== sha256Of(path)) return 'not the file that was fetched';
  for (const [other, sha256] of Object.entries(receipt.others ?? {}))
    if (sha256Of(join(folder, other)) !== sha256) return `${other} beside it is not the file that was fetched`;
  return undefined;
}

/** The version of a program, which is run for it where its installation does not say; undefined where neither does. */
function askVersion(known: KnownTool, path: string, env: Readonly<Record<string, string>> = {}): string | undefined {
  const { ask } = known;
  if ('folder' in ask) return versionIn(known, namesIn(join(dirname(realpathSync(path)), ask.folder)).join('\n'));
  const { status, stdout } = spawnSync(path, ask.args, {
    encoding: 'utf8',
    timeout: 10_000,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  });
  return status === 0 ? versionIn(known, stdout) : undefined;
}

/** A memory that cannot be written only costs time at the next start. */
function remember(folders: UserFolders, path: string, what: Seen): void {
  const seen: Record<string, Seen> = { ...readJson<Record<string, Seen>>(memoryFile(folders)), [path]: what };
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
 * Puts what was fetched into the cache: checked, run once, then moved into place as one folder, so that
 * there is never half of one. Throws where it is not a usable program.
 */
export function installIntoCache(
  folders: UserFolders,
  known: KnownTool,
  fetched: Fetched,
  origin: Tool['origin'],
): Tool {
  makeFolder(toolsFolder(folders), 0o700);
  const draft = mkdtempSync(join(toolsFolder(folders), `.${known.name}-`));
  try {
    const { program, libraries } = putInto(draft, known, fetched);
    const path = join(draft, program);
    const problem = binaryProblem(path);
    if (problem !== undefined) throw new Error(`the fetched program is ${problem}`);
    const env = libraries === undefined ? undefined : librariesAt(draft, libraries);
    const version = askVersion(known, path, env);
    if (version === undefined) throw new Error('the fetched program does not run here');
    if (!isAtLeast(version, known.minimum)) throw new Error(`it is ${version}, too old`);
    const receipt: Receipt = {
      version,
      size: statSync(path).size,
      sha256: sha256Of(path),
      origin,
      ...(program === known.programs[0] ? {} : { program }),
      ...(libraries === undefined ? {} : { libraries }),
      ...(typeof fetched === 'string' ? {} : { others: hashesOf(draft, program) }),
    };
    writeWhole(join(draft, 'receipt.json'), JSON.stringify(receipt), { mode: 0o600 });
    const final = join(toolsFolder(folders), `${known.name}-${version}`);
    rmSync(final, { recursive: true, force: true });
    renameSync(draft, final);
    const installed = programIn(final, known.name);
    remember(folders, installed.path, { stamp: stampOf(installed), version });
    return {
      name: known.name,
      path: installed.path,
      bin: dirname(installed.path),
      version,
      origin,
      ...(installed.env ? { env: installed.env } : {}),
    };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** A single program is copied; a whole folder, which lies on the same disk, is moved. */
function putInto(
  draft: string,
  known: KnownTool,
  fetched: Fetched,
): { readonly program: string; readonly libraries?: readonly string[] } {
  if (typeof fetched !== 'string') {
    rmSync(draft, { recursive: true });
    renameSync(fetched.root, draft);
    return fetched;
  }
  const program = known.programs[0] ?? known.name;
  copyFileSync(fetched, join(draft, program));
  chmodSync(join(draft, program), 0o755);
  return { program };
}

/** Programs and libraries; what they only read would be too much to hash at each look. */
function hashesOf(folder: string, program: string): Readonly<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (!entry.isFile() || name === program) continue;
    if ((statSync(path).mode & 0o111) !== 0 || /\.(so|dylib)(\.|$)/.test(entry.name)) hashes[name] = sha256Of(path);
  }
  return hashes;
}
