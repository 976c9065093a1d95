import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { makeFolder, readText, writeWhole } from '../kit/files.ts';

/**
 * Which files camp wrote, and with which content: `.camp/generated.json` maps a path to the SHA-256 of the
 * text. One edit by a person makes the whole file hand-written (the definition of configuration lines).
 */
export function recordGenerated(dir: string, files: Readonly<Record<string, string>>): void {
  const camp = join(dir, '.camp');
  makeFolder(camp, 0o700);
  if (readText(join(camp, '.gitignore')) === undefined) writeWhole(join(camp, '.gitignore'), '*\n', { durable: false });
  const hashes = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, hashOfText(text)]));
  const all = { ...recorded(dir), ...hashes };
  writeWhole(join(camp, 'generated.json'), `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600 });
}

/** Whether a file is still exactly what camp wrote. */
export function isGenerated(dir: string, path: string, text: string): boolean {
  return generatedIn(dir)(path, text);
}

/** The same for many files of a folder. */
export function generatedIn(dir: string): (path: string, text: string) => boolean {
  const hashes = recorded(dir);
  return (path, text) => Object.hasOwn(hashes, path) && hashes[path] === hashOfText(text);
}

/** Whether the folder remembers what camp wrote: a clone does not, and counts everything as hand-written. */
export function hasGeneratedRecord(dir: string): boolean {
  return Object.keys(recorded(dir)).length > 0;
}

function hashOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Nothing where the file is missing or is not such a map: then every file counts as hand-written. */
function recorded(dir: string): Readonly<Record<string, string>> {
  try {
    const value: unknown = JSON.parse(readText(join(dir, '.camp', 'generated.json')) ?? '{}');
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return {};
    return Object.fromEntries(
      Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    return {};
  }
}
