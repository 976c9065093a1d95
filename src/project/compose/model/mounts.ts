import { posix } from 'node:path';
import { at, type Tree } from '../../tree.ts';
import { parseMount } from '../mount.ts';
import { textOf } from '../scalars.ts';
import { modeText } from './numbers.ts';
import { mapping } from './pairs.ts';
import { absolute } from './paths.ts';
import { bytes, type Fields, filled, flag, listOf, type Print, struct, text, whole } from './print.ts';
import type { Json, JsonMap, ModelContext } from './types.ts';

export const mountFields: Fields = {
  type: text,
  source: (tree, context) => text(tree, context),
  target: (tree) => cleanTarget(textOf(tree) ?? ''),
  read_only: flag,
  consistency: text,
  bind: struct({ propagation: text, create_host_path: flag, recursive: text, selinux: text }),
  volume: struct({ labels: mapping, nocopy: flag, subpath: text }),
  tmpfs: struct({ size: bytes, mode: whole }),
  image: struct({ subpath: text }),
};
const longMount = struct(mountFields);

/** Go's path.Clean: no `.` and `..`, no slash twice, none at the end. */
function cleanTarget(target: string): string {
  return posix.normalize(target).replace(/(.)\/$/, '$1');
}

/** Of mounts on the same place the last one stays. */
export const mounts: Print = (tree, context) => {
  const found = new Map<string, JsonMap>();
  for (const item of tree.kind === 'list' ? tree.items : []) {
    const printed =
      item.kind === 'table' ? withSource(longMount(item, context) as JsonMap, context) : short(item, context);
    found.set(String(printed['target']), printed);
  }
  return filled([...found.values()]);
};

/** An empty source is the folder of the project. */
function withSource(mount: JsonMap, context: ModelContext): JsonMap {
  const { source = '' } = mount;
  return mount['type'] === 'bind' ? { ...mount, source: absolute(String(source), context) } : mount;
}

function short(item: Tree, context: ModelContext): JsonMap {
  const found = parseMount(textOf(item) ?? '');
  if ('why' in found) return {};
  const { kind, source, target, isReadOnly, isUncopied, propagation, selinux } = found;
  const place: JsonMap = {
    type: kind,
    ...(source === undefined ? {} : { source }),
    target: cleanTarget(target),
    ...(isReadOnly ? { read_only: true } : {}),
  };
  const bind = { ...(propagation ? { propagation } : {}), ...(selinux ? { selinux } : {}) };
  if (kind === 'bind') return withSource({ ...place, bind: { create_host_path: true, ...bind } }, context);
  // what Compose makes of one or two letters has no options
  if ((textOf(item) ?? '').length < 3) return place;
  const own = Object.keys(bind).length === 0 ? {} : { bind };
  return { ...place, ...own, volume: isUncopied ? { nocopy: true } : {} };
}

const mode: Print = (tree) => {
  if (tree.kind !== 'scalar') return undefined;
  const written = textOf(tree) ?? '';
  const value = typeof tree.value === 'number' ? Number(written) : Number.parseInt(written, 8);
  return Number.isNaN(value) ? undefined : modeText(value);
};

export const fileFields: Fields = { source: text, target: text, uid: text, gid: text, mode };
const longFile = struct(fileFields);

/** Configs, or secrets of a build; a bare name is its source. */
export const files: Print = listOf((item, context) =>
  item.kind === 'table' ? longFile(item, context) : { source: textOf(item) ?? '' },
);

/** A secret without a target lies in /run/secrets. */
export const secrets: Print = listOf((item, context) => {
  const source = textOf(item.kind === 'table' ? at(item, 'source') : item) ?? '';
  const target = { target: `/run/secrets/${source}` };
  return item.kind === 'table' ? { ...target, ...(longFile(item, context) as JsonMap) } : { source, ...target };
});

export const deviceFields: Fields = { source: text, target: text, permissions: text };
const longDevice = struct(deviceFields);

export const devices: Print = listOf((item, context): Json | undefined => {
  if (item.kind === 'table') return longDevice(item, context);
  const [source = '', target, permissions = 'rwm'] = (textOf(item) ?? '').split(':');
  return { source, target: target || source, ...(permissions ? { permissions } : {}) };
});
