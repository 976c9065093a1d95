import { resolve } from 'node:path';
import { at, entriesOf, isNull, itemsOf, type Tree } from '../tree.ts';
import { splitWords } from '../words.ts';
import type { Context } from './context.ts';
import { textOf } from './scalars.ts';

/** What a service says between the lines: camp acts on none of it, but reads from it where the service speaks HTTP. */
export interface Hints {
  readonly labels?: Readonly<Record<string, string>>;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly buildTarget?: string;
  /** The text of `dockerfile_inline`. */
  readonly dockerfile?: string;
  /** `entrypoint` and `command`, in words. */
  readonly command?: readonly string[];
  /** The words of `healthcheck.test`. */
  readonly healthTest?: string;
  readonly networkMode?: string;
  /** `container_name`, `hostname`, and aliases on networks: other names that reach it. */
  readonly aliases?: readonly string[];
  readonly mounts?: readonly { readonly source: string; readonly target: string }[];
}

/** What a service says about itself between the lines; undefined where it says nothing. */
export function hintsOf(service: Tree, context: Context): Hints | undefined {
  const build = at(service, 'build');
  const labels = { ...pairsOf(at(service, 'deploy', 'labels')), ...pairsOf(at(service, 'labels')) };
  const args = pairsOf(at(build, 'args'));
  const command = [...wordsOf(at(service, 'entrypoint')), ...wordsOf(at(service, 'command'))];
  const test = wordsOf(at(service, 'healthcheck', 'test'));
  const aliases = aliasesOf(service);
  const mounts = mountsOf(service, context);
  const target = textOf(at(build, 'target'));
  const dockerfile = textOf(at(build, 'dockerfile_inline'));
  const networkMode = textOf(at(service, 'network_mode'));
  const hints: Hints = {
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
    ...(Object.keys(args).length > 0 ? { buildArgs: args } : {}),
    ...(target ? { buildTarget: target } : {}),
    ...(dockerfile ? { dockerfile } : {}),
    ...(command.length > 0 ? { command } : {}),
    ...(test.length > 0 ? { healthTest: test.join(' ') } : {}),
    ...(networkMode ? { networkMode } : {}),
    ...(aliases.length > 0 ? { aliases } : {}),
    ...(mounts.length > 0 ? { mounts } : {}),
  };
  return Object.keys(hints).length > 0 ? hints : undefined;
}

/** A map, or a list of `name=value`. */
function pairsOf(tree: Tree | undefined): Readonly<Record<string, string>> {
  const pairs = Object.create(null) as Record<string, string>;
  for (const [name, { value }] of entriesOf(tree)) pairs[name] = textOf(value) ?? '';
  for (const item of itemsOf(tree)) {
    const text = textOf(item) ?? '';
    const equals = text.indexOf('=');
    pairs[equals === -1 ? text : text.slice(0, equals)] = equals === -1 ? '' : text.slice(equals + 1);
  }
  return pairs;
}

function wordsOf(tree: Tree | undefined): readonly string[] {
  if (!tree || isNull(tree)) return [];
  if (tree.kind === 'list') return tree.items.map((item) => textOf(item) ?? '');
  const line = textOf(tree) ?? '';
  return splitWords(line) ?? line.split(/\s+/);
}

/** Other names that the service has on its networks. */
function aliasesOf(service: Tree): readonly string[] {
  const own = [at(service, 'container_name'), at(service, 'hostname')].map(textOf);
  const onNetworks = [...entriesOf(at(service, 'networks')).values()].flatMap(({ value }) =>
    itemsOf(at(value, 'aliases')).map(textOf),
  );
  return [...new Set([...own, ...onNetworks].filter((name) => name !== undefined && name !== ''))] as string[];
}

/** Files and folders of the project that are mounted, by their real source. */
function mountsOf(service: Tree, { dir }: Context): NonNullable<Hints['mounts']> {
  return itemsOf(at(service, 'volumes')).flatMap((mount) => {
    const [short = '', shortTarget = ''] = (textOf(mount) ?? '').split(':');
    const source = mount.kind === 'table' ? (textOf(at(mount, 'source')) ?? '') : short;
    const target = mount.kind === 'table' ? (textOf(at(mount, 'target')) ?? '') : shortTarget;
    if (!/^[./]/.test(source) || target === '') return [];
    return [{ source: resolve(dir, source), target }];
  });
}
