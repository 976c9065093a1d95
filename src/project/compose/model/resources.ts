import { at, entriesOf, isNull, type Tree } from '../../tree.ts';
import { flagOf, textOf } from '../scalars.ts';
import { mapping } from './pairs.ts';
import { absolute, path } from './paths.ts';
import { type Fields, flag, listOf, type Print, struct, text, unprinted, writtenFlag } from './print.ts';
import type { Json, JsonMap, ModelContext } from './types.ts';

/** Sections at the top of a file whose entries have a name of their own. */
export type Section = 'networks' | 'volumes' | 'secrets' | 'configs';

const external: Print = (tree) => tree.kind === 'table' || flagOf(tree) || undefined;

const common: Fields = { name: text, external, labels: mapping };

export const networkFields: Fields = {
  ...common,
  driver: text,
  driver_opts: mapping,
  ipam: struct({
    driver: text,
    config: listOf(struct({ subnet: text, gateway: text, ip_range: text, aux_addresses: mapping })),
    options: unprinted,
  }),
  internal: flag,
  attachable: flag,
  enable_ipv4: writtenFlag,
  enable_ipv6: writtenFlag,
};

export const volumeFields: Fields = { ...common, driver: text, driver_opts: mapping };

export const secretFields: Fields = {
  ...common,
  file: path,
  environment: text,
  driver: text,
  driver_opts: mapping,
  template_driver: text,
};

export const configFields: Fields = { ...common, file: path, environment: text, content: text, template_driver: text };

const printers: Readonly<Record<Section, Print>> = {
  networks: struct(networkFields, { ipam: {} }),
  volumes: struct(volumeFields),
  secrets: struct(secretFields),
  configs: struct(configFields),
};

/** One entry of a section, with the name that it has for the engine. */
export function resource(section: Section, key: string, tree: Tree, context: ModelContext): JsonMap {
  const printed = (isNull(tree) ? empty[section] : (printers[section](tree, context) as JsonMap)) ?? {};
  const { content, ...rest } = printed;
  const kept = section === 'configs' && at(tree, 'environment') ? rest : printed;
  const isBind =
    section === 'volumes' && printed['driver'] === 'local' && textOf(at(tree, 'driver_opts', 'o')) === 'bind';
  return {
    ...nameOf(key, tree, context),
    ...kept,
    ...(isBind ? { driver_opts: withDevice(printed['driver_opts'] as JsonMap, context) } : {}),
  };
}

const empty: Readonly<Record<Section, JsonMap>> = { networks: { ipam: {} }, volumes: {}, secrets: {}, configs: {} };

function nameOf(key: string, tree: Tree, { name }: ModelContext): JsonMap {
  const written = at(tree, 'name');
  if (written && !isNull(written)) return {};
  const foreign = at(tree, 'external');
  const older = textOf(at(foreign, 'name'));
  if (older) return { name: older };
  const isExternal = foreign && (foreign.kind === 'table' || flagOf(foreign));
  return { name: isExternal ? key : `${name}_${key}` };
}

/** A volume that is a folder of the machine in truth. */
function withDevice(options: JsonMap, context: ModelContext): Json {
  const { device } = options;
  return typeof device === 'string' ? { ...options, device: absolute(device, context) } : options;
}

/** The entries of a section that the services use; those that are not defined are left out. */
export function used(section: Section, keys: ReadonlySet<string>, root: Tree, context: ModelContext): Json | undefined {
  const entries = entriesOf(at(root, section));
  const found = [...keys].flatMap((key): [string, Json][] => {
    const entry = entries.get(key);
    if (entry) return [[key, resource(section, key, entry.value, context)]];
    return section === 'networks' && key === 'default' ? [[key, { name: `${context.name}_default`, ipam: {} }]] : [];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
