import { watch } from 'node:fs';
import { basename } from 'node:path';
import type { Ms } from '../kit/events.ts';
import { failuresOf } from '../kit/failure.ts';
import { type TreeWatch, watchTrees } from '../runtime/native/watch.ts';
import type { Supervisor } from './supervisor.ts';

const timeoutMs: Ms = 60_000;
/** What a service declares that it needs: a change may mean that something must be installed. */
const manifests =
  /^(package(-lock)?\.json|pnpm-lock\.yaml|yarn\.lock|requirements\.txt|pyproject\.toml|uv\.lock|go\.(mod|sum)|Cargo\.(toml|lock))$/;

/** Follows the files of a running project: code restarts its service, the project's own files converge it. */
export function followFiles(supervisor: Supervisor): () => void {
  let trees: TreeWatch | undefined;
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
    trees?.close();
  };
  supervisor.ending.addEventListener('abort', stop, { once: true });
  return stop;

  function watchCode(): void {
    trees?.close();
    const roots = new Map<string, string>();
    for (const service of supervisor.project?.services.values() ?? [])
      if (service.start?.kind === 'command') roots.set(service.start.cwd, service.name);
    trees = watchTrees(
      roots,
      (service, paths) => void restart(service, paths),
      (message) => supervisor.emit({ type: 'note', message }),
    );
  }

  async function restart(service: string, paths: readonly string[]): Promise<void> {
    supervisor.emit({ type: 'note', subject: service, message: `${basename(paths[0] ?? '')} changed` });
    try {
      if (paths.some((path) => manifests.test(basename(path)))) await supervisor.installAndRestart(service);
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
