import { lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { fail } from '../kit/failure.ts';

/**
 * The real place of a project's file. OUTSIDE_PROJECT where the path, or a link on the way to it, leaves
 * the project's folder: nothing is ever written there.
 */
export function placeInside(dir: string, path: string): string {
  const parts = path.split('/');
  if (
    path === '' ||
    isAbsolute(path) ||
    path.includes('\0') ||
    parts.some((part) => part === '' || part === '.' || part === '..')
  )
    outside(path);
  const root = realpathSync(dir);
  const target = join(root, ...parts);
  const existing = deepestExisting(target);
  let real: string;
  try {
    real = realpathSync(existing);
  } catch {
    outside(path); // a link that leads nowhere: whatever appears there later is not ours to choose
  }
  if (real !== root && !real.startsWith(root + sep)) outside(path);
  return join(real, relative(existing, target));
}

/** Whether anything has that name, a dangling link too. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false; // below a file nothing is
    throw error;
  }
}

/** Throws NOT_A_FOLDER (usage) where a file is in the way of a folder that is there or is to be made. */
export function refuseFileAsFolder(dir: string): void {
  const existing = deepestExisting(dir);
  if (!statSync(existing, { throwIfNoEntry: false })?.isDirectory())
    fail('usage', 'NOT_A_FOLDER', `${existing} is not a folder`, { hints: ['choose another folder'] });
}

/** The first folder on the way to `target` that is not there yet; `target` itself where its folder is. */
export function firstMissing(target: string): string {
  for (let path = target; ; path = dirname(path)) if (isThere(dirname(path))) return path;
}

function deepestExisting(target: string): string {
  return isThere(target) ? target : dirname(firstMissing(target));
}

function outside(path: string): never {
  fail('project', 'OUTSIDE_PROJECT', `${JSON.stringify(path)} leads out of the project; nothing is written there`, {
    hints: [`ls -ld ${path.split('/')[0]}`],
  });
}
