import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { authorityFiles } from '../edge/authority.ts';
import { ensureAuthority } from '../edge/ca.ts';
import { installTrust, removeTrust, type StoreStatus, trustStatus } from '../edge/trust.ts';
import { userFolders } from '../kit/paths.ts';
import { findCaddy } from '../tools/find-caddy.ts';
import { edgeStorage } from './folders.ts';

export interface TrustRequest {
  readonly env: NodeJS.ProcessEnv;
  readonly isRemoving: boolean;
  readonly isDryRun: boolean;
  readonly signal: AbortSignal;
}

export interface TrustReport {
  readonly caFile: string;
  readonly steps: readonly { readonly store: string; readonly action: string; readonly why: string }[];
}

/** Puts the local CA's root into the stores that browsers and programs ask, or takes it out. Makes the CA where there is none yet. */
export async function trust(request: TrustRequest): Promise<TrustReport> {
  const storage = edgeStorage(userFolders(request.env));
  if (!request.isRemoving && !request.isDryRun) await makeAuthority(request, storage);
  const options = optionsFor(request.env, request.isDryRun);
  const steps = request.isRemoving ? removeTrust(options) : installTrust(options);
  return { caFile: authorityFiles(storage).root, steps };
}

/** Where the root is trusted already; empty while there is no CA. */
export function trustOf(env: NodeJS.ProcessEnv): readonly StoreStatus[] {
  const options = optionsFor(env, true);
  return existsSync(authorityFiles(options.storage).root) ? trustStatus(options) : [];
}

function optionsFor(
  env: NodeJS.ProcessEnv,
  isDryRun: boolean,
): Parameters<typeof trustStatus>[0] & { isDryRun: boolean } {
  return {
    storage: edgeStorage(userFolders(env)),
    home: env['HOME'] ?? homedir(),
    env,
    isRoot: process.getuid?.() === 0,
    isDryRun,
  };
}

async function makeAuthority(request: TrustRequest, storage: string): Promise<void> {
  if (existsSync(authorityFiles(storage).root)) return;
  const folders = userFolders(request.env);
  const found = findCaddy(folders, request.env).tool;
  const { fetchCaddy } = await import('../tools/fetch-caddy.ts');
  const caddy =
    found ?? (await fetchCaddy({ folders, env: request.env, signal: request.signal, emit: () => undefined }));
  const env = Object.fromEntries(
    Object.entries(request.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  await ensureAuthority({ caddy: caddy.path, storage, env }, request.signal);
}
