import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readText } from '../kit/files.ts';
import { renderTemplate } from './templates.ts';
import type { Change } from './types.ts';

/** Where the kit of a project lies: the project's own code, an npm workspace like its services. */
const kitFolder = 'packages/kit';

/** The kit of a project, as new files. */
export function renderKit(project: string): Promise<readonly Change[]> {
  return renderTemplate('kit', '', kitFolder, { name: project, project });
}

export function hasKit(dir: string): boolean {
  return existsSync(join(dir, kitFolder, 'package.json'));
}

/**
 * `.dockerignore` of a project with a kit: what of it gets into the images of services that use the kit, by the build
 * context `project` of compose.yaml. The packages that they share and the lockfile, nothing else.
 */
export function projectIgnore(folders: readonly string[] = []): string {
  return [
    '# What images get of this folder, as the build context `project` of compose.yaml: the shared packages and the lockfile.',
    '*',
    '!package.json',
    '!package-lock.json',
    ...[...folders, 'packages'].map((folder) => `!${folder}`),
    '**/.*',
    '**/node_modules',
    '**/test',
    '',
  ].join('\n');
}

/** `.dockerignore` of a project with a kit; one that is there stays. */
export function ignoreForImages(dir: string): {
  readonly changes: readonly Change[];
  readonly notes: readonly string[];
} {
  const own = readText(join(dir, '.dockerignore'));
  if (own === undefined) return { changes: [{ path: '.dockerignore', after: projectIgnore() }], notes: [] };
  if (/^!packages\b/m.test(own)) return { changes: [], notes: [] };
  return {
    changes: [],
    notes: [
      '.dockerignore is yours: images of services with the kit need package.json, package-lock.json and packages',
    ],
  };
}
