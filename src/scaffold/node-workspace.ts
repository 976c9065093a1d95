import type { Change } from './types.ts';

/**
 * The package.json of a project with Node services, and its lockfile. Nothing is installed for it: the
 * templates have no dependencies, so the lockfile names the services alone and `npm ci` accepts it.
 */
export function rootPackage(project: string): string {
  return json({
    name: project,
    version: '0.0.0',
    private: true,
    type: 'module',
    engines: { node: '>=24' },
    workspaces: ['services/*'],
    scripts: { test: 'node --test' },
  });
}

/** What npm 11 writes for these workspaces. */
export function rootLock(project: string, services: readonly string[]): string {
  const sorted = [...services].sort((a, b) => a.localeCompare(b, 'en'));
  const packages: Record<string, unknown> = {
    '': { name: project, version: '0.0.0', workspaces: ['services/*'], engines: { node: '>=24' } },
  };
  for (const name of sorted) packages[`node_modules/${name}`] = { resolved: `services/${name}`, link: true };
  for (const name of sorted) packages[`services/${name}`] = { version: '0.0.0', engines: { node: '>=24' } };
  return json({ name: project, version: '0.0.0', lockfileVersion: 3, requires: true, packages });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

export interface Workspace {
  readonly project: string;
  readonly packageText: string | undefined;
  readonly lockText: string | undefined;
}

/**
 * What another Node service changes at the top of the project: both files where there are none, and the
 * lockfile where it is still the one that camp wrote. What a person wrote is left alone; then a note says so.
 */
export function addToWorkspace(
  workspace: Workspace,
  service: string,
): { readonly changes: readonly Change[]; readonly notes: readonly string[] } {
  const { project, packageText, lockText } = workspace;
  if (packageText === undefined) {
    if (lockText !== undefined) return { changes: [], notes: [] };
    return {
      changes: [
        { path: 'package.json', after: rootPackage(project) },
        { path: 'package-lock.json', after: rootLock(project, [service]) },
      ],
      notes: [],
    };
  }
  if (lockText === undefined) return { changes: [], notes: [] };
  const known = lockedServices(lockText);
  if (known.includes(service)) return { changes: [], notes: [] };
  if (lockText !== rootLock(project, known))
    return { changes: [], notes: ['package-lock.json is yours: npm install adds the new service to it'] };
  return {
    changes: [{ path: 'package-lock.json', before: lockText, after: rootLock(project, [...known, service]) }],
    notes: [],
  };
}

function lockedServices(lockText: string): readonly string[] {
  return [...lockText.matchAll(/^ {4}"services\/([a-z0-9-]+)": \{$/gm)].map((match) => match[1] ?? '');
}
