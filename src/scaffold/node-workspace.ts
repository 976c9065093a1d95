import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  closure,
  type LockEntries,
  type LockParts,
  type Manifest,
  type Member,
  parseManifest,
  readLock,
  lockText as textOf,
} from './npm-lock.ts';
import { templatesDir } from './templates.ts';
import type { Change } from './types.ts';

const workspaces = ['packages/*', 'services/*'];

/**
 * The package.json of a project with Node services, and its lockfile. Nothing is installed for it: what the
 * templates need is known beforehand (templates/kit-lock.json), and `npm ci` accepts it.
 */
export function rootPackage(project: string, more: readonly string[] = []): string {
  return `${JSON.stringify(rootManifest(project, more), null, 2)}\n`;
}

function rootManifest(project: string, more: readonly string[] = []): Manifest {
  return {
    name: project,
    version: '0.0.0',
    private: true,
    type: 'module',
    engines: { node: '>=24' },
    workspaces: [...more, ...workspaces],
    scripts: { test: 'node --test' },
  };
}

/** The lockfile of services without dependencies. */
export function rootLock(project: string, services: readonly string[]): string {
  return lockOf(rootManifest(project), services.map(serviceMember));
}

/** A Node service of the dependency-free template. */
function serviceMember(name: string): Member {
  return { path: `services/${name}`, manifest: { name, version: '0.0.0', engines: { node: '>=24' } } };
}

/** The packages among new files: every package.json in a folder of the workspaces, which all end in `/*`. */
export function membersOf(changes: readonly Change[], globs: readonly string[] = workspaces): readonly Member[] {
  return changes.flatMap(({ path, after }) => {
    const folder = path.replace(/\/package\.json$/, '');
    const isMember = folder !== path && globs.includes(folder.replace(/[^/]+$/, '*'));
    const manifest = isMember ? parseManifest(after) : undefined;
    return manifest ? [{ path: folder, manifest }] : [];
  });
}

/**
 * package.json and lockfile for the packages of a new project; a package.json that it brings along is taken.
 * `more` are workspaces beside the usual ones: `modules/*`.
 */
export function workspaceFiles(
  project: string,
  changes: readonly Change[],
  more: readonly string[] = [],
): readonly Change[] {
  const own = changes.find(({ path }) => path === 'package.json')?.after;
  const members = membersOf(changes, [...more, ...workspaces]);
  if (own === undefined && members.length === 0) return [];
  const root = parseManifest(own ?? '') ?? rootManifest(project, more);
  const files = [
    { path: 'package.json', after: rootPackage(project, more) },
    { path: 'package-lock.json', after: lockOf(root, members) },
  ];
  return files.filter((file) => !changes.some(({ path }) => path === file.path));
}

function lockOf(root: Manifest, members: readonly Member[]): string {
  return textOf({ root, members, external: closure([{ path: '', manifest: root }, ...members], knownPackages()) });
}

/** The packages of the registry that the kit and the starters use, as npm has locked them (`bin/dev/kit-lock.mjs`). */
export function knownPackages(): LockEntries {
  const path = join(templatesDir(), 'kit-lock.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as LockEntries) : {};
}

export interface Workspace {
  readonly project: string;
  readonly packageText: string | undefined;
  readonly lockText: string | undefined;
}

/**
 * What more packages change at the top of the project: both files where there are none, and the lockfile where
 * it is as npm writes it. What a person wrote otherwise is left alone; then a note says so.
 */
export function addToWorkspace(
  workspace: Workspace,
  added: string | readonly Member[],
): { readonly changes: readonly Change[]; readonly notes: readonly string[] } {
  const { project, packageText, lockText } = workspace;
  const members = typeof added === 'string' ? [serviceMember(added)] : added;
  if (packageText === undefined) {
    if (lockText !== undefined) return { changes: [], notes: [] };
    return {
      changes: [
        { path: 'package.json', after: rootPackage(project) },
        { path: 'package-lock.json', after: lockOf(rootManifest(project), members) },
      ],
      notes: [],
    };
  }
  const manifest = withMembers(packageText, members);
  const inPackage =
    manifest.text === packageText ? [] : [{ path: 'package.json', before: packageText, after: manifest.text }];
  if (lockText === undefined) return { changes: inPackage, notes: manifest.notes };
  const lock = readLock(lockText);
  const fresh = members.filter(({ path }) => !lock?.members.some((known) => known.path === path));
  if (fresh.length === 0 && inPackage.length === 0) return { changes: [], notes: manifest.notes };
  const after = lock && textOf(lock) === lockText ? extended(lock, fresh, manifest.text) : undefined;
  if (after === undefined)
    return {
      changes: inPackage,
      notes: [...manifest.notes, 'package-lock.json is yours: npm install adds the new service to it'],
    };
  const inLock = after === lockText ? [] : [{ path: 'package-lock.json', before: lockText, after }];
  return { changes: [...inPackage, ...inLock], notes: manifest.notes };
}

/** Undefined where a package is there in another version than the new members need. */
function extended(lock: LockParts, fresh: readonly Member[], packageText: string): string | undefined {
  const needed = closure(fresh, knownPackages());
  const differs = Object.entries(needed).some(
    ([path, entry]) => lock.external[path] && lock.external[path]['version'] !== entry['version'],
  );
  if (differs) return undefined;
  const globs = parseManifest(packageText)?.['workspaces'];
  return textOf({
    root: { ...lock.root, ...(globs === undefined ? {} : { workspaces: globs }) },
    members: [...lock.members, ...fresh],
    external: { ...needed, ...lock.external },
  });
}

/** `workspaces` of a package.json with the folders of all members; only that list is touched. */
function withMembers(
  text: string,
  members: readonly Member[],
): { readonly text: string; readonly notes: readonly string[] } {
  const globs: unknown = parseManifest(text)?.['workspaces'];
  if (!Array.isArray(globs)) return { text, notes: [] };
  const wanted = new Set(members.map(({ path }) => `${path.split('/')[0]}/*`));
  const missing = [...wanted].filter(
    (glob) =>
      !globs.includes(glob) && members.some(({ path }) => path.startsWith(glob.slice(0, -1)) && !globs.includes(path)),
  );
  if (missing.length === 0) return { text, notes: [] };
  const edited = text.replace(/("workspaces"\s*:\s*\[)(\s*)/, (_, head: string, space: string) => {
    const items = missing.map((glob) => JSON.stringify(glob)).join(', ');
    return `${head}${space}${items}${globs.length > 0 ? `,${space || ' '}` : ''}`;
  });
  const isRight = JSON.stringify(parseManifest(edited)?.['workspaces']) === JSON.stringify([...missing, ...globs]);
  if (isRight) return { text: edited, notes: [] };
  return { text, notes: [`add ${missing.join(' and ')} to workspaces in package.json`] };
}
