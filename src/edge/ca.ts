import { statSync } from 'node:fs';
import { join } from 'node:path';
import { readText, writeWhole } from '../kit/files.ts';
import { hashOf } from '../kit/hash.ts';
import { authorityFiles, inspectAuthority, withAuthority } from './authority.ts';
import { type BriefSetup, runBriefly } from './brief-caddy.ts';
import type { JsonObject } from './json.ts';

/** The pki app with the local CA only; trust is installed by `camp trust`, never on the side. */
export function authorityApp(): JsonObject {
  return { pki: { certificate_authorities: { local: { install_trust: false } } } };
}

/**
 * Makes the user's CA where there is none, without a project, and returns its root certificate's path.
 * An edge makes it by itself when it starts. Throws CA_UNUSABLE or EDGE_UNREACHABLE (edge).
 */
export async function ensureAuthority(setup: BriefSetup, signal: AbortSignal): Promise<string> {
  const isReady = (): boolean => inspectAuthority(setup.storage).at === 'ready';
  await withAuthority(setup.storage, signal, (isComplete) =>
    isComplete ? Promise.resolve() : runBriefly(setup, authorityApp(), 'make the local CA', isReady, signal),
  );
  return authorityFiles(setup.storage).root;
}

/** Bundles of public roots, by system: Debian, Fedora, SUSE, Alpine and macOS. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
] as const;

/**
 * Variables that make programs trust the local CA: those of Node and Deno add to what is trusted, all others
 * replace it and therefore get a bundle of the system's roots and camp's, written when either has changed.
 * `env` is the parent's environment: a bundle or extra CA that it names stays trusted. Empty while there is no CA.
 */
export function trustEnv(storage: string, env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const { root } = authorityFiles(storage);
  if (readText(root) === undefined) return {};
  const bundle = join(storage, 'bundle.crt');
  const extra = join(storage, 'extra.crt');
  const systemBundle = [env['SSL_CERT_FILE'], ...systemBundles].find(
    (path) => path !== undefined && path !== bundle && stampOf(path) !== undefined,
  );
  const own = env['NODE_EXTRA_CA_CERTS'];
  const added = own !== undefined && own !== root && own !== extra && stampOf(own) !== undefined ? own : undefined;
  joinFiles(bundle, [systemBundle, added, root]);
  if (added !== undefined) joinFiles(extra, [added, root]);
  const node = added === undefined ? root : extra;
  return {
    NODE_EXTRA_CA_CERTS: node,
    DENO_CERT: node,
    SSL_CERT_FILE: bundle,
    REQUESTS_CA_BUNDLE: bundle,
    CURL_CA_BUNDLE: bundle,
    GIT_SSL_CAINFO: bundle,
    PIP_CERT: bundle,
    CARGO_HTTP_CAINFO: bundle,
  };
}

/** Joins certificate files, unless the target was joined from the very same ones: its first line says from which. */
function joinFiles(target: string, parts: readonly (string | undefined)[]): void {
  const sources = parts.filter((path) => path !== undefined);
  const stamp = `# camp ${hashOf(sources.map((path) => [path, stampOf(path)]))}\n`;
  if (readText(target)?.startsWith(stamp)) return;
  writeWhole(target, stamp + sources.map((path) => `${(readText(path) ?? '').trim()}\n`).join(''), {
    mode: 0o644,
    durable: false,
  });
}

function stampOf(path: string): string | undefined {
  try {
    const { size, mtimeMs } = statSync(path);
    return size > 0 ? `${size}/${mtimeMs}` : undefined;
  } catch {
    return undefined;
  }
}
