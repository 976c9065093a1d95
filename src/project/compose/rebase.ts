import type { List, Scalar, Table, Tree } from '../tree.ts';
import { at } from '../tree.ts';
import { absolutePath, isRemoteContext } from './paths.ts';
import { textOf } from './scalars.ts';

type Change = (tree: Tree) => Tree;

/** Makes the paths of a service absolute: they were written relative to `dir`. */
export function rebaseService(service: Tree, dir: string): Tree {
  const path = text((value) => absolutePath(dir, value));
  const context = text((value) => (isRemoteContext(value) ? value : absolutePath(dir, value)));
  const build: Change = (tree) =>
    tree.kind === 'scalar' ? context(tree) : inTable(tree, { context, additional_contexts: eachPair(context) });
  return inTable(service, {
    build,
    env_file: listed((item) => (item.kind === 'table' ? inTable(item, { path }) : path(item))),
    label_file: listed(path),
    volumes: listed((item) => mount(item, dir)),
    develop: (tree) => inTable(tree, { watch: listed((rule) => inTable(rule, { path })) }),
  });
}

/** Makes the paths of a whole file absolute. */
export function rebaseFile(file: Tree, dir: string): Tree {
  const path = text((value) => absolutePath(dir, value));
  const source: Change = (tree) => inTable(tree, { file: path });
  return inTable(file, {
    services: each((service) => rebaseService(inTable(service, { build: withContext }), dir)),
    configs: each(source),
    secrets: each(source),
    volumes: each((volume) =>
      textOf(at(volume, 'driver')) === 'local' && textOf(at(volume, 'driver_opts', 'o')) === 'bind'
        ? inTable(volume, { driver_opts: (tree) => inTable(tree, { device: path }) })
        : volume,
    ),
  });
}

/** A map without a context means the folder of its file. */
function withContext(build: Tree): Tree {
  if (build.kind !== 'table' || at(build, 'context')) return build;
  const value: Scalar = { kind: 'scalar', value: '.', raw: '.', isPlain: false, at: build.at };
  return { ...build, entries: new Map(build.entries).set('context', { keyAt: build.at, value }) };
}

/** A folder of the machine begins with a dot; other short sources are names of volumes or absolute already. */
function mount(item: Tree, dir: string): Tree {
  if (item.kind === 'table')
    return textOf(at(item, 'type')) === 'bind'
      ? inTable(item, { source: text((value) => absolutePath(dir, value)) })
      : item;
  return text((value) => {
    const cut = value.indexOf(':');
    return value.startsWith('.') && cut !== -1 ? `${absolutePath(dir, value.slice(0, cut))}${value.slice(cut)}` : value;
  })(item);
}

function text(change: (text: string) => string): Change {
  return (tree) => {
    const before = textOf(tree);
    if (tree.kind !== 'scalar' || before === undefined || before === '') return tree;
    const after = change(before);
    return after === before ? tree : { ...tree, value: after, raw: after, isPlain: false };
  };
}

function inTable(tree: Tree, changes: Readonly<Record<string, Change>>): Tree {
  if (tree.kind !== 'table') return tree;
  const entries = new Map(tree.entries);
  for (const [key, change] of Object.entries(changes)) {
    const entry = entries.get(key);
    if (entry) entries.set(key, { ...entry, value: change(entry.value) });
  }
  return { ...tree, entries } satisfies Table;
}

function each(change: Change): Change {
  return (tree) => {
    if (tree.kind !== 'table') return tree;
    const entries = [...tree.entries].map(([key, entry]) => [key, { ...entry, value: change(entry.value) }] as const);
    return { ...tree, entries: new Map(entries) };
  };
}

/** `NAME=value` in a list, or a map. */
function eachPair(change: Change): Change {
  return (tree) => {
    if (tree.kind === 'list')
      return listed(
        text((pair) => {
          const cut = pair.indexOf('=');
          const value = change({ kind: 'scalar', value: pair.slice(cut + 1), raw: '', isPlain: false, at: tree.at });
          return cut === -1 ? pair : `${pair.slice(0, cut)}=${textOf(value)}`;
        }),
      )(tree);
    return each(change)(tree);
  };
}

/** Every item of a list, or the one value that stands for a list. */
function listed(change: Change): Change {
  return (tree) => (tree.kind === 'list' ? ({ ...tree, items: tree.items.map(change) } satisfies List) : change(tree));
}
