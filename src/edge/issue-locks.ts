import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Ms } from '../kit/events.ts';
import { isObject, type JsonObject, stringsOf } from './json.ts';

/** A certificate of the local CA is issued in a few milliseconds; a lock this old belongs to a Caddy that died. */
export const deadLockMs: Ms = 2000;

/** Names whose certificates a configuration has issued. */
export function issuedNames(config: JsonObject): readonly string[] {
  const apps = isObject(config.apps) ? config.apps : {};
  const tls = isObject(apps.tls) ? apps.tls : {};
  return isObject(tls.certificates) ? stringsOf(tls.certificates.automate) : [];
}

/**
 * Removes the locks that a Caddy leaves in the storage when it is killed while it issues a certificate: the
 * next one would wait 10 s for them (certmagic filestorage.go: stale after two missed refreshes of 5 s).
 */
export function removeDeadLocks(storage: string, names: readonly string[], olderThanMs: Ms): void {
  for (const name of names) {
    const path = join(storage, 'locks', `issue_cert_${name.toLowerCase().replaceAll('*', 'wildcard_')}.lock`);
    try {
      if (Date.now() - statSync(path).mtimeMs >= olderThanMs) rmSync(path, { force: true });
    } catch {
      // no such lock: the usual case
    }
  }
}
