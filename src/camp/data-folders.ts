import { lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { failOnDisk } from '../kit/files.ts';

/** What native servers of a project keep, and how much; also of services that are no longer in the files. */
export function dataFolders(data: string): readonly { readonly name: string; readonly bytes: number }[] {
  return entriesOf(data).map((name) => ({ name, bytes: sizeOf(join(data, name)) }));
}

/** Deletes the data of one server: gone by its name at once, whatever happens while its files are removed. */
export function removeDataFolder(data: string, name: string): void {
  const path = join(data, name);
  const going = name.startsWith('.') ? path : join(data, `.gone-${name}`);
  try {
    if (going !== path) {
      rmSync(going, { recursive: true, force: true });
      renameSync(path, going);
    }
    rmSync(going, { recursive: true, force: true });
  } catch (error) {
    failOnDisk(error, path);
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Bytes of all files, without following links. */
function sizeOf(path: string): number {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return stats?.size ?? 0;
  return entriesOf(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
