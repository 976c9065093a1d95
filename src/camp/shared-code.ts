import { lstatSync, readdirSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { readText } from '../kit/files.ts';

/**
 * Folders of the project whose code a Node service runs besides its own: packages of the npm workspace that it depends
 * on, directly or through others. They are found as Node finds them: by the links in the project's node_modules.
 */
export function sharedFolders(folder: string, project: string): readonly string[] {
  const found = new Set<string>();
  const visit = (at: string): void => {
    for (const name of dependenciesOf(at)) {
      const linked = linkedFolder(join(project, 'node_modules', name));
      if (linked === undefined || !linked.startsWith(project + sep) || linked === folder || found.has(linked)) continue;
      found.add(linked);
      visit(linked);
    }
  };
  // where nothing is installed nothing is linked
  if (isThere(join(project, 'node_modules'))) visit(folder);
  return [...found];
}

function dependenciesOf(folder: string): readonly string[] {
  try {
    const manifest = JSON.parse(readText(join(folder, 'package.json')) ?? '{}') as { dependencies?: unknown } | null;
    const dependencies = manifest?.dependencies;
    return typeof dependencies === 'object' && dependencies !== null ? Object.keys(dependencies) : [];
  } catch {
    return []; // half saved: the next look sees it whole
  }
}

function linkedFolder(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? realpathSync(path) : undefined;
  } catch {
    return undefined;
  }
}

function isThere(path: string): boolean {
  try {
    return readdirSync(path).length > 0;
  } catch {
    return false;
  }
}
