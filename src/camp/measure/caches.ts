import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../kit/files.ts';

/**
 * Where programs keep what they could get again. Each is pointed at an empty folder for a cold start, also where the user has set
 * it. HOME stays: the programs of version managers lie there.
 */
const cacheVariables =
  `XDG_CACHE_HOME NODE_COMPILE_CACHE npm_config_cache NPM_CONFIG_CACHE npm_config_store_dir YARN_CACHE_FOLDER
  YARN_GLOBAL_FOLDER BUN_INSTALL_CACHE_DIR DENO_DIR PIP_CACHE_DIR UV_CACHE_DIR POETRY_CACHE_DIR PYTHONPYCACHEPREFIX GOCACHE GOMODCACHE
  CARGO_HOME CARGO_TARGET_DIR GRADLE_USER_HOME BUNDLE_PATH COMPOSER_CACHE_DIR`.split(/\s+/);

/** Folders of camp itself: its certificate authority, its tools, its templates of data. */
const ownVariables = 'XDG_DATA_HOME XDG_STATE_HOME'.split(' ');

/** An environment without any cache, its folders below `folder`, which is empty. */
export function coldEnv(env: Readonly<Record<string, string>>, folder: string): Record<string, string> {
  const caches = [...cacheVariables, ...ownVariables].map((name) => [name, join(folder, name.toLowerCase())] as const);
  for (const [, path] of caches) makeFolder(path, 0o700);
  return { ...env, ...Object.fromEntries(caches), CAMP_HOME: join(folder, 'camp'), ...configuration(env) };
}

/** What says where packages come from is no cache: a mirror that the user has set stays one. */
function configuration(env: Readonly<Record<string, string>>): Record<string, string> {
  const cargo = join(env['CARGO_HOME'] ?? join(homedir(), '.cargo'), 'config.toml');
  return existsSync(cargo) ? { CARGO_HOME: join(cargo, '..') } : {};
}
