/** What a value may be. Each alternative is there or not: a scalar, a list of something, a map with free or fixed keys. */
export interface Shape {
  /** As YAML reads it, a text out of a variable is a text; none is fit for a date without quotes. */
  readonly scalar?: readonly ScalarType[];
  /** Only these words. */
  readonly words?: readonly string[];
  /** Only texts in which this is found. */
  readonly pattern?: RegExp;
  /** How a text must be written. */
  readonly format?: Format;
  /** The least and the greatest number, also for one that is written as a text. */
  readonly range?: readonly [least: number, greatest: number];
  readonly items?: Shape;
  /** No item twice. */
  readonly isUnique?: true;
  /** Fixed keys; `x-` keys are fine beside them, unless it is closed. */
  readonly keys?: ReadonlyMap<string, Shape>;
  readonly required?: readonly string[];
  readonly isClosed?: true;
  /** Keys that the author chose, such as names of services. */
  readonly values?: Shape;
  /** What those keys look like; others are refused, or left unchecked where `isOpen`. */
  readonly names?: RegExp;
  readonly isOpen?: true;
}

export type ScalarType = 'string' | 'number' | 'integer' | 'boolean' | 'null';

/** Kinds of texts, by what is written in them. */
export type Format =
  | 'duration'
  | 'bytes'
  | 'command'
  /** true, false, or their words of YAML 1.1. */
  | 'flag'
  | 'integer'
  | 'number'
  | 'octal'
  | 'mount'
  | 'device'
  /** `name=address` or `name:address`. */
  | 'host'
  /** `NAME=value`. */
  | 'pair'
  /** `NAME=value` or `NAME`. */
  | 'variable'
  | 'ssh-key'
  /** A number, or all. */
  | 'count';

/*
 * The keys and types of the Compose specification's schema (test/schema/compose-spec.json), as one table; where Compose
 * 2.40 takes less than its schema says, this does too. Facts only; what a key means stands where it is read.
 */
const text: Shape = { scalar: ['string'] };
const strictFlag: Shape = { scalar: ['boolean'] };
const flag: Shape = { scalar: ['boolean', 'string'], format: 'flag' };
const count: Shape = { scalar: ['integer', 'string'], format: 'integer' };
const positive: Shape = { ...count, range: [0, Number.POSITIVE_INFINITY] };
const number: Shape = { scalar: ['number', 'string'], format: 'number' };
/** Compose cuts fractions off. */
const whole: Shape = { scalar: ['number', 'string'], format: 'integer' };
const strictNumber: Shape = { scalar: ['number'] };
const textOrInteger: Shape = { scalar: ['string', 'integer'] };
const textOrNumber: Shape = { scalar: ['string', 'number'] };
const duration: Shape = { scalar: ['string'], format: 'duration' };
const bytes: Shape = { scalar: ['number', 'string'], format: 'bytes' };
const wholeBytes: Shape = { scalar: ['integer', 'string'], format: 'bytes' };
const texts: Shape = { items: text };
const uniqueTexts: Shape = { items: text, isUnique: true };
const textOrTexts: Shape = { scalar: ['string'], ...uniqueTexts };
const pairs: Shape = { ...uniqueTexts, values: { scalar: ['string', 'number', 'boolean', 'null'] }, names: /.+/ };
const variables: Shape = { ...pairs, items: { scalar: ['string'], format: 'variable' } };
const command: Shape = { scalar: ['string', 'null'], items: text, format: 'command' };
const options: Shape = { values: textOrNumber };
const name = /^[a-zA-Z0-9._-]+$/;

function word(...words: readonly string[]): Shape {
  return { scalar: ['string'], words };
}
function table(keys: Readonly<Record<string, Shape>>, ...required: readonly string[]): Shape {
  return { keys: new Map(Object.entries(keys)), ...(required.length === 0 ? {} : { required }) };
}
/** Without `x-` keys. */
function closed(shape: Shape): Shape {
  return { ...shape, isClosed: true };
}
function either(...shapes: readonly Shape[]): Shape {
  return Object.assign({}, ...shapes) as Shape;
}
function listOf(items: Shape): Shape {
  return { items };
}
function mapOf(values: Shape, names?: RegExp): Shape {
  return names ? { values, names } : { values };
}
/** Compose looks only at the entries with a usual name. */
function openMapOf(values: Shape, names: RegExp): Shape {
  return { values, names, isOpen: true };
}
const nullable = (shape: Shape): Shape => ({ ...shape, scalar: [...(shape.scalar ?? []), 'null'] });

const ulimits = openMapOf(either(count, table({ soft: count, hard: count }, 'soft', 'hard')), /^[a-z]+$/);
const integer: Shape = { scalar: ['integer'] };
/** Compose takes no texts here, though its schema does. */
const buildUlimits = openMapOf(either(integer, table({ soft: integer, hard: integer }, 'soft', 'hard')), /^[a-z]+$/);
const fileReference = listOf(
  either(
    text,
    table({
      source: text,
      target: text,
      uid: text,
      gid: text,
      mode: { scalar: ['integer', 'string'], format: 'octal' },
    }),
  ),
);
const envFile = either(text, listOf(either(text, closed(table({ path: text, format: text, required: flag }, 'path')))));
const logging = table({ driver: text, options: mapOf({ scalar: ['string', 'number', 'null'] }) });
const hookKeys = { command, user: text, privileged: flag, working_dir: text, environment: variables };
const hook = table(hookKeys, 'command');
const models = either(uniqueTexts, openMapOf(nullable(table({ endpoint_var: text, model_var: text })), name));
const extraHosts: Shape = {
  items: { scalar: ['string'], format: 'host' },
  isUnique: true,
  values: { scalar: ['string'], items: text },
  names: /.+/,
};

const requestKeys = {
  capabilities: uniqueTexts,
  count: { scalar: ['string', 'integer'], format: 'count' },
  device_ids: uniqueTexts,
  driver: text,
  options: pairs,
} satisfies Readonly<Record<string, Shape>>;
const device = table(requestKeys, 'capabilities');
const gpus = either(word('all'), listOf(table(requestKeys)));

const build = either(
  text,
  table({
    context: text,
    dockerfile: text,
    dockerfile_inline: text,
    entitlements: texts,
    args: variables,
    ssh: { ...pairs, items: { scalar: ['string'], format: 'ssh-key' } },
    labels: pairs,
    cache_from: texts,
    cache_to: texts,
    no_cache: flag,
    additional_contexts: { ...pairs, items: { scalar: ['string'], format: 'pair' } },
    network: text,
    provenance: { scalar: ['string', 'boolean'] },
    sbom: { scalar: ['string', 'boolean'] },
    pull: flag,
    target: text,
    shm_size: wholeBytes,
    extra_hosts: extraHosts,
    isolation: text,
    privileged: flag,
    secrets: fileReference,
    tags: texts,
    ulimits: buildUlimits,
    platforms: texts,
  }),
);

const dependency = table(
  {
    condition: word('service_started', 'service_healthy', 'service_completed_successfully'),
    restart: flag,
    required: strictFlag,
  },
  'condition',
);

const rollout = table({
  parallelism: positive,
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: number,
  order: word('start-first', 'stop-first'),
});

const memory: Shape = { scalar: ['string'], format: 'bytes' };

const deploy = nullable(
  table({
    mode: text,
    endpoint_mode: text,
    replicas: count,
    labels: pairs,
    rollback_config: rollout,
    update_config: rollout,
    resources: table({
      limits: table({ cpus: number, memory, pids: count }),
      reservations: table({
        cpus: number,
        memory,
        devices: listOf(device),
        generic_resources: listOf(table({ discrete_resource_spec: table({ kind: text, value: whole }) })),
      }),
    }),
    restart_policy: table({ condition: text, delay: duration, max_attempts: positive, window: duration }),
    placement: table({
      constraints: texts,
      preferences: listOf(table({ spread: text })),
      max_replicas_per_node: positive,
    }),
  }),
);

const healthcheck = table({
  disable: flag,
  interval: duration,
  retries: { ...whole, range: [0, Number.POSITIVE_INFINITY] },
  test: { scalar: ['string'], items: text },
  timeout: duration,
  start_period: duration,
  start_interval: duration,
});

const develop = nullable(
  table({
    watch: listOf(
      table(
        {
          action: word('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec'),
          path: { scalar: ['string'], pattern: /./ },
          target: text,
          ignore: textOrTexts,
          include: textOrTexts,
          initial_sync: strictFlag,
          exec: hook,
        },
        'path',
        'action',
      ),
    ),
  }),
);

const port: Shape = {
  scalar: ['integer', 'string'],
  ...table({
    name: text,
    mode: text,
    host_ip: text,
    target: positive,
    published: textOrInteger,
    protocol: text,
    app_protocol: text,
  }),
};

const serviceNetwork = nullable(
  table({
    aliases: uniqueTexts,
    interface_name: text,
    ipv4_address: text,
    ipv6_address: text,
    link_local_ips: uniqueTexts,
    mac_address: text,
    driver_opts: options,
    priority: strictNumber,
    gw_priority: strictNumber,
  }),
);

const mount = either(
  { scalar: ['string'], format: 'mount' },
  table(
    {
      type: word('bind', 'volume', 'tmpfs', 'cluster', 'npipe', 'image'),
      source: text,
      target: text,
      read_only: flag,
      consistency: text,
      bind: table({
        propagation: text,
        create_host_path: flag,
        recursive: word('enabled', 'disabled', 'writable', 'readonly'),
        selinux: word('z', 'Z'),
      }),
      volume: table({ labels: pairs, nocopy: flag, subpath: text }),
      tmpfs: table({ size: { ...wholeBytes, range: [0, Number.POSITIVE_INFINITY] }, mode: strictNumber }),
      image: table({ subpath: text }),
    },
    'type',
  ),
);

const weight = listOf(closed(table({ path: text, weight: integer })));
const rate = listOf(closed(table({ path: text, rate: wholeBytes })));

/** Anything: what is sent as JSON. */
const anything: Shape = { scalar: ['string', 'number', 'boolean', 'null'] };
Object.assign(anything, { items: anything, values: anything });

/** What `camp measure` is told; budgets are read in measure.ts. */
const measure = closed(
  table({
    budget: { ...text, items: text, values: textOrNumber },
    message: closed(
      table(
        {
          method: word('GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
          path: text,
          headers: mapOf(textOrNumber),
          body: anything,
        },
        'path',
      ),
    ),
  }),
);

/** camp's own key at the top of the file. */
const campProject = either(word('native'), table({ native: flag, measure }));
/** camp's own key on a service. */
const campService = either(word('native'), table({ native: flag, run: textOrTexts, root: text }));

export const extendsShape: Shape = either(text, closed(table({ service: text, file: text }, 'service')));

const service = table({
  annotations: pairs,
  attach: flag,
  build,
  blkio_config: closed(
    table({
      device_read_bps: rate,
      device_read_iops: rate,
      device_write_bps: rate,
      device_write_iops: rate,
      weight: integer,
      weight_device: weight,
    }),
  ),
  cap_add: uniqueTexts,
  cap_drop: uniqueTexts,
  cgroup: word('host', 'private'),
  cgroup_parent: text,
  command,
  configs: fileReference,
  container_name: { scalar: ['string'], pattern: /[a-zA-Z0-9][a-zA-Z0-9_.-]+/ },
  cpu_count: positive,
  cpu_percent: { ...count, range: [0, 100] },
  cpu_shares: whole,
  cpu_quota: whole,
  cpu_period: whole,
  cpu_rt_period: whole,
  cpu_rt_runtime: whole,
  cpus: number,
  cpuset: text,
  credential_spec: table({ config: text, file: text, registry: text }),
  depends_on: either(uniqueTexts, mapOf(dependency, name)),
  deploy,
  develop,
  device_cgroup_rules: uniqueTexts,
  devices: listOf(
    either(
      { scalar: ['string'], format: 'device' },
      table({ source: text, target: text, permissions: text }, 'source'),
    ),
  ),
  dns: textOrTexts,
  dns_opt: uniqueTexts,
  dns_search: textOrTexts,
  domainname: text,
  entrypoint: command,
  env_file: envFile,
  environment: variables,
  expose: { items: textOrInteger, isUnique: true },
  extends: extendsShape,
  external_links: uniqueTexts,
  extra_hosts: extraHosts,
  gpus,
  group_add: { items: textOrInteger, isUnique: true },
  healthcheck,
  hostname: text,
  image: text,
  init: flag,
  ipc: text,
  isolation: text,
  label_file: either(text, texts),
  labels: pairs,
  links: uniqueTexts,
  logging,
  mac_address: text,
  mem_limit: bytes,
  mem_reservation: wholeBytes,
  mem_swappiness: wholeBytes,
  memswap_limit: bytes,
  models,
  network_mode: text,
  networks: either(uniqueTexts, mapOf(serviceNetwork, name)),
  oom_kill_disable: flag,
  oom_score_adj: { ...count, range: [-1000, 1000] },
  pid: nullable(text),
  pids_limit: whole,
  platform: text,
  ports: { items: port, isUnique: true },
  post_start: listOf(hook),
  pre_stop: listOf(hook),
  privileged: flag,
  profiles: uniqueTexts,
  provider: table(
    {
      type: text,
      options: mapOf(
        either({ scalar: ['string', 'number', 'boolean'] }, listOf({ scalar: ['string', 'number', 'boolean'] })),
      ),
    },
    'type',
  ),
  pull_policy: {
    scalar: ['string'],
    pattern: /always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+/,
  },
  pull_refresh_after: text,
  read_only: flag,
  restart: text,
  runtime: text,
  scale: count,
  secrets: fileReference,
  security_opt: uniqueTexts,
  shm_size: bytes,
  stdin_open: flag,
  stop_grace_period: duration,
  stop_signal: text,
  storage_opt: mapOf({ scalar: ['string', 'integer', 'null'] }),
  sysctls: pairs,
  tmpfs: textOrTexts,
  tty: flag,
  ulimits,
  use_api_socket: strictFlag,
  user: text,
  userns_mode: text,
  uts: text,
  volumes: { items: mount, isUnique: true },
  volumes_from: uniqueTexts,
  working_dir: text,
  'x-camp': campService,
});

const external = either(flag, table({ name: text }));

const network = nullable(
  table({
    name: text,
    driver: text,
    driver_opts: options,
    ipam: table({
      driver: text,
      config: listOf(table({ subnet: text, ip_range: text, gateway: text, aux_addresses: mapOf(text) })),
      options: mapOf(text),
    }),
    external,
    internal: flag,
    enable_ipv4: flag,
    enable_ipv6: flag,
    attachable: flag,
    labels: pairs,
  }),
);

const volume = nullable(table({ name: text, driver: text, driver_opts: options, external, labels: pairs }));

const secret = table({
  name: text,
  environment: text,
  file: text,
  external,
  labels: pairs,
  driver: text,
  driver_opts: mapOf(textOrInteger),
  template_driver: text,
});

const config = table({
  name: text,
  content: text,
  environment: text,
  file: text,
  external,
  labels: pairs,
  template_driver: text,
});

export const includeShape: Shape = listOf(
  either(text, closed(table({ path: textOrTexts, env_file: textOrTexts, project_directory: text }))),
);

const model = table({ name: text, model: text, context_size: integer, runtime_flags: texts }, 'model');

/** A whole compose file. Names of services are checked where services are read. */
export const composeShape: Shape = table({
  version: text,
  name: text,
  include: includeShape,
  services: mapOf(service),
  models: openMapOf(model, name),
  networks: openMapOf(network, name),
  volumes: mapOf(volume, name),
  secrets: mapOf(secret, name),
  configs: mapOf(config, name),
  'x-camp': campProject,
});
