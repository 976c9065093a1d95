import { at, itemsOf, type Tree } from '../tree.ts';
import { parseMount } from './mount.ts';
import { parsePorts } from './ports.ts';
import { textOf } from './scalars.ts';

/**
 * How values of one place in a compose file merge (compose-spec, 13-merge; where it is silent, what
 * Compose 2.40 does). Without a way: maps by key, lists one behind the other, the rest replaced.
 */
export interface MergeRule {
  readonly way?: MergeWay;
  /** In a list: of items with the same identity the last one stays, in the place of the first. */
  readonly identity?: (item: Tree) => string | undefined;
  readonly keys?: ReadonlyMap<string, MergeRule>;
  /** For every value of a map whose keys the author chose. */
  readonly each?: MergeRule;
}

export type MergeWay =
  /** The later value stands alone, also when it is empty. */
  | 'replace'
  /** `NAME=value` lists and maps, by name. */
  | 'pairs'
  /** A list of names is a map of names with nothing, or with defaults, behind them. */
  | 'names'
  | 'dependencies'
  /** One text is a list of one. */
  | 'sequence'
  /** A bare text is the `context` of a map. */
  | 'build'
  | 'hosts'
  /** Maps by key where both have the same driver, else the later one. */
  | 'driver'
  /** The blocks of addresses of a network, by `subnet`. */
  | 'subnets';

const name = (item: Tree) => textOf(item)?.split('=')[0];
const whole = (item: Tree) => textOf(item);
const pathOf = (item: Tree) => textOf(item.kind === 'table' ? at(item, 'path') : item);
const target = (item: Tree) => (item.kind === 'table' ? textOf(at(item, 'target')) : mountTarget(textOf(item) ?? ''));
const device = (item: Tree) => {
  if (item.kind === 'table') return textOf(at(item, 'target'));
  const [source, inside] = (textOf(item) ?? '').split(':');
  return inside ?? source;
};
const fileIn = (folder: string) => (item: Tree) => {
  if (item.kind !== 'table') return `${folder}/${textOf(item)}`;
  return textOf(at(item, 'target')) ?? `${folder}/${textOf(at(item, 'source'))}`;
};

/** Where a mount in short form stands in the container. */
function mountTarget(text: string): string | undefined {
  const mount = parseMount(text);
  return 'target' in mount ? mount.target : undefined;
}

/** Two ways to write one port are one port. */
function port(item: Tree): string | undefined {
  if (item.kind === 'table') {
    const [published, container] = [textOf(at(item, 'published')), textOf(at(item, 'target'))];
    const address = textOf(at(item, 'host_ip')) ?? '0.0.0.0';
    return `${address}:${published ?? ''}:${container}/${textOf(at(item, 'protocol')) ?? 'tcp'}`;
  }
  const text = textOf(item);
  // what is no port is like no other
  if (!text) return undefined;
  const found = parsePorts(text);
  if ('why' in found || found.length !== 1 || /-/.test(text)) return text;
  const [{ address = '0.0.0.0', host = '', container } = { container: 0 }] = found;
  return `${address}:${host}:${container}/${text.split('/')[1]?.toLowerCase() ?? 'tcp'}`;
}

const keys = (rules: Readonly<Record<string, MergeRule>>) => new Map(Object.entries(rules));
const pairs: MergeRule = { way: 'pairs', identity: name };
const replaced: MergeRule = { way: 'replace' };
const names: MergeRule = { identity: name };

export const serviceRule: MergeRule = {
  keys: keys({
    annotations: pairs,
    build: {
      way: 'build',
      keys: keys({
        args: pairs,
        additional_contexts: pairs,
        extra_hosts: { way: 'hosts' },
        labels: pairs,
        tags: names,
      }),
    },
    cap_add: names,
    cap_drop: names,
    command: replaced,
    configs: { identity: fileIn('') },
    depends_on: { way: 'dependencies' },
    deploy: { keys: keys({ labels: pairs }) },
    devices: { identity: device },
    dns: { way: 'sequence', identity: name },
    dns_opt: { way: 'sequence', identity: name },
    dns_search: { way: 'sequence', identity: name },
    entrypoint: replaced,
    env_file: { way: 'sequence', identity: pathOf },
    environment: pairs,
    expose: { identity: whole },
    extra_hosts: { way: 'hosts' },
    healthcheck: { keys: keys({ test: replaced }) },
    label_file: { way: 'sequence' },
    labels: pairs,
    links: names,
    logging: { way: 'driver' },
    models: { way: 'names' },
    networks: { way: 'names', each: { keys: keys({ aliases: names, link_local_ips: names }) } },
    ports: { identity: port },
    profiles: names,
    secrets: { identity: fileIn('/run/secrets') },
    sysctls: pairs,
    tmpfs: { way: 'sequence', identity: name },
    ulimits: { each: replaced },
    volumes: { identity: target },
  }),
};

export const fileRule: MergeRule = {
  keys: keys({
    services: { each: serviceRule },
    networks: { each: { keys: keys({ labels: pairs, ipam: { keys: keys({ config: { way: 'subnets' } }) } }) } },
    volumes: { each: { keys: keys({ labels: pairs }) } },
  }),
};

/** Of items with the same identity only the last one, in the place of the first; the same list where all differ. */
export function distinct(items: readonly Tree[], identity: MergeRule['identity']): readonly Tree[] {
  if (!identity || items.length < 2) return items;
  const found = new Map<string, Tree>();
  for (const item of items) found.set(identity(item) ?? `#${found.size}`, item);
  return found.size === items.length ? items : [...found.values()];
}

/** What Compose does to every file, also to one alone: no list names the same thing twice. */
export function withoutRepeats(tree: Tree, rule: MergeRule = fileRule): Tree {
  if (tree.kind === 'scalar') return tree;
  if (tree.kind === 'list') {
    const items = distinct(itemsOf(tree), rule.identity);
    return items === tree.items ? tree : { ...tree, items };
  }
  if (!rule.keys && !rule.each) return tree;
  let entries: typeof tree.entries | undefined;
  for (const [key, entry] of tree.entries) {
    const inner = rule.keys?.get(key) ?? rule.each;
    const value = inner ? withoutRepeats(entry.value, inner) : entry.value;
    if (value !== entry.value) entries = new Map(entries ?? tree.entries).set(key, { ...entry, value });
  }
  return entries ? { ...tree, entries } : tree;
}
