import { existsSync } from 'node:fs';
import type { Problem } from '../kit/failure.ts';
import type { AddBackingRequest } from '../scaffold/add-backing.ts';
import type { AddServiceRequest } from '../scaffold/add-service.ts';
import type { Applied } from '../scaffold/apply.ts';
import type { ChangeSet } from '../scaffold/types.ts';
import { packageName, version } from './version.ts';

export type { BackingKind } from '../scaffold/backing.ts';

export interface InitOptions {
  /** Absolute; need not be there yet. */
  readonly dir: string;
  readonly starter?: string;
  readonly name?: string;
  /** Also the workflow that tests and measures it; in a project that is there already, nothing else. */
  readonly isCi?: boolean;
}

/** What `camp init` would write; nothing is written. Throws like `initProject`. */
export async function proposeInit(options: InitOptions): Promise<ChangeSet> {
  const { initProject } = await import('../scaffold/init-project.ts');
  const { discoverServices } = await import('../project/discover.ts');
  const set = await initProject({ ...options, discover: discoverServices });
  if (!options.isCi) return set;
  const { ciChanges } = await import('../scaffold/ci.ts');
  const { composeFileOf, caddyfileOf } = await import('../scaffold/project-files.ts');
  const { dir } = options;
  const isProject = existsSync(dir) && (composeFileOf(dir) ?? caddyfileOf(dir)) !== undefined;
  const own: ChangeSet = isProject ? { ...set, changes: [], found: [], notes: [], next: [] } : set;
  const hasTests = isProject ? await hasSuites(dir) : set.changes.some(({ path }) => isTest(path));
  const ci = await ciChanges({ dir, package: packageName, version, hasTests });
  const next = isProject ? [ci.changes.length > 0 ? 'git add .github' : 'camp up'] : own.next;
  return { ...own, changes: [...own.changes, ...ci.changes], notes: [...own.notes, ...ci.notes], next };
}

/** Whether `camp test` would find any; a project with problems is asked when it has none. */
async function hasSuites(dir: string): Promise<boolean> {
  const { loadProject } = await import('../project/load.ts');
  const { suitesOf } = await import('../project/suites.ts');
  const { project } = loadProject(dir, { env: process.env });
  return project === undefined || suitesOf(project, undefined, process.env).suites.length > 0;
}

/** Tests as the templates have them, in the languages that they are written in. */
function isTest(path: string): boolean {
  return /(?:\.test\.[cm]?[jt]s|(?:^|\/)test_\w+\.py|_test\.(?:py|go))$/.test(path);
}

/** Makes a project, or adopts the code that is there. Throws like `initProject` and `applyChanges`. */
export async function init(options: InitOptions, isDryRun: boolean): Promise<Applied> {
  const { applyChanges } = await import('../scaffold/apply.ts');
  return applyChanges(options.dir, () => proposeInit(options), { purpose: 'camp init', dryRun: isDryRun });
}

/** Adds a service to a project, and notes what that costs. Throws like `addService` and `applyChanges`. */
export async function addServiceTo(request: AddServiceRequest, isDryRun: boolean): Promise<Applied> {
  const { addService } = await import('../scaffold/add-service.ts');
  const { applyChanges } = await import('../scaffold/apply.ts');
  const isTracked = (path: string) => isTrackedByGit(request.dir, path);
  const added = await applyChanges(request.dir, () => addService({ ...request, isTracked }), {
    purpose: 'camp add service',
    dryRun: isDryRun,
  });
  if (isDryRun || added.changes.length === 0) return added;
  const { notesOnAdded } = await import('./measure/added.ts');
  return { ...added, notes: [...added.notes, ...notesOnAdded(request.name, added, request.env ?? process.env)] };
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
