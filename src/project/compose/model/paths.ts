import { absolutePath, isRemoteContext } from '../paths.ts';
import { textOf } from '../scalars.ts';
import type { Print } from './print.ts';
import type { ModelContext } from './types.ts';

export function absolute(text: string, { dir, home }: ModelContext): string {
  return absolutePath(dir, text, home);
}

export const path: Print = (tree, context) => {
  const text = textOf(tree);
  return text ? absolute(text, context) : undefined;
};

/** Where a build context is: a folder, or a URL that the builder fetches. */
export function contextAt(text: string, context: ModelContext): string {
  return text === '' || isRemoteContext(text) ? text : absolute(text, context);
}
