import { at, type Tree } from '../tree.ts';
import { applyExtends } from './extends.ts';
import { applyInclude } from './include.ts';
import type { Lookup } from './interpolate.ts';
import { mergeTrees, withoutMarks } from './merge.ts';
import { withoutRepeats } from './merge-rules.ts';
import type { OpenFile, Sources } from './sources.ts';

/** Where files stand that are merged with each other. */
export interface Standpoint {
  /** Absolute: their relative paths start here. */
  readonly dir: string;
  readonly lookup: Lookup;
  /** Paths of the files that include each other up to here. */
  readonly chain: readonly string[];
}

/**
 * Reads files into one tree: each document's variables, `extends` and `include`, then merged over what is before it,
 * in the order in which Compose 2.40 does it. Paths of included and extended files come out absolute.
 * Problems: those of the steps; they go to `sources`.
 */
export function assemble(files: readonly OpenFile[], standpoint: Standpoint, sources: Sources): Tree | undefined {
  let whole: Tree | undefined;
  for (const file of files)
    for (const filled of sources.read(file, standpoint.lookup)) {
      const extended = applyExtends(filled, file.path, standpoint, sources);
      const document = at(extended, 'include') ? applyInclude(extended, file.path, standpoint, sources) : extended;
      const merged = whole ? mergeTrees(whole, document) : document;
      whole = sources.hasMarks ? withoutMarks(merged) : merged;
    }
  return whole && withoutRepeats(whole);
}
