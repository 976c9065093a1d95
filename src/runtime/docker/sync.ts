import { readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { CampError, failure } from '../../kit/failure.ts';
import type { SyncedPath } from '../watch/reactions.ts';
import type { Api, CallOptions, Mount } from './engine/types.ts';
import { type TarFile, tarOf } from './tar.ts';

/** An archive is held in memory: more than this goes in several. */
const archiveBytes = 32 * 1024 * 1024;
/** A command line is limited: more names go in several. */
const namesAtOnce = 200;
const patience: CallOptions = { deadlineMs: 60_000 };

/** What of the engine this needs. */
export type SyncApi = Pick<Api, 'putArchive' | 'exec' | 'inspectContainer'>;

export interface Synced {
  readonly copied: number;
  readonly removed: number;
}

/**
 * Brings the changed paths into one container: files that are there are copied with their mode, what is not there any more
 * is removed, folders with all that is in them; what is mounted from here is there already. Everything belongs to the user that the container's program runs as, also
 * where that is not root. Throws SYNC_FAILED (service) where the container does not let itself be written to, and what
 * the engine throws.
 */
export async function syncInto(
  api: SyncApi,
  container: string,
  changes: readonly SyncedPath[],
  signal?: AbortSignal,
): Promise<Synced> {
  const options = { ...patience, ...(signal ? { signal } : {}) };
  const gone: string[] = [];
  let [batch, bytes, copied]: [TarFile[], number, number] = [[], 0, 0];
  let owner: Owner | undefined;
  const mounts = (await api.inspectContainer(container, options))?.mounts ?? [];
  for (const { path, target } of changes) {
    // copying it onto itself would be a change, and so on for ever
    if (isMounted(mounts, path, target)) continue;
    const file = readFile(path);
    if (file === 'gone') gone.push(target);
    if (typeof file === 'string') continue;
    owner ??= await ownerIn(api, container, options);
    batch.push({ ...file, ...owner, name: target.replace(/^\/+/, '') });
    bytes += file.content.length;
    copied++;
    if (bytes > archiveBytes) {
      await put(api, container, batch, options);
      [batch, bytes] = [[], 0];
    }
  }
  // first what goes: a file may stand where there was a folder
  await remove(api, container, gone, options);
  if (batch.length > 0) await put(api, container, batch, options);
  return { copied, removed: gone.length };
}

/** Whether the target is, by a bind mount, the very file. */
function isMounted(mounts: readonly Mount[], path: string, target: string): boolean {
  return mounts.some(({ type, source, destination }) => {
    const below = posix.relative(destination, target);
    return type === 'bind' && below !== '..' && !below.startsWith('../') && isSame(path, join(source, below));
  });
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a !== undefined && a.ino === b?.ino && a.dev === b.dev;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What the container's own user is; root where it has no `id` to say so. */
async function ownerIn(api: Pick<Api, 'exec'>, container: string, options: CallOptions): Promise<Owner> {
  const ask = async (flag: string): Promise<number> => {
    const { exitCode, stdout } = await api.exec(container, ['id', flag], {}, options);
    return exitCode === 0 && /^\d+\s*$/.test(stdout) ? Number(stdout) : 0;
  };
  try {
    const [uid, gid] = await Promise.all([ask('-u'), ask('-g')]);
    return { uid, gid };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { uid: 0, gid: 0 };
  }
}

function readFile(path: string): Pick<TarFile, 'content' | 'mode' | 'mtimeMs'> | 'gone' | 'folder' {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return 'folder';
    return { content: readFileSync(path), mode: stats.mode & 0o777, mtimeMs: stats.mtimeMs };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'gone';
    throw new CampError(
      failure('machine', 'NO_PERMISSION', `${path} may not be read`, { hints: [`ls -l ${path}`], cause: error }),
    );
  }
}

async function put(
  api: Pick<Api, 'putArchive'>,
  container: string,
  files: readonly TarFile[],
  options: CallOptions,
): Promise<void> {
  try {
    await api.putArchive(container, '/', tarOf(files), options);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    throw new CampError(
      failure('service', 'SYNC_FAILED', `${files[0]?.name} could not be copied into a container`, {
        hints: ['a read-only container cannot be written to: use `action: rebuild` in develop.watch'],
        evidence: error.failures.flatMap((one) => [one.message, ...(one.evidence ?? [])]),
        cause: error,
      }),
    );
  }
}

async function remove(
  api: Pick<Api, 'exec'>,
  container: string,
  targets: readonly string[],
  options: CallOptions,
): Promise<void> {
  for (let at = 0; at < targets.length; at += namesAtOnce) {
    const some = targets.slice(at, at + namesAtOnce);
    const { exitCode, stdout, stderr } = await tryExec(api, container, ['rm', '-rf', '--', ...some], options);
    if (exitCode === 0) continue;
    throw new CampError(
      failure('service', 'SYNC_FAILED', `${some[0]} could not be removed from a container`, {
        hints: ['an image without `rm` cannot lose files: use `action: rebuild` in develop.watch'],
        evidence: `${stdout}${stderr}`.trim().split('\n').slice(-5),
      }),
    );
  }
}

/** As root: the container's own user may not remove what the image brought. */
async function tryExec(api: Pick<Api, 'exec'>, container: string, argv: readonly string[], options: CallOptions) {
  try {
    return await api.exec(container, argv, { user: '0' }, options);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { exitCode: 127, stdout: '', stderr: error.failures[0]?.message ?? '' };
  }
}

function isRefusal(error: unknown): error is CampError {
  return error instanceof CampError && error.failures[0]?.code === 'ENGINE_REFUSED';
}
