import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import type { Ms } from '../../kit/events.ts';
import type { SourceFile } from './source-file.ts';

/** Appends a comment and saves as editors do: whole or not at all, and on the disk. Returns the moment of the rename. */
export function saveChange({ path, comment }: SourceFile, words: string): Ms {
  const fresh = `${path}.tmp`;
  const file = openSync(fresh, 'w');
  writeSync(file, readFileSync(path, 'utf8') + comment(words));
  fsyncSync(file);
  closeSync(file);
  renameSync(fresh, path);
  return performance.now();
}
