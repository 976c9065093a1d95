import { relative, sep } from 'node:path';
import { type PathWatch, watchPaths } from '../watch/paths.ts';

/** What no service's code is: dependencies, caches, builds, data that a service writes beside its code. */
const ignoredNames = new Set(
  `node_modules .git .hg .svn .camp .venv venv __pycache__ .pytest_cache .mypy_cache .ruff_cache .idea .vscode .cache .next .turbo
   target coverage tmp .tmp logs data .DS_Store`.split(/\s+/),
);
const ignoredEndings = /(\.(log|pid|sock|sqlite3?|db|pyc|pyo|swp|swx|tmp)|(-wal|-shm|-journal)|~)$/i;

/**
 * Watches the folders of `roots` (folder to name), directories only, without what is ignored, and reports each
 * change once under the name of the innermost root. Where the system has no watches left it polls and says so.
 */
export function watchTrees(
  roots: ReadonlyMap<string, string>,
  onChange: (name: string, paths: readonly string[]) => void,
  onNote: (message: string) => void,
): PathWatch {
  const isNobodys = (path: string): boolean => nameOf(path) === undefined;
  return watchPaths({
    roots: [...roots.keys()],
    ignoresFolder: isNobodys,
    ignoresFile: isNobodys,
    onChange: (paths) => {
      const changed = Map.groupBy(paths, (path) => nameOf(path) ?? '');
      for (const [name, own] of changed) onChange(name, own);
    },
    onNote,
  });

  function nameOf(path: string): string | undefined {
    const inside = [...roots].filter(([root]) => path === root || path.startsWith(root + sep));
    inside.sort(([a], [b]) => b.length - a.length);
    const [best] = inside;
    return best && isCode(best[0], path) ? best[1] : undefined;
  }
}

/** Whether a path below a folder is what a person writes there. */
export function isCode(root: string, path: string): boolean {
  return !relative(root, path).split(sep).some(isIgnored);
}

function isIgnored(name: string): boolean {
  return ignoredNames.has(name) || ignoredEndings.test(name) || name.startsWith('.camp-');
}
