import { isAbsolute, join, resolve } from 'node:path';
import { isRemoteContext } from '../paths.ts';
import { textOf } from '../scalars.ts';
import type { Print } from './print.ts';
import type { ModelContext } from './types.ts';

/** An absolute path; one that is absolute already stays as it is written, also one of Windows. */
export function absolute(text: string, { dir, home }: ModelContext): string {
  if (text.startsWith('~')) return join(home, text.slice(1)).replace(/(.)\/$/, '$1');
  return isAbsolute(text) || /^(?:[a-zA-Z]:[\\/]|\\\\)/.test(text) ? text : resolve(dir, text);
}

export const path: Print = (tree, context) => {
  const text = textOf(tree);
  return text ? absolute(text, context) : undefined;
};

/** Where a build context is: a folder, or a URL that the builder fetches. */
export function contextAt(text: string, context: ModelContext): string {
  return text === '' || isRemoteContext(text) ? text : absolute(text, context);
}
