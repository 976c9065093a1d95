import { type FSWatcher, readdirSync, type Stats, statSync, watch } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import type { Ms } from '../../kit/events.ts';

/** What no service's code is: dependencies, caches, builds, data that a service writes beside its code. */
const ignoredNames = new Set(
  `node_modules .git .hg .svn .camp .venv venv __pycache__ .pytest_cache .mypy_cache .ruff_cache .idea .vscode .cache .next .turbo
   target coverage tmp .tmp logs data .DS_Store`.split(/\s+/),
);
const ignoredEndings = /(\.(log|pid|sock|sqlite3?|db|pyc|pyo|swp|swx|tmp)|(-wal|-shm|-journal)|~)$/i;

/** An editor's save is several events; they are one change. */
const quietMs: Ms = 12;
const pollMs: Ms = 1000;

export interface TreeWatch {
  close(): void;
}

/**
 * Watches the folders of `roots` (folder to name), directories only, without what is ignored, and reports each
 * change once under the name of the innermost root. Where the system has no watches left it polls and says so.
 */
export function watchTrees(
  roots: ReadonlyMap<string, string>,
  onChange: (name: string, paths: readonly string[]) => void,
  onNote: (message: string) => void,
): TreeWatch {
  const watchers = new Map<string, FSWatcher>();
  const known = new Map<string, string>();
  const changed = new Map<string, Set<string>>();
  const began = Date.now();
  let quiet: NodeJS.Timeout | undefined;
  let poll: NodeJS.Timeout | undefined;
  for (const root of roots.keys()) add(root);

  return {
    close: () => {
      clearTimeout(quiet);
      clearInterval(poll);
      for (const watcher of watchers.values()) watcher.close();
    },
  };

  function add(dir: string): void {
    if (watchers.has(dir) || poll) return;
    try {
      const watcher = watch(dir, (type, name) => look(name === null ? dir : join(dir, name), type === 'rename'));
      watcher.on('error', () => (watcher.close(), watchers.delete(dir)));
      watchers.set(dir, watcher);
      for (const entry of readdirSync(dir, { withFileTypes: true }))
        if (entry.isDirectory() && !isIgnored(entry.name)) add(join(dir, entry.name));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EMFILE') startPolling();
      else if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EACCES') throw error;
    }
  }

  function look(path: string, isRename: boolean): void {
    if (isIgnored(basename(path))) return;
    const stats = statOf(path);
    if (stats?.isDirectory()) {
      if (!watchers.has(path)) add(path);
      else return;
    } else if (!hasChanged(path, stats, isRename)) return;
    const name = nameOf(path);
    if (name === undefined) return;
    changed.set(name, (changed.get(name) ?? new Set()).add(path));
    clearTimeout(quiet);
    quiet = setTimeout(tell, quietMs);
  }

  /** A change of the mode or a mere look is no change of the code. */
  function hasChanged(path: string, stats: Stats | undefined, isRename: boolean): boolean {
    const now = stats ? `${stats.mtimeMs} ${stats.size} ${stats.ino}` : 'gone';
    const before = known.get(path);
    known.set(path, now);
    return before === undefined ? isRename || !stats || stats.mtimeMs >= began - 50 : before !== now;
  }

  function tell(): void {
    const batch = [...changed];
    changed.clear();
    for (const [name, paths] of batch) onChange(name, [...paths]);
  }

  function nameOf(path: string): string | undefined {
    const inside = [...roots].filter(([root]) => path === root || path.startsWith(root + sep));
    inside.sort(([a], [b]) => b.length - a.length);
    const [best] = inside;
    return best && !relative(best[0], path).split(sep).some(isIgnored) ? best[1] : undefined;
  }

  function startPolling(): void {
    if (poll) return;
    onNote(
      'the system has no file watches left, so changes are looked for every second; more: sudo sysctl -w fs.inotify.max_user_watches=524288',
    );
    for (const root of roots.keys())
      walk(root, (path, stats) => known.set(path, `${stats.mtimeMs} ${stats.size} ${stats.ino}`));
    poll = setInterval(() => {
      for (const root of roots.keys()) walk(root, (path) => look(path, false));
    }, pollMs);
    poll.unref();
  }
}

function walk(dir: string, visit: (path: string, stats: Stats) => void): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (isIgnored(entry.name)) continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory()) walk(path, visit);
    else {
      const stats = statOf(path);
      if (stats) visit(path, stats);
    }
  }
}

function isIgnored(name: string): boolean {
  return ignoredNames.has(name) || ignoredEndings.test(name) || name.startsWith('.camp-');
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
