import { at, entriesOf, type Scalar, type Tree } from '../../tree.ts';
import { isActive } from '../profiles.ts';
import { isWrittenNumber, numberOf } from '../scalars.ts';
import { timestampOf } from '../timestamp.ts';
import { type Section, used } from './resources.ts';
import { service } from './service.ts';
import type { ComposeModel, Json, JsonMap, ModelContext } from './types.ts';

/**
 * The canonical form of a merged tree with its variables filled in, whose shape has been checked. Pure: what
 * stands in files comes in through the context.
 */
export function canonicalModel(tree: Tree, context: ModelContext): ComposeModel {
  const active = [...entriesOf(at(tree, 'services'))].filter(([, { value }]) => isActive(value, context.profiles));
  const services = Object.fromEntries(active.map(([name, { value }]) => [name, service(name, value, context)]));
  const sections = (['networks', 'volumes', 'secrets', 'configs'] as const).flatMap((section): [string, Json][] => {
    const printed = used(section, usedKeys(section, Object.values(services)), tree, context);
    return printed === undefined ? [] : [[section, printed]];
  });
  const extensions = [...entriesOf(tree)].filter(([key]) => key.startsWith('x-'));
  return {
    ...Object.fromEntries(extensions.map(([key, { value }]) => [key, asWritten(value)])),
    name: context.name,
    services,
    ...Object.fromEntries(sections),
  };
}

/** The text that `docker compose config --format json` prints, but for the order of keys: every `$` is doubled. */
export function composeJson(model: ComposeModel): string {
  return JSON.stringify(model, undefined, 2).replaceAll('$', '$$$$');
}

function usedKeys(section: Section, services: readonly JsonMap[]): ReadonlySet<string> {
  return new Set(services.flatMap((each) => keysIn(section, each)));
}

function keysIn(section: Section, printed: JsonMap): readonly string[] {
  const sources = (list: Json | undefined) =>
    ((list ?? []) as readonly JsonMap[]).flatMap(({ source }) => (typeof source === 'string' ? source : []));
  switch (section) {
    case 'networks':
      return Object.keys(printed['networks'] ?? {});
    case 'volumes':
      return sources(((printed['volumes'] ?? []) as readonly JsonMap[]).filter(({ type }) => type === 'volume'));
    case 'secrets':
      return [...sources(printed['secrets']), ...sources((printed['build'] as JsonMap | undefined)?.['secrets'])];
    case 'configs':
      return sources(printed['configs']);
  }
}

/** A value behind an `x-` key. */
function asWritten(tree: Tree): Json {
  if (tree.kind === 'list') return tree.items.map(asWritten);
  if (tree.kind === 'scalar') return scalar(tree);
  return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, asWritten(value)]));
}

function scalar(tree: Scalar): Json {
  if (isWrittenNumber(tree)) return numberOf(tree) ?? tree.value;
  return timestampOf(tree) ?? tree.value;
}
