import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CampError, type Failure, failure } from '../kit/failure.ts';
import { makeFolder } from '../kit/files.ts';
import { withLock } from '../kit/lock.ts';

/** Where Caddy keeps its local CA in a storage folder (caddyserver/caddy modules/caddypki/ca.go). */
export interface AuthorityFiles {
  readonly folder: string;
  readonly root: string;
  readonly rootKey: string;
  readonly intermediate: string;
  readonly intermediateKey: string;
}

export function authorityFiles(storage: string): AuthorityFiles {
  const folder = join(storage, 'pki', 'authorities', 'local');
  return {
    folder,
    root: join(folder, 'root.crt'),
    rootKey: join(folder, 'root.key'),
    intermediate: join(folder, 'intermediate.crt'),
    intermediateKey: join(folder, 'intermediate.key'),
  };
}

export type AuthorityState =
  | { readonly at: 'ready'; readonly certificate: X509Certificate }
  /** Nothing there yet: Caddy makes one. */
  | { readonly at: 'absent' }
  /** The root is fine; the intermediate is missing, broken or about to be renewed, which Caddy does itself. */
  | { readonly at: 'incomplete'; readonly certificate: X509Certificate; readonly isBroken: boolean }
  /** A root that people may trust is damaged: never replaced without being asked to. */
  | { readonly at: 'unusable'; readonly failure: Failure };

/** Looks at the CA on disk; `now` in milliseconds since the epoch. */
export function inspectAuthority(storage: string, now = Date.now()): AuthorityState {
  const files = authorityFiles(storage);
  const root = readPair(files.root, files.rootKey);
  if (root.problem === 'absent') return { at: 'absent' };
  if (root.problem !== undefined) return unusable(files, root.path, root.problem);
  const expiry = Date.parse(root.certificate.validTo);
  if (expiry <= now) return unusable(files, files.root, `expired on ${new Date(expiry).toISOString().slice(0, 10)}`);
  const { certificate } = root;
  const intermediate = readPair(files.intermediate, files.intermediateKey);
  if (intermediate.problem !== undefined)
    return { at: 'incomplete', certificate, isBroken: intermediate.problem !== 'absent' };
  if (!intermediate.certificate.verify(certificate.publicKey)) return { at: 'incomplete', certificate, isBroken: true };
  const begin = Date.parse(intermediate.certificate.validFrom);
  const end = Date.parse(intermediate.certificate.validTo);
  // Caddy renews in the last fifth of the lifetime; a little earlier here, so that two Caddys never do it at once.
  const isDue = end - now < 0.25 * (end - begin);
  return isDue ? { at: 'incomplete', certificate, isBroken: false } : { at: 'ready', certificate };
}

type Pair =
  | { readonly problem?: undefined; readonly certificate: X509Certificate }
  | { readonly problem: string; readonly path: string };

function readPair(certificatePath: string, keyPath: string): Pair {
  const certificate = readFileOr(certificatePath);
  const key = readFileOr(keyPath);
  if (certificate.errno === 'ENOENT' && key.errno === 'ENOENT') return { problem: 'absent', path: certificatePath };
  for (const [path, file] of [
    [certificatePath, certificate],
    [keyPath, key],
  ] as const) {
    if (file.errno === 'ENOENT') return { problem: 'missing', path };
    if (file.errno !== undefined) return { problem: `unreadable (${file.errno})`, path };
    if (file.content.length === 0) return { problem: 'empty', path };
  }
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate.content);
  } catch {
    return { problem: 'not a certificate', path: certificatePath };
  }
  try {
    if (parsed.checkPrivateKey(createPrivateKey(key.content))) return { certificate: parsed };
    return { problem: 'not the key of the certificate beside it', path: keyPath };
  } catch {
    return { problem: 'not a private key', path: keyPath };
  }
}

function readFileOr(path: string): { content: Buffer; errno?: string } {
  try {
    return { content: readFileSync(path) };
  } catch (error) {
    return { content: Buffer.alloc(0), errno: (error as NodeJS.ErrnoException).code ?? 'UNKNOWN' };
  }
}

function unusable(files: AuthorityFiles, path: string, reason: string): AuthorityState {
  if (reason.includes('EACCES'))
    return {
      at: 'unusable',
      failure: failure('machine', 'NO_PERMISSION', `${path} may not be read, and the local CA is there`, {
        hints: [`ls -l '${path}'`, 'CAMP_HOME=/some/folder camp up'],
      }),
    };
  return {
    at: 'unusable',
    failure: failure('edge', 'CA_UNUSABLE', `the local CA cannot be used: ${path} is ${reason}`, {
      hints: [
        reason.startsWith('unreadable') ? `ls -l '${path}'` : `mv '${files.folder}' '${files.folder}.old'`,
        'restore the file from a backup; or move the folder away as above: camp then makes a new CA, and browsers must trust it again (camp trust)',
      ],
    }),
  };
}

/**
 * Runs `start`, which starts a Caddy on this storage. Where that Caddy will make or renew certificates of the
 * CA, it runs under a lock of the user: two projects that start cold at once must not make two roots.
 * Throws CA_UNUSABLE (edge) when the root is damaged, NO_PERMISSION (machine) when it may not be read.
 */
export async function withAuthority<T>(
  storage: string,
  signal: AbortSignal,
  start: (isComplete: boolean) => Promise<T>,
): Promise<T> {
  const check = (): AuthorityState => {
    const state = inspectAuthority(storage);
    if (state.at === 'unusable') throw new CampError(state.failure);
    return state;
  };
  if (check().at === 'ready') return await start(true);
  makeFolder(storage, 0o700);
  return await withLock(
    join(storage, 'camp-ca.lock'),
    'making the local CA',
    async () => {
      const state = check();
      if (state.at === 'incomplete' && state.isBroken) {
        // Nobody trusts an intermediate itself: Caddy makes another one, signed by the same root.
        const files = authorityFiles(storage);
        rmSync(files.intermediate, { force: true });
        rmSync(files.intermediateKey, { force: true });
      }
      return await start(state.at === 'ready');
    },
    { waitMs: 20_000, signal },
  );
}
