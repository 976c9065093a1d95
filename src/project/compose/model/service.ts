import { at, entriesOf, isNull, itemsOf, type Tree } from '../../tree.ts';
import { textOf } from '../scalars.ts';
import { build } from './build.ts';
import { command } from './command.ts';
import { dependencies } from './dependencies.ts';
import { deploy } from './deploy.ts';
import { gpus } from './device-requests.ts';
import { develop, hooks } from './hooks.ts';
import { devices, files, mounts, secrets } from './mounts.ts';
import { hosts, manyOptions, mapIfAny, mapping, pairsOf } from './pairs.ts';
import { absolute } from './paths.ts';
import { ports } from './ports.ts';
import {
  bytes,
  type Fields,
  flag,
  fraction,
  listOf,
  mapOf,
  type Print,
  struct,
  text,
  texts,
  unprinted,
  usedTexts,
  whole,
  writtenBytes,
  writtenDuration,
  writtenFlag,
  writtenWhole,
} from './print.ts';
import type { Json, JsonMap, ModelContext } from './types.ts';
import { ulimits } from './ulimits.ts';

const healthTest: Print = (tree) => {
  if (tree.kind !== 'list') return isNull(tree) ? undefined : ['CMD-SHELL', textOf(tree) ?? ''];
  return tree.items.length === 0 ? undefined : tree.items.map((item) => textOf(item) ?? '');
};

// Compose prints these by the names of its own fields
const rates: Print = listOf((tree, context) => {
  const rate = at(tree, 'rate');
  return { Path: textOf(at(tree, 'path')) ?? '', Rate: (rate && writtenBytes(rate, context)) ?? '0' };
});
const weights: Print = listOf((tree, context) => {
  const weight = at(tree, 'weight');
  return { Path: textOf(at(tree, 'path')) ?? '', Weight: (weight && writtenWhole(weight, context)) ?? 0 };
});

const networkFields: Fields = {
  aliases: texts,
  driver_opts: mapping,
  gw_priority: whole,
  interface_name: text,
  ipv4_address: text,
  ipv6_address: text,
  link_local_ips: texts,
  mac_address: text,
  priority: whole,
};

/** A list of names is a map with nothing behind them. */
function named(print: Print): Print {
  return (tree, context) =>
    tree.kind === 'list' ? mapIfAny(tree.items.map((item) => [textOf(item) ?? '', null])) : mapOf(print)(tree, context);
}

/** One printer for each key of a service; the keys that stand in several places are put together in `service`. */
export const serviceFields: Fields = {
  profiles: texts,
  annotations: mapping,
  attach: writtenFlag,
  build,
  develop,
  blkio_config: struct({
    weight: whole,
    weight_device: weights,
    device_read_bps: rates,
    device_read_iops: rates,
    device_write_bps: rates,
    device_write_iops: rates,
  }),
  cap_add: texts,
  cap_drop: texts,
  cgroup_parent: text,
  cgroup: text,
  cpu_count: whole,
  cpu_percent: fraction,
  cpu_period: whole,
  cpu_quota: whole,
  cpu_rt_period: whole,
  cpu_rt_runtime: whole,
  cpus: fraction,
  cpuset: text,
  cpu_shares: whole,
  command,
  configs: files,
  container_name: text,
  credential_spec: struct({ config: text, file: text, registry: text }),
  depends_on: unprinted,
  deploy,
  device_cgroup_rules: texts,
  devices,
  dns: usedTexts,
  dns_opt: texts,
  dns_search: texts,
  domainname: text,
  entrypoint: command,
  env_file: unprinted,
  environment: unprinted,
  expose: texts,
  extends: unprinted,
  external_links: texts,
  extra_hosts: hosts,
  gpus,
  group_add: texts,
  healthcheck: struct({
    test: healthTest,
    timeout: writtenDuration,
    interval: writtenDuration,
    retries: writtenWhole,
    start_period: writtenDuration,
    start_interval: writtenDuration,
    disable: flag,
  }),
  hostname: text,
  image: text,
  init: writtenFlag,
  ipc: text,
  isolation: text,
  label_file: unprinted,
  labels: unprinted,
  links: texts,
  logging: struct({ driver: text, options: mapping }),
  mac_address: text,
  mem_limit: bytes,
  mem_reservation: bytes,
  mem_swappiness: bytes,
  memswap_limit: bytes,
  models: named(struct({ endpoint_var: text, model_var: text })),
  network_mode: text,
  networks: unprinted,
  oom_kill_disable: flag,
  oom_score_adj: whole,
  pid: text,
  pids_limit: whole,
  platform: text,
  ports,
  post_start: hooks,
  pre_stop: hooks,
  privileged: flag,
  provider: struct({ type: text, options: manyOptions }),
  pull_policy: (tree) => (textOf(tree) === 'if_not_present' ? 'missing' : textOf(tree) || undefined),
  pull_refresh_after: unprinted,
  read_only: flag,
  restart: text,
  runtime: text,
  scale: writtenWhole,
  secrets,
  security_opt: texts,
  shm_size: bytes,
  stdin_open: flag,
  stop_grace_period: writtenDuration,
  stop_signal: text,
  storage_opt: mapping,
  sysctls: mapping,
  tmpfs: texts,
  tty: flag,
  ulimits,
  use_api_socket: flag,
  user: text,
  userns_mode: text,
  uts: text,
  volumes: mounts,
  volumes_from: texts,
  working_dir: text,
};

const plain = struct(serviceFields, { command: null, entrypoint: null });
const networks = named(struct(networkFields));

/** One entry of `services:` as Compose prints it. */
export function service(name: string, tree: Tree, context: ModelContext): JsonMap {
  const printed = plain(tree, context) as JsonMap;
  const composed: Readonly<Record<string, Json | undefined>> = {
    depends_on: orNothing(dependencies(tree)),
    deploy: deployOf(tree, printed),
    environment: environmentOf(name, tree, context),
    labels: labelsOf(tree, context),
    networks: networksOf(tree, context),
  };
  return {
    ...printed,
    ...Object.fromEntries(Object.entries(composed).filter((entry): entry is [string, Json] => entry[1] !== undefined)),
  };
}

function orNothing(map: JsonMap): Json | undefined {
  return Object.keys(map).length === 0 ? undefined : map;
}

/** `scale` also stands in deploy, where that is written. */
function deployOf(tree: Tree, { scale, deploy: printed }: JsonMap): Json | undefined {
  if (scale === undefined || at(tree, 'deploy') === undefined || printed === undefined) return printed;
  return { ...(printed as JsonMap), replicas: scale };
}

/** Env files and `environment`; a name that nobody gives a value stands with null. */
function environmentOf(name: string, tree: Tree, context: ModelContext): Json | undefined {
  const known = context.environment(name);
  const unset = pairsOf(at(tree, 'environment')).flatMap(([key, value]): [string, null][] =>
    value === undefined && known[key] === undefined ? [[key, null]] : [],
  );
  return mapIfAny([...Object.entries(known), ...unset]);
}

/** Files of labels, then `labels`, which win. */
function labelsOf(tree: Tree, context: ModelContext): Json | undefined {
  const files = at(tree, 'label_file');
  const items = files?.kind === 'list' ? itemsOf(files) : files ? [files] : [];
  const read = items.flatMap((item) => [...context.labels(absolute(textOf(item) ?? '', context))]);
  const own = pairsOf(at(tree, 'labels')).map(([key, value]) => [key, value ?? ''] as const);
  return mapIfAny([...read, ...own]);
}

/** Who names no network is in the default one, unless its network is of another kind. */
export function networksOf(tree: Tree, context: ModelContext): JsonMap | undefined {
  if (at(tree, 'network_mode') || at(tree, 'provider')) {
    const written = at(tree, 'networks');
    return written && (networks(written, context) as JsonMap | undefined);
  }
  const written = at(tree, 'networks');
  const isNone = entriesOf(written).size === 0 && itemsOf(written).length === 0;
  return isNone || !written ? { default: null } : (networks(written, context) as JsonMap);
}
