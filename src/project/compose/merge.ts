import { at, type Entry, isNull, itemsOf, type List, type Scalar, type Table, type Tree } from '../tree.ts';
import { distinct, fileRule, type MergeRule, type MergeWay } from './merge-rules.ts';
import { textOf } from './scalars.ts';

/**
 * Merges a later tree over an earlier one as Compose merges files. `!override` replaces; `!reset` removes, and
 * its mark stays in the result until `withoutMarks`, so that it also removes from what is below that.
 */
export function mergeTrees(base: Tree, over: Tree, rule: MergeRule = fileRule): Tree {
  if (over.tag === '!override' || over.tag === '!reset') return over;
  if (rule.way) return ways[rule.way](base, over, rule);
  return plain(base, over, rule);
}

function plain(base: Tree, over: Tree, rule: MergeRule): Tree {
  if (isNull(over)) return base;
  if (base.kind === 'table' && over.kind === 'table') return mergeTables(base, over, rule);
  return base.kind === 'list' && over.kind === 'list' ? joined(base, over, rule) : over;
}

function mergeTables(base: Table, over: Table, rule: MergeRule): Table {
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const before = entries.get(key);
    const inner = rule.keys?.get(key) ?? rule.each ?? {};
    entries.set(key, before ? { keyAt: entry.keyAt, value: mergeTrees(before.value, entry.value, inner) } : entry);
  }
  return { ...over, entries };
}

function joined(base: List, over: List, rule: MergeRule): List {
  return { ...over, items: distinct([...base.items, ...over.items], rule.identity) };
}

type Way = (base: Tree, over: Tree, rule: MergeRule) => Tree;

const ways: Readonly<Record<MergeWay, Way>> = {
  replace: (_, over) => over,
  pairs: (base, over) => fromPairs(plain(asPairs(base), asPairs(over), { each: { way: 'replace' } })),
  names: (base, over, rule) => plain(asNames(base, nothing), asNames(over, nothing), rule),
  dependencies: (base, over, rule) => plain(asNames(base, started), asNames(over, started), rule),
  sequence: (base, over, rule) => plain(asList(base), asList(over), rule),
  build: (base, over, rule) => plain(asContext(base), asContext(over), rule),
  hosts: (base, over) => {
    const known = new Set(itemsOf(asHosts(base)).map(textOf));
    const later = asHosts(over);
    const fresh =
      later.kind === 'list' ? { ...later, items: later.items.filter((each) => !known.has(textOf(each))) } : later;
    return plain(asHosts(base), fresh, {});
  },
  driver: (base, over) => {
    const [before, after] = [at(base, 'driver'), at(over, 'driver')];
    return !before || !after || textOf(before) === textOf(after) || isNull(over) ? plain(base, over, {}) : over;
  },
  subnets: (base, over) => (base.kind === 'list' && over.kind === 'list' ? mergeSubnets(base, over) : over),
};

/**
 * The later blocks stand; one takes over what an earlier block of its subnet says beside. Where several earlier
 * ones are there Compose also mixes blocks of other subnets, and so does this.
 */
function mergeSubnets(base: List, over: List): List {
  const blocks = new Map<string | undefined, Tree>();
  const subnet = (block: Tree) => textOf(at(block, 'subnet'));
  for (const before of base.items)
    for (const after of over.items) {
      const isOther = subnet(before) !== subnet(after) && !blocks.has(subnet(after));
      blocks.set(subnet(after), isOther ? after : plain(before, after, {}));
    }
  return { ...over, items: [...blocks.values()] };
}

function asPairs(tree: Tree): Tree {
  if (tree.kind !== 'list') return tree;
  const entries = new Map<string, Entry>();
  for (const item of tree.items) {
    const text = textOf(item) ?? '';
    const equals = text.indexOf('=');
    const value = equals === -1 ? nothing(item) : written(text.slice(equals + 1), item);
    entries.set(equals === -1 ? text : text.slice(0, equals), { keyAt: item.at, value });
  }
  return { kind: 'table', entries, at: tree.at };
}

/** A list again, as Compose has it: a name alone in an included file takes its value from that file's variables. */
function fromPairs(tree: Tree): Tree {
  if (tree.kind !== 'table' || ![...tree.entries.values()].every(({ value }) => value.kind === 'scalar')) return tree;
  const items = [...tree.entries].flatMap(([name, { value }]) => {
    if (value.tag === '!reset') return [];
    const text = textOf(value);
    return written(text === undefined ? name : `${name}=${text}`, value);
  });
  return { kind: 'list', items, at: tree.at };
}

function asNames(tree: Tree, behind: (item: Tree) => Tree): Tree {
  if (tree.kind !== 'list') return tree;
  const entries = tree.items.map((item) => [textOf(item) ?? '', { keyAt: item.at, value: behind(item) }] as const);
  return { kind: 'table', entries: new Map(entries), at: tree.at };
}

function asList(tree: Tree): Tree {
  return tree.kind === 'scalar' && tree.value !== null ? { kind: 'list', items: [tree], at: tree.at } : tree;
}

function asContext(tree: Tree): Tree {
  if (tree.kind !== 'scalar' || tree.value === null) return tree;
  return { kind: 'table', at: tree.at, entries: new Map([['context', { keyAt: tree.at, value: tree }]]) };
}

/** `name=address` for each address. */
function asHosts(tree: Tree): Tree {
  if (tree.kind !== 'table') return tree;
  const items = [...tree.entries].flatMap(([host, { value }]) =>
    (value.kind === 'list' ? value.items : [value]).map((each) => written(`${host}=${textOf(each) ?? ''}`, each)),
  );
  return { kind: 'list', items, at: tree.at };
}

function written(text: string, { at: where }: Tree): Scalar {
  return { kind: 'scalar', value: text, raw: text, isPlain: false, at: where };
}

function nothing({ at: where }: Tree): Scalar {
  return { kind: 'scalar', value: null, raw: '', isPlain: true, at: where };
}

/** What a bare name in `depends_on` stands for. */
function started(item: Tree): Table {
  const condition = { keyAt: item.at, value: written('service_started', item) };
  return { kind: 'table', at: item.at, entries: new Map([['condition', condition]]) };
}

/** Removes what `!reset` marks, and the marks of `!override`, once all is merged that they were meant for. */
export function withoutMarks(tree: Tree): Tree {
  const { tag, ...bare } = tree;
  const plainTree = (tag === '!override' ? bare : tree) as Tree;
  switch (plainTree.kind) {
    case 'scalar':
      return plainTree;
    case 'list':
      return { ...plainTree, items: plainTree.items.map(withoutMarks) };
    case 'table': {
      const kept = [...plainTree.entries].filter(([, { value }]) => value.tag !== '!reset');
      const entries = kept.map(([key, entry]) => [key, { ...entry, value: withoutMarks(entry.value) }] as const);
      return { ...plainTree, entries: new Map(entries) };
    }
  }
}
