import { rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder, readText, writeWhole } from './files.ts';

/** What was remembered in `file` under `key`; undefined where it was another key, or the file is spoilt. */
export function recall<T>(file: string, key: string): T | undefined {
  try {
    const one = JSON.parse(readText(file) ?? 'null') as { readonly key?: unknown; readonly value?: T } | null;
    return one?.key === key ? one.value : undefined;
  } catch {
    return undefined; // it is found out again
  }
}

/** Keeps one answer for the next process. Only speed depends on it: a disk that is full is found out by what needs it. */
export function remember(file: string, key: string, value: unknown): void {
  try {
    makeFolder(dirname(file), 0o700);
    writeWhole(file, JSON.stringify({ key, value }), { mode: 0o600, durable: false });
  } catch {
    // found out again next time
  }
}

/** It was wrong. */
export function forget(file: string): void {
  rmSync(file, { force: true });
}

/** Tells a file from what it was before: its size and time; undefined where there is none. */
export function stampOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && `${stats.size}/${stats.mtimeMs}`;
}
