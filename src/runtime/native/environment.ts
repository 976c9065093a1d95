import { delimiter, dirname } from 'node:path';
import { projectMarker, replicaMarker, supervisorMarker } from '../../kit/process.ts';

/**
 * What a service may see of the person's own environment. An allow-list: NODE_OPTIONS, npm_* (but for its cache), PORT,
 * tokens and the rest stay outside unless compose.yaml declares them.
 */
const inherited = new Set(
  `HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TERM COLORTERM XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME
   XDG_RUNTIME_DIR GOPATH GOROOT GOTOOLCHAIN GOPROXY GOSUMDB GOFLAGS RUSTUP_HOME PYENV_ROOT
   PYENV_VERSION JAVA_HOME BUN_INSTALL VOLTA_HOME NVM_DIR HTTP_PROXY HTTPS_PROXY http_proxy https_proxy WSL_DISTRO_NAME
   DOCKER_HOST`.split(/\s+/),
);

/**
 * Where tools keep what they could get again, each of them by its own variable. What a person has set counts for services as it does
 * for the installing of their dependencies, which is given the whole environment.
 */
export const cacheVariables: readonly string[] =
  `XDG_CACHE_HOME npm_config_cache NPM_CONFIG_CACHE npm_config_store_dir YARN_CACHE_FOLDER YARN_GLOBAL_FOLDER BUN_INSTALL_CACHE_DIR DENO_DIR
   PIP_CACHE_DIR UV_CACHE_DIR POETRY_CACHE_DIR PYTHONPYCACHEPREFIX GOCACHE GOMODCACHE CARGO_HOME CARGO_TARGET_DIR GRADLE_USER_HOME
   BUNDLE_PATH COMPOSER_CACHE_DIR NUGET_PACKAGES PUB_CACHE HEX_HOME COREPACK_HOME CCACHE_DIR SCCACHE_DIR TURBO_CACHE_DIR
   NX_CACHE_DIRECTORY`.split(/\s+/);

export interface Marks {
  readonly projectId: string;
  /** `api:1`, `edge`, `guard`. */
  readonly replica: string;
  /** `pid:startTime` of the supervisor, so that whoever finds the process finds its parent too. */
  readonly supervisor: string;
}

/** The part of the environment that is not the service's own: what is inherited, and whose process it is. */
export function baseEnvironment(own: NodeJS.ProcessEnv, path: readonly string[], marks: Marks): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(own))
    if (value !== undefined && (inherited.has(name) || cacheVariables.includes(name) || name.startsWith('LC_')))
      env[name] = value;
  env['PATH'] = [...path, dirname(process.execPath), own['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'].join(delimiter);
  // a proxy for the outside world must never see calls between services
  const direct = ['localhost', '127.0.0.1', '::1', '.localhost', own['NO_PROXY'] ?? own['no_proxy']]
    .filter(Boolean)
    .join(',');
  env['NO_PROXY'] = direct;
  env['no_proxy'] = direct;
  env[projectMarker] = marks.projectId;
  env[replicaMarker] = marks.replica;
  env[supervisorMarker] = marks.supervisor;
  return env;
}
