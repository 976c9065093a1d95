import { type FSWatcher, readdirSync, type Stats, statSync, watch } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import type { Ms } from '../../kit/events.ts';

/** An editor's save is several events; they are one change. */
const quietMs: Ms = 12;
const pollMs: Ms = 1000;

export interface PathWatch {
  close(): void;
}

export interface WatchedPaths {
  /** Folders with all that is in them, and single files, which need not be there yet. */
  readonly roots: readonly string[];
  /** Folders that are not entered. */
  ignoresFolder(path: string): boolean;
  /** Files that are not reported. */
  ignoresFile(path: string): boolean;
  /** Every path once a change; a folder that is gone by its own path. */
  onChange(paths: readonly string[]): void;
  onNote(message: string): void;
}

/** Watches folders only, not files. Where the system has no watches left it polls and says so. */
export function watchPaths({ roots, ignoresFolder, ignoresFile, onChange, onNote }: WatchedPaths): PathWatch {
  const watchers = new Map<string, FSWatcher>();
  /** Folders that are watched with all that is in them. */
  const entered = new Set<string>();
  const known = new Map<string, string>();
  const changed = new Set<string>();
  const began = Date.now();
  let quiet: NodeJS.Timeout | undefined;
  let poll: NodeJS.Timeout | undefined;
  for (const root of roots) begin(root);

  return {
    close: () => {
      clearTimeout(quiet);
      clearInterval(poll);
      for (const watcher of watchers.values()) watcher.close();
    },
  };

  function begin(root: string): void {
    if (statOf(root)?.isDirectory()) add(root);
    // a file may be replaced, and what is not there may come: its folder tells
    else addOne(dirname(root));
  }

  function add(dir: string): void {
    if (entered.has(dir)) return;
    entered.add(dir);
    addOne(dir);
    for (const entry of entriesOf(dir))
      if (entry.isDirectory() && !ignoresFolder(join(dir, entry.name))) add(join(dir, entry.name));
  }

  function addOne(dir: string): void {
    if (watchers.has(dir) || poll) return;
    try {
      const watcher = watch(dir, (type, name) => {
        const path = name === null ? dir : join(dir, name);
        // removed, and perhaps made again since: the old watch would see nothing of the new folder
        if (name === basename(dir) && !statOf(path)) look(dir, true, true);
        look(path, type === 'rename');
      });
      watcher.on('error', () => (watcher.close(), watchers.delete(dir)));
      watchers.set(dir, watcher);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EMFILE') startPolling();
      else if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EACCES') throw error;
    }
  }

  function look(path: string, isRename: boolean, isGone = false): void {
    const stats = statOf(path);
    if (isGone || !stats) forget(path);
    if (!isInside(path)) return;
    if (stats?.isDirectory()) {
      if (entered.has(path) || ignoresFolder(path)) return;
      add(path);
      // what was moved here with it has no event of its own
      walk(path, (file, its) => hasChanged(file, its, true) && tellSoon(file));
    } else if (hasChanged(path, stats, isRename)) tellSoon(path);
  }

  function tellSoon(path: string): void {
    if (ignoresFile(path)) return;
    changed.add(path);
    clearTimeout(quiet);
    quiet = setTimeout(tell, quietMs);
  }

  function forget(dir: string): void {
    if (!entered.has(dir)) return;
    for (const path of [...entered].filter((each) => each === dir || each.startsWith(dir + sep))) {
      entered.delete(path);
      watchers.get(path)?.close();
      watchers.delete(path);
    }
  }

  function isInside(path: string): boolean {
    return roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep));
  }

  /** A change of the mode or a mere look is no change of the code. */
  function hasChanged(path: string, stats: Stats | undefined, isRename: boolean): boolean {
    const now = stats ? `${stats.mtimeMs} ${stats.size} ${stats.ino}` : 'gone';
    const before = known.get(path);
    known.set(path, now);
    return before === undefined ? isRename || !stats || stats.mtimeMs >= began - 50 : before !== now;
  }

  function tell(): void {
    const paths = [...changed];
    changed.clear();
    onChange(paths);
  }

  function startPolling(): void {
    if (poll) return;
    onNote(
      'the system has no file watches left, so changes are looked for every second; more: sudo sysctl -w fs.inotify.max_user_watches=524288',
    );
    for (const root of roots)
      walk(root, (path, stats) => known.set(path, `${stats.mtimeMs} ${stats.size} ${stats.ino}`));
    poll = setInterval(() => {
      for (const root of roots) walk(root, (path) => look(path, false));
    }, pollMs);
    poll.unref();
  }

  function walk(path: string, visit: (path: string, stats: Stats) => void): void {
    const stats = statOf(path);
    if (stats?.isDirectory()) {
      for (const entry of entriesOf(path)) {
        const inside = join(path, entry.name);
        if (!entry.isDirectory() || !ignoresFolder(inside)) walk(inside, visit);
      }
    } else if (stats) visit(path, stats);
  }
}

function entriesOf(dir: string) {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    return [];
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
