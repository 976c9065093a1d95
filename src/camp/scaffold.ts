import type { Problem } from '../kit/failure.ts';
import type { AddServiceRequest } from '../scaffold/add-service.ts';
import type { Applied } from '../scaffold/apply.ts';
import type { ChangeSet } from '../scaffold/types.ts';

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
  return applyChanges(request.dir, () => addService(request), { purpose: 'camp add service', dryRun: isDryRun });
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
