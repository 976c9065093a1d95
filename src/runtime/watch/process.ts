import { basename, extname } from 'node:path';
import type { Start } from '../../project/types.ts';
import type { Rules } from './rules.ts';

/** What a change means for a service that runs as a process: it reads the very files that changed. */
export type ProcessReaction = 'none' | 'restart' | 'install-and-restart';

/** What a service declares that it needs: a change may mean that something must be installed. */
const manifests =
  /^(package(-lock)?\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|yarn\.lock|bun\.lockb?|requirements[\w.-]*\.txt|pyproject\.toml|uv\.lock|go\.(mod|sum)|Cargo\.(toml|lock)|deno\.lock)$/;

/** Without rules every change restarts. */
export function reactionToAny(paths: readonly string[]): ProcessReaction {
  return paths.some((path) => manifests.test(basename(path))) ? 'install-and-restart' : 'restart';
}

/**
 * The sense of watch rules without a container. A path that no rule covers changes nothing, as in Compose. `restart`,
 * `sync+restart` and `rebuild` restart; `sync+exec` does too, because its command is meant for the container. Plain
 * `sync` says that the program notices by itself: it is left alone, unless it reads its code once, at its start.
 */
export function reactionOf(rules: Rules, paths: readonly string[], start: Start): ProcessReaction {
  const found = paths.flatMap((path) => rules.matches(path).map(({ rule }) => ({ path, action: rule.action })));
  const restarting = found
    .filter(({ path, action }) => action !== 'sync' || readsOnce(path, start))
    .map(({ path }) => path);
  return restarting.length === 0 ? 'none' : reactionToAny(restarting);
}

/** Programs that run code as they find it when they are started; a bundler's dev server is none of them. */
const interpreters = /^(node|nodejs|tsx|ts-node|deno|bun|python[\d.]*|go|cargo|ruby|php)$/;
const code = /^\.([cm]?[jt]sx?|py|go|rs|rb|php)$/;
const watching = /^(watch|dev|runserver)$|^--(watch|hot|reload)\b/;

/**
 * camp leaves the watcher out of `node --watch`, nodemon and the like, because it restarts quicker itself: their files
 * have to be followed here, where in the container the watcher does it.
 */
function readsOnce(path: string, start: Start): boolean {
  if (start.kind === 'static' || !code.test(extname(path))) return false;
  const words = start.argv.flatMap((word) => word.split(/\s+/));
  const at = words.findIndex((word) => !/^(env|sh|-c|exec)$|^[A-Za-z_]\w*=/.test(word));
  return interpreters.test(basename(words[at] ?? '')) && !words.slice(at).some((word) => watching.test(word));
}
