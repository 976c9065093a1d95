import { watch } from 'node:fs';
import { basename, sep } from 'node:path';
import type { Ms } from '../kit/events.ts';
import { failuresOf } from '../kit/failure.ts';
import { readText } from '../kit/files.ts';
import type { Start } from '../project/types.ts';
import { isCode, watchTrees } from '../runtime/native/watch.ts';
import { type PathWatch, watchPaths } from '../runtime/watch/paths.ts';
import { type ProcessReaction, reactionOf, reactionToAny } from '../runtime/watch/process.ts';
import { type Rules, rulesFor } from '../runtime/watch/rules.ts';
import { sharedFolders } from './shared-code.ts';
import type { Supervisor } from './supervisor.ts';

const timeoutMs: Ms = 60_000;

/** What of the supervisor this needs. */
export type Followed = Pick<
  Supervisor,
  'project' | 'ending' | 'emit' | 'restart' | 'installAndRestart' | 'converge' | 'placementOf' | 'containerRuntime'
>;

/** A process whose service has watch rules. */
interface Ruled {
  readonly start: Start;
  readonly rules: Rules;
}

/** What a process writes beside its code is no change of it, whatever the rules say, unless one names the very folder. */
function isNobodysCode({ paths }: Rules, path: string): boolean {
  return paths.every((root) => !isWithin(root, path) || !isCode(root, path));
}

function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root + sep);
}

/**
 * Follows the files of a running project: code restarts its service, or does what the service's watch rules say, and
 * the project's own files converge it.
 */
export function followFiles(supervisor: Followed): () => void {
  let trees: readonly PathWatch[] = [];
  let containers: (() => void) | undefined;
  let isWanted = false;
  let isBusy = false;
  if (supervisor.ending.aborted) return () => undefined;
  watchCode();
  const top = watch(supervisor.project?.dir ?? '.', (_, name) => {
    if (name !== null && (/^((docker-)?compose.*\.ya?ml|\.env)$/.test(name) || /caddy/i.test(name))) void converge();
  });
  top.on('error', (error) => warn(error));
  const stop = (): void => {
    top.close();
    for (const tree of trees) tree.close();
    containers?.();
  };
  supervisor.ending.addEventListener('abort', stop, { once: true });
  return stop;

  function watchCode(): void {
    for (const tree of trees) tree.close();
    const roots = new Map<string, string>();
    const ruled = new Map<string, Ruled>();
    /** A folder that several services run code of, and which they are. */
    const shared = new Map<string, string[]>();
    const dir = supervisor.project?.dir ?? '';
    for (const service of supervisor.project?.services.values() ?? []) {
      const { start } = service;
      if (start?.kind !== 'command' || supervisor.placementOf(service.name) !== 'process') continue;
      // also with rules of its own: its folder may lie in that of another, which does not follow it
      roots.set(start.cwd, service.name);
      for (const folder of start.language === 'node' ? sharedFolders(start.cwd, dir) : [])
        shared.set(folder, [...(shared.get(folder) ?? []), service.name]);
      if (service.watch.length > 0) ruled.set(service.name, { start, rules: rulesFor(service, read) });
    }
    const onNote = (message: string): void => supervisor.emit({ type: 'note', message });
    for (const folder of shared.keys()) if (!roots.has(folder)) roots.set(folder, folder);
    const onCode = (owner: string, paths: readonly string[]): void => {
      for (const service of shared.get(owner) ?? [owner])
        if (!ruled.has(service)) void follow(service, reactionToAny(paths), paths);
    };
    trees = [watchTrees(roots, onCode, onNote)];
    if (ruled.size > 0) trees = [...trees, watchRules(ruled, onNote)];
    void watchContainers();
  }

  /** Compose's `develop.watch`, for what runs in containers; nothing of it is loaded where nothing does. */
  async function watchContainers(): Promise<void> {
    containers?.();
    containers = undefined;
    const running = supervisor.containerRuntime;
    const services = [...(supervisor.project?.services.values() ?? [])].filter(
      ({ name, watch }) => watch.length > 0 && supervisor.placementOf(name) === 'container',
    );
    if (!running || services.length === 0) return;
    const { followContainers } = await import('./containers/follow.ts');
    containers = followContainers({
      services,
      api: running.engine.api,
      signal: supervisor.ending,
      emit: supervisor.emit,
      read,
      containersOf: (service) => running.containersOf(service),
      // what went into the images has changed, so that they are stale
      rebuild: () => supervisor.converge({ timeoutMs }).then(() => undefined),
      restart: (service) => supervisor.restart(service),
    });
  }

  /** A .dockerignore that cannot be read ends no project that runs. */
  function read(path: string): string | undefined {
    try {
      return readText(path);
    } catch (error) {
      warn(error);
      return undefined;
    }
  }

  function watchRules(ruled: ReadonlyMap<string, Ruled>, onNote: (message: string) => void): PathWatch {
    const all = [...ruled.values()].map(({ rules }) => rules);
    return watchPaths({
      roots: all.flatMap(({ paths }) => paths),
      ignoresFolder: (path) => all.every((rules) => rules.ignoresFolder(path) || isNobodysCode(rules, path)),
      ignoresFile: (path) => all.every((rules) => isNobodysCode(rules, path)),
      onChange: (paths) => {
        for (const [service, { rules, start }] of ruled) {
          const own = paths.filter((path) => !isNobodysCode(rules, path));
          void follow(service, reactionOf(rules, own, start), own);
        }
      },
      onNote,
    });
  }

  async function follow(service: string, reaction: ProcessReaction, paths: readonly string[]): Promise<void> {
    if (reaction === 'none') return;
    supervisor.emit({ type: 'note', subject: service, message: `${basename(paths[0] ?? '')} changed` });
    try {
      if (reaction === 'install-and-restart') await supervisor.installAndRestart(service);
      else await supervisor.restart(service);
    } catch (error) {
      warn(error);
    }
  }

  /** Several changes at once are one: while a converge runs, at most one more is owed. */
  async function converge(): Promise<void> {
    isWanted = true;
    if (isBusy) return;
    isBusy = true;
    while (isWanted && !supervisor.ending.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      isWanted = false;
      try {
        await supervisor.converge({ timeoutMs });
        supervisor.emit({ type: 'note', message: 'converged to the changed files' });
        watchCode();
      } catch (error) {
        warn(error);
      }
    }
    isBusy = false;
  }

  function warn(error: unknown): void {
    if (supervisor.ending.aborted) return;
    for (const found of failuresOf(error)) supervisor.emit({ type: 'warning', message: found.message, failure: found });
  }
}
