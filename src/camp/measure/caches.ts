import { copyFileSync, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../kit/files.ts';
import { cacheVariables } from '../../runtime/native/environment.ts';

/** Folders of camp itself: its certificate authority, its tools, its templates of data. */
const ownVariables = 'XDG_DATA_HOME XDG_STATE_HOME'.split(' ');

/** Not only caches: what a program is started from lies there too, in the project itself where nothing else is said. */
const productVariables = new Set('CARGO_TARGET_DIR BUNDLE_PATH PYTHONPYCACHEPREFIX'.split(' '));

/**
 * An environment without any cache, its folders below `folder`, which is empty: each variable is pointed there, also where the user
 * has set it. HOME stays: the programs of version managers lie there.
 */
export function coldEnv(env: Readonly<Record<string, string>>, folder: string): Record<string, string> {
  const names = cacheVariables.filter((name) => !productVariables.has(name) || env[name] !== undefined);
  const caches = [...names, 'NODE_COMPILE_CACHE', ...ownVariables].map(
    (name) => [name, join(folder, name.toLowerCase())] as const,
  );
  for (const [, path] of caches) makeFolder(path, 0o700);
  const cold = { ...env, ...Object.fromEntries(caches), CAMP_HOME: join(folder, 'camp') };
  keepConfiguration(env, cold);
  return cold;
}

/** What says where packages come from is no cache: a mirror that the user has set stays one. Cargo alone has it beside its cache. */
function keepConfiguration(env: Readonly<Record<string, string>>, cold: Readonly<Record<string, string>>): void {
  const from = env['CARGO_HOME'] ?? join(homedir(), '.cargo');
  for (const name of ['config.toml', 'credentials.toml'])
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(cold['CARGO_HOME'] ?? '', name));
}
