import { lstatSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../kit/failure.ts';
import { makeFolder, readText, writeWhole } from '../kit/files.ts';

/** The project's .camp folder, made where it is missing, ignored by git. OUTSIDE_PROJECT where it is a link. */
export function campFolder(dir: string): string {
  const camp = join(dir, '.camp');
  const stat = lstatSync(camp, { throwIfNoEntry: false });
  if (stat && !stat.isDirectory())
    fail('project', 'OUTSIDE_PROJECT', '.camp is not a folder', { hints: [`ls -ld ${camp}`] });
  if (!stat) makeFolder(camp, 0o700);
  const ignore = join(camp, '.gitignore');
  if (readText(ignore) === undefined) writeWhole(ignore, '*\n', { durable: false });
  return camp;
}

/** Removes a .camp folder that holds nothing: a command that changed nothing leaves nothing. */
export function removeEmptyCampFolder(dir: string): void {
  const camp = join(dir, '.camp');
  try {
    const names = readdirSync(camp);
    // On a full disk the lock's own file stays behind, empty.
    const isNothing = (name: string) =>
      name === '.gitignore' || (/^change\.lock\.[0-9a-f]{12}$/.test(name) && statSync(join(camp, name)).size === 0);
    if (!names.every(isNothing)) return;
    for (const name of names) rmSync(join(camp, name), { force: true });
    rmdirSync(camp); // refuses when another command has put something there since
  } catch {
    // not there, or not ours to remove
  }
}
