import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { sourceOf } from '../text-file.ts';
import { at, entriesOf, isNull, itemsOf, type Tree } from '../tree.ts';
import type { Build, ContainerTraits, UnreadKey } from '../types.ts';
import { isRemoteContext, pathFrom } from './paths.ts';
import { textOf } from './scalars.ts';
import { byteSize } from './units.ts';

/** `build` with its folder; undefined where there is none. Relative paths start from `dir`. */
export function buildOf(service: Tree, dir: string): Build | undefined {
  const build = at(service, 'build');
  if (!build || isNull(build)) return undefined;
  const written = textOf(build.kind === 'scalar' ? build : at(build, 'context')) || '.';
  const isRemote = isRemoteContext(written);
  const context = isRemote ? written : pathFrom(dir, written);
  const dockerfile = textOf(at(build, 'dockerfile'));
  const hasDockerfile =
    isRemote ||
    textOf(at(build, 'dockerfile_inline')) !== undefined ||
    existsSync(resolve(context, dockerfile ?? 'Dockerfile'));
  return { context, ...(dockerfile === undefined ? {} : { dockerfile }), hasDockerfile };
}

/** What only a container runtime asks; `root` is the whole file, for the definitions of configs and secrets. */
export function containerOf(service: Tree, root: Tree): ContainerTraits {
  const name = textOf(at(service, 'container_name'));
  const networkMode = textOf(at(service, 'network_mode'));
  const restart = textOf(at(service, 'restart'));
  const memory = textOf(at(service, 'mem_limit')) ?? textOf(at(service, 'deploy', 'resources', 'limits', 'memory'));
  const memoryLimit = memory === undefined ? undefined : byteSize(memory);
  return {
    ...(name === undefined ? {} : { name }),
    networks: networksOf(service, networkMode),
    ...(networkMode === undefined ? {} : { networkMode }),
    ...(restart === undefined ? {} : { restart }),
    needsCompose: needsCompose(service, root),
    ...(memoryLimit ? { memoryLimit } : {}),
  };
}

function networksOf(service: Tree, networkMode: string | undefined): readonly string[] {
  const networks = at(service, 'networks');
  const names = [...entriesOf(networks).keys(), ...itemsOf(networks).flatMap((item) => textOf(item) ?? [])];
  if (names.length > 0) return [...new Set(names)];
  return networkMode !== undefined || at(service, 'provider') ? [] : ['default'];
}

/** Keys whose work Compose does itself, before or after the engine starts the container. */
const composesOwn = ['post_start', 'pre_stop', 'provider', 'models', 'use_api_socket'];

function needsCompose(service: Tree, root: Tree): boolean {
  if (composesOwn.some((key) => isWritten(at(service, key)))) return true;
  return (['configs', 'secrets'] as const).some((kind) =>
    itemsOf(at(service, kind)).some((item) => {
      const definition = at(root, kind, textOf(item.kind === 'table' ? at(item, 'source') : item) ?? '');
      return at(definition, 'content') !== undefined || at(definition, 'environment') !== undefined;
    }),
  );
}

function isWritten(tree: Tree | undefined): boolean {
  if (!tree || isNull(tree)) return false;
  if (tree.kind === 'scalar') return tree.value !== false;
  return tree.kind === 'list' ? tree.items.length > 0 : tree.entries.size > 0;
}

/** What a program finds in its container and would look for in vain as a process of the machine. */
const containersOnly = [
  'configs',
  'secrets',
  'devices',
  'extra_hosts',
  'gpus',
  'models',
  'post_start',
  'pre_stop',
  'volumes_from',
];

/** Keys that matter to the program and that a process does not get. */
export function unreadKeys(service: Tree): readonly UnreadKey[] {
  return containersOnly.flatMap((key) => {
    const entry = entriesOf(service).get(key);
    return entry && isWritten(entry.value) ? [{ key, source: sourceOf(entry.keyAt) }] : [];
  });
}
