import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
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
    if (!readdirSync(camp).every((name) => name === '.gitignore')) return;
    rmSync(join(camp, '.gitignore'), { force: true });
    rmdirSync(camp); // refuses when another command has put something there since
  } catch {
    // not there, or not ours to remove
  }
}
