import { isIP } from 'node:net';
import { posix } from 'node:path';
import type { Problem } from '../../kit/failure.ts';
import { problemAt } from '../text-file.ts';
import { at, entriesOf, isNull, itemsOf, type Tree } from '../tree.ts';
import { parseMount } from './mount.ts';
import { flagOf, numberOf, textOf } from './scalars.ts';
import { byteSize } from './units.ts';

/** Something of one service that is wrong, without the name of the service. */
interface Conflict {
  readonly tree: Tree;
  readonly message: string;
  readonly hint: string;
}

/** What Compose refuses although each key by itself is right (compose-go, checkConsistency). Problem: INVALID_VALUE. */
export function checkConflicts(name: string, service: Tree): readonly Problem[] {
  return [
    ...wrongNetworks(service),
    ...wrongNames(service),
    ...wrongBuild(service),
    ...wrongLimits(service),
    ...wrongMounts(service),
    ...wrongPorts(service),
    ...wrongDevices(service),
  ].map(({ tree, message, hint }) => problemAt(tree.at, 'INVALID_VALUE', `service "${name}": ${message}`, hint));
}

function* wrongNetworks(service: Tree): Generator<Conflict> {
  const tree = at(service, 'network_mode');
  const networks = at(service, 'networks');
  if (tree && textOf(tree) !== undefined && (entriesOf(networks).size > 0 || itemsOf(networks).length > 0))
    yield { tree, message: 'network_mode and networks exclude each other', hint: 'remove one of the two' };
}

function* wrongNames(service: Tree): Generator<Conflict> {
  const tree = at(service, 'container_name');
  const text = textOf(tree);
  if (!tree || !text) return;
  if ((numberOf(at(service, 'scale')) ?? numberOf(at(service, 'deploy', 'replicas')) ?? 1) > 1)
    yield { tree, message: 'several replicas cannot share one container_name', hint: 'remove container_name' };
}

function* wrongBuild(service: Tree): Generator<Conflict> {
  const tree = at(service, 'build', 'dockerfile_inline');
  if (tree && textOf(tree) && textOf(at(service, 'build', 'dockerfile')))
    yield { tree, message: 'dockerfile and dockerfile_inline exclude each other', hint: 'remove one of the two' };
  const own = at(service, 'platform');
  const platforms = itemsOf(at(service, 'build', 'platforms')).map(textOf);
  if (own && textOf(own) && platforms.length > 0 && !platforms.includes(textOf(own))) {
    const message = `platform ${textOf(own)} is none of build.platforms`;
    yield { tree: own, message, hint: `add ${textOf(own)} to build.platforms` };
  }
}

/** A limit of the service and the path below `deploy.resources` that says the same. */
const limits = [
  ['cpus', 'limits', 'cpus', numberOf],
  ['mem_limit', 'limits', 'memory', sizeOf],
  ['mem_reservation', 'reservations', 'memory', sizeOf],
  ['pids_limit', 'limits', 'pids', numberOf],
] as const;

function sizeOf(tree: Tree | undefined): number | undefined {
  return byteSize(textOf(tree) ?? '') ?? numberOf(tree);
}

/** Where deploy has a list of limits, what it leaves out counts as 0. */
function* wrongLimits(service: Tree): Generator<Conflict> {
  for (const [key, section, inner, read] of limits) {
    const tree = at(service, key);
    const others = at(service, 'deploy', 'resources', section);
    const own = read(tree);
    if (!tree || !own || !others || isNull(others)) continue;
    const other = at(others, inner);
    if (Math.fround(own) === Math.fround(read(other) ?? 0)) continue;
    const message = `${key} is ${textOf(tree)}, deploy.resources.${section}.${inner} is ${textOf(other) ?? 'not set'}`;
    yield { tree, message, hint: other ? 'keep one of the two' : `write it as deploy.resources.${section}.${inner}` };
  }
}

function* wrongMounts(service: Tree): Generator<Conflict> {
  const tmpfs = at(service, 'tmpfs');
  const places = new Set<string>();
  for (const tree of tmpfs?.kind === 'list' ? tmpfs.items : tmpfs ? [tmpfs] : []) {
    const [place = ''] = (textOf(tree) ?? '').split(':');
    if (places.has(place)) yield { tree, message: `${place} is mounted twice`, hint: 'keep one of the two' };
    places.add(place);
  }
  const mounted = new Map<string, string>();
  for (const tree of itemsOf(at(service, 'volumes'))) {
    const isLong = tree.kind === 'table';
    const short = isLong ? undefined : parseMount(textOf(tree) ?? '');
    const target = isLong ? textOf(at(tree, 'target')) : short && 'target' in short ? short.target : '';
    if (target === undefined) yield { tree, message: 'a mount has no target', hint: 'add target: /path' };
    if (isLong && textOf(at(tree, 'type')) === 'bind' && textOf(at(tree, 'source')) === undefined)
      yield { tree, message: 'a bind mount has no source', hint: 'add source: ./path' };
    if (!target) continue;
    const place = posix.normalize(target).replace(/(.)\/$/, '$1');
    // Compose lets a later mount replace an earlier one, but knows long forms by their target as written
    const known = isLong ? target : place;
    if (places.has(place) || (mounted.has(place) && mounted.get(place) !== known))
      yield { tree, message: `${place} is mounted twice`, hint: 'keep one of the two' };
    mounted.set(place, known);
  }
}

function* wrongPorts(service: Tree): Generator<Conflict> {
  for (const tree of itemsOf(at(service, 'ports'))) {
    if (tree.kind !== 'table') continue;
    const address = at(tree, 'host_ip');
    const text = textOf(address);
    if (address && text !== undefined && isIP(text) === 0)
      yield { tree: address, message: `host_ip "${text}" is not an address`, hint: 'write 127.0.0.1' };
  }
}

function* wrongDevices(service: Tree): Generator<Conflict> {
  const requests = [
    ...itemsOf(at(service, 'deploy', 'resources', 'reservations', 'devices')),
    ...itemsOf(at(service, 'gpus')),
  ];
  for (const tree of requests)
    if (at(tree, 'count') && at(tree, 'device_ids'))
      yield { tree, message: 'count and device_ids exclude each other', hint: 'remove one of the two' };
  for (const tree of itemsOf(at(service, 'devices')))
    if (tree.kind === 'table' && !at(tree, 'target'))
      yield { tree, message: 'a device has no target', hint: 'add target: /dev/...' };
}

/** INVALID_VALUE for each service whose container_name another one has. */
export function checkContainerNames(services: ReadonlyMap<string, Tree>): readonly Problem[] {
  const owners = new Map<string, string>();
  return [...services].flatMap(([name, service]) => {
    const tree = at(service, 'container_name');
    const text = textOf(tree);
    if (!tree || !text) return [];
    const owner = owners.get(text);
    owners.set(text, name);
    if (owner === undefined) return [];
    const message = `services "${owner}" and "${name}" have the same container_name`;
    return problemAt(tree.at, 'INVALID_VALUE', message, 'remove one of the two');
  });
}

const origins = { secrets: ['file', 'environment'], configs: ['file', 'environment', 'content'] } as const;

/** INVALID_VALUE for each secret and config that has no origin, or more than one, and each external volume with options. */
export function checkOrigins(root: Tree): readonly Problem[] {
  return [...wrongOrigins(root), ...wrongExternals(root)];
}

function wrongOrigins(root: Tree): readonly Problem[] {
  return (['secrets', 'configs'] as const).flatMap((kind) =>
    [...entriesOf(at(root, kind))].flatMap(([name, { keyAt, value }]) => {
      const what = `${kind.slice(0, -1)} "${name}"`;
      const ways = origins[kind].join(', ');
      const said = origins[kind].filter((key) => at(value, key));
      if (said.length > 1)
        return problemAt(
          keyAt,
          'INVALID_VALUE',
          `${what} has more than one of ${ways}`,
          `keep ${said[0]} or ${said[1]}`,
        );
      const isThere = kind === 'secrets' ? said.some((key) => textOf(at(value, key))) : said.length > 0;
      if (isThere || isExternal(value) || (kind === 'configs' && at(value, 'external'))) return [];
      return problemAt(keyAt, 'INVALID_VALUE', `${what} has none of ${ways}`, `write ${name}: {file: ./${name}.txt}`);
    }),
  );
}

function wrongExternals(root: Tree): readonly Problem[] {
  return [...entriesOf(at(root, 'volumes'))].flatMap(([name, { value }]) => {
    if (!isExternal(value)) return [];
    return [...entriesOf(value)]
      .filter(([key]) => key !== 'name' && key !== 'external' && !key.startsWith('x-'))
      .map(([key, { keyAt }]) =>
        problemAt(keyAt, 'INVALID_VALUE', `volume "${name}" is external, so it has no ${key}`, `remove ${key}`),
      );
  });
}

function isExternal(value: Tree): boolean {
  const external = at(value, 'external');
  return external !== undefined && !isNull(external) && flagOf(external) !== false;
}
