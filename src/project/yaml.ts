// The one door to the yaml library.

export type { Document, Node, Pair, YAMLError, YAMLMap } from 'yaml';
export { isisMap, isScalar, isSeq, parseAllDocuments, parseDocument } from 'yaml';
