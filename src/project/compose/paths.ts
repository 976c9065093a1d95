import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** An absolute path: from `dir` on, `~` is the home folder (docker compose expands it too). */
export function pathFrom(dir: string, text: string): string {
  return text.startsWith('~') ? join(homedir(), text.slice(1)) : resolve(dir, text);
}

/** The same, but what is absolute already, here or on Windows, stays as it is written: Compose keeps `//` and a last `/`. */
export function absolutePath(dir: string, text: string, home = homedir()): string {
  if (text.startsWith('~')) return join(home, text.slice(1)).replace(/(.)\/$/, '$1');
  return isAbsolute(text) || /^(?:[a-zA-Z]:[\\/]|\\\\)/.test(text) ? text : resolve(dir, text);
}

/** A build context that the engine fetches itself (moby/buildkit, dockerui: Git references and URLs), or another service's image. */
export function isRemoteContext(text: string): boolean {
  return text.includes('://') || /^(?:git@|github\.com\/|service:)/.test(text);
}

/** A compose file that Compose would fetch: over HTTP, out of a Git repository or a registry. camp fetches none. */
export function isRemoteFile(text: string): boolean {
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|git@|github\.com\/|oci:)/i.test(text);
}
