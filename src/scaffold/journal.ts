import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { placeInside } from './inside.ts';

/**
 * What a change is going to do, on disk before the first file of the project is touched. One entry is one
 * step that happens whole or not at all: a new folder (renamed into place), a new file (linked), an edit (renamed).
 */
export interface Entry {
  readonly kind: 'folder' | 'file' | 'edit';
  /** Relative to the project. */
  readonly path: string;
  /** Below `path`, with the SHA-256 of their text; one entry with an empty path for a file. */
  readonly files: readonly { readonly path: string; readonly after: string }[];
  /** SHA-256 of the text that an edit replaces. */
  readonly before?: string;
}

export interface Journal {
  readonly format: 1;
  readonly entries: readonly Entry[];
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Where an entry stands: untouched, done, or changed by somebody else. */
export function stateOf(dir: string, entry: Entry): 'before' | 'after' | 'other' {
  const target = placeInside(dir, entry.path);
  const stat = lstatSync(target, { throwIfNoEntry: false });
  if (!stat) return entry.kind === 'edit' ? 'other' : 'before';
  if (entry.kind === 'folder') return stat.isDirectory() && holdsExactly(target, entry) ? 'after' : 'other';
  if (!stat.isFile()) return 'other';
  const hash = sha256(readFileSync(target));
  return hash === entry.files[0]?.after ? 'after' : hash === entry.before ? 'before' : 'other';
}

function holdsExactly(folder: string, entry: Entry): boolean {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((item) => !item.isDirectory());
  return (
    found.length === entry.files.length && entry.files.every((file) => hashAt(join(folder, file.path)) === file.after)
  );
}

function hashAt(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ? sha256(readFileSync(path)) : undefined;
}

/** Reads a journal; undefined where it is not one, or names a place outside the project. */
export function readJournal(dir: string, file: string): Journal | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isJournal(value)) return undefined;
    for (const entry of value.entries) placeInside(dir, entry.path);
    return value;
  } catch {
    return undefined;
  }
}

function isJournal(value: unknown): value is Journal {
  if (value === null || typeof value !== 'object') return false;
  const { format, entries } = value as Record<string, unknown>;
  return format === 1 && Array.isArray(entries) && entries.every(isEntry);
}

function isEntry(value: unknown): value is Entry {
  if (value === null || typeof value !== 'object') return false;
  const { kind, path, files, before } = value as Record<string, unknown>;
  const isFile = (file: unknown) => {
    const { path: name, after } = (file ?? {}) as Record<string, unknown>;
    return typeof name === 'string' && typeof after === 'string' && !name.split('/').includes('..');
  };
  return (
    ['folder', 'file', 'edit'].includes(String(kind)) &&
    typeof path === 'string' &&
    Array.isArray(files) &&
    files.every(isFile) &&
    (before === undefined || typeof before === 'string')
  );
}
