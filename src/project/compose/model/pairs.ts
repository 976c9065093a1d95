import { isNull, type Tree } from '../../tree.ts';
import { textOf } from '../scalars.ts';
import { filled, type Print } from './print.ts';
import type { Json } from './types.ts';

type Pair = readonly [name: string, value: string | undefined];

/** `NAME=value` in a list, or a map; undefined where a name stands without a value. */
export function pairsOf(tree: Tree | undefined): readonly Pair[] {
  if (tree?.kind === 'table')
    return [...tree.entries].map(([name, { value }]) => [name, isNull(value) ? undefined : (textOf(value) ?? '')]);
  if (tree?.kind !== 'list') return [];
  return tree.items.map((item) => {
    const [name, ...rest] = (textOf(item) ?? '').split('=');
    return [name ?? '', rest.length === 0 ? undefined : rest.join('=')];
  });
}

export function mapIfAny(entries: Iterable<readonly [string, Json]>): Json | undefined {
  const map = Object.fromEntries(entries);
  return Object.keys(map).length === 0 ? undefined : map;
}

/** Names with texts; no value is an empty one. */
export const mapping: Print = (tree) => mapIfAny(pairsOf(tree).map(([name, value]) => [name, value ?? '']));

/** Names with texts; no value stays none. */
export const variables: Print = (tree) => mapIfAny(pairsOf(tree).map(([name, value]) => [name, value ?? null]));

/** Names without a value take it from the caller, or are left out. */
export const buildArgs: Print = (tree, { lookup }) =>
  mapIfAny(
    pairsOf(tree).flatMap(([name, value]): [string, Json][] => {
      const known = value ?? lookup(name);
      return known === undefined ? [] : [[name, known]];
    }),
  );

/** `name=address` in the order of the alphabet. */
export const hosts: Print = (tree) => {
  const found: string[] = [];
  const add = (name: string, address: string) => found.push(`${name}=${address.replace(/^\[(.+)\]$/, '$1')}`);
  if (tree.kind === 'table')
    for (const [name, { value }] of tree.entries)
      for (const each of value.kind === 'list' ? value.items : [value]) add(name, textOf(each) ?? '');
  if (tree.kind === 'list')
    for (const item of tree.items) {
      const text = textOf(item) ?? '';
      const cut = text.includes('=') ? text.indexOf('=') : text.indexOf(':');
      for (const address of text.slice(cut + 1).split(',')) add(text.slice(0, cut), address);
    }
  // Go compares bytes
  return filled(found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
};

/** What may be given more than once, as lists; an empty one is none. */
export const manyOptions: Print = (tree) => {
  if (tree.kind !== 'table') return undefined;
  return mapIfAny(
    [...tree.entries].flatMap(([name, { value }]): [string, Json][] => {
      const all = (value.kind === 'list' ? value.items : [value]).map((each) => textOf(each) ?? '');
      return all.length === 0 ? [] : [[name, all]];
    }),
  );
};
