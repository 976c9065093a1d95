import { mapOf, type Print, struct, whole } from './print.ts';

const both = struct({ soft: whole, hard: whole });

/** A number, or one for each of soft and hard; 0 for both is printed as an empty map. */
export const ulimits: Print = mapOf((tree, context) =>
  tree.kind === 'table' ? both(tree, context) : (whole(tree, context) ?? {}),
);
