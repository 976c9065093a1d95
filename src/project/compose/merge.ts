import type { Entry, List, Scalar, Table, Tree } from '../tree.ts';
import { textOf } from './scalars.ts';

/** Keys of a service whose later value replaces the whole earlier one (compose-spec, 13-merge, exceptions). */
const replaced: ReadonlySet<string> = new Set(['command', 'entrypoint', 'test']);
/** Lists of `NAME=value` that merge like maps. */
const pairs: ReadonlySet<string> = new Set([
  'environment',
  'labels',
  'annotations',
  'args',
  'sysctls',
  'extra_hosts',
  'additional_contexts',
]);
/** Lists of names that merge with maps of the same names. */
const named: ReadonlySet<string> = new Set(['depends_on', 'networks', 'models']);

/**
 * Merges a later tree over an earlier one as Compose merges files (compose-spec, 13-merge): maps by key,
 * lists one behind the other without repeats, the rest replaced; `!reset` removes, `!override` replaces.
 */
export function mergeTrees(base: Tree, over: Tree, key = ''): Tree {
  if (over.tag === '!override' || replaced.has(key)) return over;
  if (base.kind === 'scalar' || over.kind === 'scalar') return mergeScalars(base, over, key);
  if (pairs.has(key)) return mergeTables(asPairs(base), asPairs(over), key);
  if (named.has(key))
    return base.kind === 'list' && over.kind === 'list'
      ? mergeLists(base, over, key)
      : mergeTables(asNames(base, key), asNames(over, key), key);
  if (base.kind === 'list' && over.kind === 'list') return mergeLists(base, over, key);
  return base.kind === 'table' && over.kind === 'table' ? mergeTables(base, over, key) : over;
}

/** A bare `build: ./api` merges with a map as its context; null keeps what is there. */
function mergeScalars(base: Tree, over: Tree, key: string): Tree {
  if (over.kind === 'scalar' && over.value === null && base.kind !== 'scalar') return base;
  const short = ({ build: 'context', extends: 'service' } as Readonly<Record<string, string>>)[key];
  if (short && base.kind === 'scalar' && over.kind === 'table') return mergeTables(wrap(base, short), over, key);
  if (short && over.kind === 'scalar' && base.kind === 'table') return mergeTables(base, wrap(over, short), key);
  return over;
}

function wrap(value: Scalar, key: string): Table {
  return { kind: 'table', at: value.at, entries: new Map([[key, { keyAt: value.at, value }]]) };
}

function mergeTables(base: Table, over: Table, _key: string): Table {
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const before = entries.get(key);
    if (entry.value.tag === '!reset') entries.delete(key);
    else entries.set(key, before ? { keyAt: entry.keyAt, value: mergeTrees(before.value, entry.value, key) } : entry);
  }
  return { ...over, entries };
}

function mergeLists(base: List, over: List, key: string): List {
  const identity = identities[key] ?? plainIdentity;
  const items = new Map<string, Tree>();
  for (const item of [...base.items, ...over.items]) items.set(identity(item) ?? `#${items.size}`, item);
  return { ...over, items: [...items.values()] };
}

function plainIdentity(item: Tree): string | undefined {
  const text = textOf(item);
  return text === undefined ? undefined : `=${text}`;
}

/** A mount is its target, a secret or config its name: a later one takes the place of the earlier. */
const identities: Readonly<Record<string, (item: Tree) => string | undefined>> = {
  volumes: (item) => textOf(entry(item, 'target')) ?? mountTarget(textOf(item)) ?? plainIdentity(item),
  secrets: (item) => textOf(entry(item, 'source')) ?? textOf(item),
  configs: (item) => textOf(entry(item, 'source')) ?? textOf(item),
};

function mountTarget(short: string | undefined): string | undefined {
  const [source, target] = short?.split(':') ?? [];
  return target ?? source;
}

function entry(tree: Tree, key: string): Tree | undefined {
  return tree.kind === 'table' ? tree.entries.get(key)?.value : undefined;
}

function asPairs(tree: List | Table): Table {
  if (tree.kind === 'table') return tree;
  const entries = new Map<string, Entry>();
  for (const item of tree.items) {
    const text = textOf(item) ?? '';
    const equals = text.indexOf('=');
    const value: Scalar = {
      kind: 'scalar',
      value: equals === -1 ? null : text.slice(equals + 1),
      raw: text,
      isPlain: false,
      at: item.at,
    };
    entries.set(equals === -1 ? text : text.slice(0, equals), { keyAt: item.at, value });
  }
  return { kind: 'table', entries, at: tree.at };
}

function asNames(tree: List | Table, key: string): Table {
  if (tree.kind === 'table') return tree;
  const entries = new Map<string, Entry>();
  for (const item of tree.items) entries.set(textOf(item) ?? '', { keyAt: item.at, value: nameOnly(item, key) });
  return { kind: 'table', entries, at: tree.at };
}

/** What a bare name stands for in the long form. */
function nameOnly(item: Tree, key: string): Tree {
  if (key !== 'depends_on') return { kind: 'scalar', value: null, raw: '', isPlain: true, at: item.at };
  const value: Scalar = {
    kind: 'scalar',
    value: 'service_started',
    raw: 'service_started',
    isPlain: true,
    at: item.at,
  };
  return { kind: 'table', at: item.at, entries: new Map([['condition', { keyAt: item.at, value }]]) };
}
