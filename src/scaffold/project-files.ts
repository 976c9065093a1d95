import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readText } from '../kit/files.ts';
import { defaultNames } from '../project/compose/which-files.ts';
import { suggestName } from './names.ts';

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

export function composeFileOf(dir: string): TextFile | undefined {
  for (const path of defaultNames) {
    const text = readText(join(dir, path));
    if (text !== undefined) return { path, text };
  }
  return undefined;
}

export function caddyfileOf(dir: string): TextFile | undefined {
  const text = readText(join(dir, 'Caddyfile'));
  return text === undefined ? undefined : { path: 'Caddyfile', text };
}

/** The names in a folder; none where it is not there. */
export function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** A project's name from its folder, where nothing else says one. */
export function nameFromFolder(dir: string): string {
  return suggestName(basename(dir)) ?? 'project';
}
