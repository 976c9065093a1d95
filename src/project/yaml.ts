// The one door to the yaml library.
export { isAlias, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
export type { Document, Node, Pair, YAMLMap } from 'yaml';
