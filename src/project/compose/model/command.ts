import { isNull } from '../../tree.ts';
import { commandWords } from '../command-words.ts';
import { textOf } from '../scalars.ts';
import type { Print } from './print.ts';

/** Words; null where nothing is written. */
export const command: Print = (tree) => {
  if (tree.kind === 'list') return tree.items.map((item) => textOf(item) ?? '');
  return isNull(tree) ? null : (commandWords(textOf(tree) ?? '') ?? []);
};
