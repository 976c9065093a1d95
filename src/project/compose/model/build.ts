import { at, entriesOf, itemsOf, type Tree } from '../../tree.ts';
import { textOf } from '../scalars.ts';
import { files } from './mounts.ts';
import { buildArgs, hosts, mapIfAny, mapping, pairsOf } from './pairs.ts';
import { contextAt } from './paths.ts';
import { bytes, type Fields, filled, flag, type Print, struct, text, texts } from './print.ts';
import type { JsonMap, ModelContext } from './types.ts';
import { ulimits } from './ulimits.ts';

const additionalContexts: Print = (tree, context) =>
  mapIfAny(pairsOf(tree).map(([name, value]) => [name, value === undefined ? '' : contextAt(value, context)]));

/** Ids of keys; Compose fails to print one that has a path. */
const ssh: Print = (tree) => filled([...entriesOf(tree).keys(), ...itemsOf(tree).map((item) => textOf(item) ?? '')]);

export const buildFields: Fields = {
  context: (tree, context) => contextAt(textOf(tree) ?? '', context) || undefined,
  dockerfile: text,
  dockerfile_inline: text,
  entitlements: texts,
  args: buildArgs,
  provenance: text,
  sbom: text,
  ssh,
  labels: mapping,
  cache_from: texts,
  cache_to: texts,
  no_cache: flag,
  additional_contexts: additionalContexts,
  pull: flag,
  extra_hosts: hosts,
  isolation: text,
  network: text,
  target: text,
  secrets: files,
  shm_size: bytes,
  tags: texts,
  ulimits,
  platforms: texts,
  privileged: flag,
};
const long = struct(buildFields);

export const build: Print = (tree, context) => {
  const text = textOf(tree);
  const short = text ? { context: contextAt(text, context) } : {};
  const printed = tree.kind === 'table' ? long(tree, context) : short;
  return withDefaults(tree, printed as JsonMap, context);
};

function withDefaults(tree: Tree, printed: JsonMap, { dir }: ModelContext): JsonMap {
  const hasFile = at(tree, 'dockerfile') !== undefined || at(tree, 'dockerfile_inline') !== undefined;
  const hasContext = tree.kind !== 'table' || at(tree, 'context') !== undefined;
  return { ...(hasContext ? {} : { context: dir }), ...(hasFile ? {} : { dockerfile: 'Dockerfile' }), ...printed };
}
