import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fail } from './failure.ts';
import { hashOf } from './hash.ts';

/** Camp's folders of one user. `CAMP_HOME` puts all of them in one place. */
export interface UserFolders {
  /** The local CA and Caddy's storage. */
  readonly data: string;
  /** Leases of edge ports, state of projects whose own folder cannot hold it. */
  readonly state: string;
  /** Fetched tools; may be deleted at any time. */
  readonly cache: string;
}

/**
 * Where camp keeps what belongs to the user: the XDG base directories on Linux, ~/Library on macOS.
 * Throws NO_HOME (machine) when there is neither CAMP_HOME, XDG folders nor a home.
 */
export function userFolders(env: NodeJS.ProcessEnv = process.env): UserFolders {
  if (env['CAMP_HOME']) {
    const home = env['CAMP_HOME'];
    return { data: join(home, 'data'), state: join(home, 'state'), cache: join(home, 'cache') };
  }
  const mac = process.platform === 'darwin';
  return {
    data: xdg('XDG_DATA_HOME', mac ? 'Library/Application Support' : '.local/share'),
    state: xdg('XDG_STATE_HOME', mac ? 'Library/Application Support' : '.local/state'),
    cache: xdg('XDG_CACHE_HOME', mac ? 'Library/Caches' : '.cache'),
  };

  function xdg(name: string, fallback: string): string {
    const set = env[name];
    return join(set && isAbsolute(set) ? set : join(home(), fallback), 'camp');
  }
  function home(): string {
    const candidate = env['HOME'] || safeHomedir();
    if (!candidate || !isAbsolute(candidate) || candidate === '/')
      fail('machine', 'NO_HOME', 'no home folder: HOME is not set to a usable folder', {
        hints: ['CAMP_HOME=/some/folder camp up'],
      });
    return candidate;
  }
}

function safeHomedir(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/**
 * Identity of a project on this machine: its real path, hashed. The name may repeat, this does not. An instance of it
 * is somebody else to everything that compares.
 */
export function projectId(dir: string, instance?: string): string {
  return hashOf(instance === undefined ? dir : [dir, instance]);
}

/** In bytes, of the path of a socket: sun_path has 104 on macOS and 108 on Linux, with its end. */
export const maxSocketPath = 103;

export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
