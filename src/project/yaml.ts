// The one door to the yaml library.

export type { Document, Node, Pair, YAMLError, YAMLMap } from 'yaml';
export { isAlias, isMap, isScalar, isSeq, parseAllDocuments, parseDocument } from 'yaml';
