import type { Problem } from '../kit/failure.ts';
import type { AddBackingRequest } from '../scaffold/add-backing.ts';
import type { AddServiceRequest } from '../scaffold/add-service.ts';
import type { Applied } from '../scaffold/apply.ts';
import type { ChangeSet } from '../scaffold/types.ts';

export type { BackingKind } from '../scaffold/backing.ts';

export interface InitOptions {
  /** Absolute; need not be there yet. */
  readonly dir: string;
  readonly starter?: string;
  readonly name?: string;
}

/** What `camp init` would write; nothing is written. Throws like `initProject`. */
export async function proposeInit(options: InitOptions): Promise<ChangeSet> {
  const { initProject } = await import('../scaffold/init-project.ts');
  const { discoverServices } = await import('../project/discover.ts');
  return initProject({ ...options, discover: discoverServices });
}

/** Makes a project, or adopts the code that is there. Throws like `initProject` and `applyChanges`. */
export async function init(options: InitOptions, isDryRun: boolean): Promise<Applied> {
  const { applyChanges } = await import('../scaffold/apply.ts');
  return applyChanges(options.dir, () => proposeInit(options), { purpose: 'camp init', dryRun: isDryRun });
}

/** Adds a service to a project. Throws like `addService` and `applyChanges`. */
export async function addServiceTo(request: AddServiceRequest, isDryRun: boolean): Promise<Applied> {
  const { addService } = await import('../scaffold/add-service.ts');
  const { applyChanges } = await import('../scaffold/apply.ts');
  const isTracked = (path: string) => isTrackedByGit(request.dir, path);
  return applyChanges(request.dir, () => addService({ ...request, isTracked }), {
    purpose: 'camp add service',
    dryRun: isDryRun,
  });
}

/** Adds a database or a broker to a project. Throws like `addBacking` and `applyChanges`. */
export async function addBackingTo(request: AddBackingRequest, isDryRun: boolean): Promise<Applied> {
  const { addBacking } = await import('../scaffold/add-backing.ts');
  const { applyChanges } = await import('../scaffold/apply.ts');
  const isTracked = (path: string) => isTrackedByGit(request.dir, path);
  const purpose = `camp add ${request.kind}`;
  return applyChanges(request.dir, () => addBacking({ ...request, isTracked }), { purpose, dryRun: isDryRun });
}

/** Where there is no git, or no repository, nothing is tracked. */
export async function isTrackedByGit(dir: string, path: string): Promise<boolean> {
  const { runCommand } = await import('../kit/spawn.ts');
  const argv = ['git', 'ls-files', '--error-unmatch', '--', path];
  const result = await runCommand(argv, { cwd: dir, timeoutMs: 10_000 });
  return result.exitCode === 0;
}

/** The names of the templates of a kind. */
export async function templatesOf(kind: 'service' | 'starter'): Promise<readonly string[]> {
  const { templateNames } = await import('../scaffold/templates.ts');
  return templateNames(kind);
}

/** What is wrong with a name, if anything is. */
export async function nameChecker(what: 'project' | 'service'): Promise<(name: string) => Problem | undefined> {
  const { checkName } = await import('../scaffold/names.ts');
  return (name) => checkName(name, what);
}
