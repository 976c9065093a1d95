/** What a value may be. Each alternative is there or not: a scalar, a list of something, a map with free or fixed keys. */
export interface Shape {
  readonly scalar?: readonly ScalarType[];
  /** Only these words. */
  readonly words?: readonly string[];
  /** How a text must be written. */
  readonly format?: 'duration' | 'bytes' | 'command';
  readonly items?: Shape;
  /** Fixed keys; `x-` keys are always fine beside them. */
  readonly keys?: ReadonlyMap<string, Shape>;
  /** Keys that the author chose, such as names of services. */
  readonly values?: Shape;
}

export type ScalarType = 'string' | 'number' | 'integer' | 'boolean' | 'null';

/*
 * The keys and types of the Compose specification (github.com/compose-spec/compose-spec, 03-compose-file to
 * 15-profiles, and its schema), as one table. Facts only; what a key means stands where it is read.
 */
const anything: Shape = { scalar: ['string', 'number', 'integer', 'boolean', 'null'] };
const text: Shape = { scalar: ['string'] };
const flag: Shape = { scalar: ['boolean'] };
const count: Shape = { scalar: ['integer'] };
const number: Shape = { scalar: ['number'] };
const textOrNumber: Shape = { scalar: ['string', 'number'] };
const duration: Shape = { scalar: ['string'], format: 'duration' };
const bytes: Shape = { scalar: ['string', 'number'], format: 'bytes' };
const texts: Shape = { items: text };
const textsOrNumbers: Shape = { items: textOrNumber };
const textOrTexts: Shape = { scalar: ['string'], items: text };
const pairs: Shape = { items: text, values: anything };
const command: Shape = { scalar: ['string', 'null'], items: text, format: 'command' };
const options: Shape = { values: anything };

function word(...words: readonly string[]): Shape {
  return { scalar: ['string'], words };
}
function table(keys: Readonly<Record<string, Shape>>): Shape {
  return { keys: new Map(Object.entries(keys)) };
}
function either(...shapes: readonly Shape[]): Shape {
  return Object.assign({}, ...shapes) as Shape;
}
function listOf(items: Shape): Shape {
  return { items };
}
function mapOf(values: Shape): Shape {
  return { values };
}
const nullable = (shape: Shape): Shape => ({ ...shape, scalar: [...(shape.scalar ?? []), 'null'] });

const ulimits = mapOf(
  either(
    { scalar: ['integer', 'string'] },
    table({ soft: { scalar: ['integer', 'string'] }, hard: { scalar: ['integer', 'string'] } }),
  ),
);
const fileReference = listOf(
  either(text, table({ source: text, target: text, uid: text, gid: text, mode: textOrNumber })),
);
const envFile = either(text, listOf(either(text, table({ path: text, format: text, required: flag }))));
const logging = table({ driver: text, options });
const lifecycleHook = listOf(table({ command, user: text, privileged: flag, working_dir: text, environment: pairs }));
const models = either(texts, mapOf(nullable(table({ endpoint_var: text, model_var: text }))));

const device = table({
  capabilities: texts,
  count: { scalar: ['string', 'integer'] },
  device_ids: texts,
  driver: text,
  options: pairs,
});
const gpus = either(word('all'), listOf(device));

const build = either(
  text,
  table({
    context: text,
    dockerfile: text,
    dockerfile_inline: text,
    entitlements: texts,
    args: pairs,
    ssh: either(pairs, flag, text),
    labels: pairs,
    cache_from: texts,
    cache_to: texts,
    no_cache: flag,
    no_cache_filter: textOrTexts,
    additional_contexts: pairs,
    network: text,
    provenance: { scalar: ['string', 'boolean'] },
    sbom: { scalar: ['string', 'boolean'] },
    pull: flag,
    target: text,
    shm_size: bytes,
    extra_hosts: { items: text, values: { scalar: ['string'], items: text } },
    isolation: text,
    privileged: flag,
    secrets: fileReference,
    tags: texts,
    ulimits,
    platforms: texts,
  }),
);

const dependency = table({
  condition: word('service_started', 'service_healthy', 'service_completed_successfully'),
  restart: flag,
  required: flag,
});

const rollout = table({
  parallelism: count,
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: number,
  order: word('start-first', 'stop-first'),
});

const deploy = nullable(
  table({
    mode: text,
    endpoint_mode: text,
    replicas: count,
    labels: pairs,
    rollback_config: rollout,
    update_config: rollout,
    resources: table({
      limits: table({ cpus: textOrNumber, memory: bytes, pids: count }),
      reservations: table({
        cpus: textOrNumber,
        memory: bytes,
        devices: listOf(device),
        generic_resources: listOf(table({ discrete_resource_spec: table({ kind: text, value: number }) })),
      }),
    }),
    restart_policy: table({ condition: text, delay: duration, max_attempts: count, window: duration }),
    placement: table({
      constraints: texts,
      preferences: listOf(table({ spread: text })),
      max_replicas_per_node: count,
    }),
  }),
);

const healthcheck = table({
  disable: flag,
  interval: duration,
  retries: count,
  test: textOrTexts,
  timeout: duration,
  start_period: duration,
  start_interval: duration,
});

const develop = nullable(
  table({
    watch: listOf(
      table({
        action: word('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec'),
        path: text,
        target: text,
        ignore: textOrTexts,
        include: textOrTexts,
        initial_sync: flag,
        exec: table({ command, user: text, privileged: flag, working_dir: text, environment: pairs }),
      }),
    ),
  }),
);

const port = either(
  { scalar: ['string', 'number'] },
  table({
    name: text,
    mode: text,
    host_ip: text,
    target: { scalar: ['integer', 'string'] },
    published: { scalar: ['integer', 'string'] },
    protocol: text,
    app_protocol: text,
  }),
);

const serviceNetwork = nullable(
  table({
    aliases: texts,
    interface_name: text,
    ipv4_address: text,
    ipv6_address: text,
    link_local_ips: texts,
    mac_address: text,
    driver_opts: options,
    priority: number,
    gw_priority: number,
  }),
);

const mount = either(
  text,
  table({
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
    tmpfs: table({ size: bytes, mode: textOrNumber }),
    image: table({ subpath: text }),
  }),
);

const weight = listOf(table({ path: text, weight: count }));
const rate = listOf(table({ path: text, rate: textOrNumber }));

/** camp's own key at the top of the file. */
const campProject = either(word('native'), table({ native: flag }));
/** camp's own key on a service. */
const campService = either(word('native'), table({ native: flag, run: textOrTexts, root: text }));

export const extendsShape: Shape = either(text, table({ service: text, file: text }));

const service = table({
  annotations: pairs,
  attach: flag,
  build,
  blkio_config: table({
    device_read_bps: rate,
    device_read_iops: rate,
    device_write_bps: rate,
    device_write_iops: rate,
    weight: count,
    weight_device: weight,
  }),
  cap_add: texts,
  cap_drop: texts,
  cgroup: word('host', 'private'),
  cgroup_parent: text,
  command,
  configs: fileReference,
  container_name: text,
  cpu_count: { scalar: ['integer', 'string'] },
  cpu_percent: textOrNumber,
  cpu_shares: textOrNumber,
  cpu_quota: textOrNumber,
  cpu_period: textOrNumber,
  cpu_rt_period: textOrNumber,
  cpu_rt_runtime: textOrNumber,
  cpus: textOrNumber,
  cpuset: text,
  credential_spec: table({ config: text, file: text, registry: text }),
  depends_on: either(texts, mapOf(dependency)),
  deploy,
  develop,
  device_cgroup_rules: texts,
  devices: listOf(either(text, table({ source: text, target: text, permissions: text }))),
  dns: textOrTexts,
  dns_opt: texts,
  dns_search: textOrTexts,
  domainname: text,
  entrypoint: command,
  env_file: envFile,
  environment: pairs,
  expose: textsOrNumbers,
  extends: extendsShape,
  external_links: texts,
  extra_hosts: { items: text, values: { scalar: ['string'], items: text } },
  gpus,
  group_add: textsOrNumbers,
  healthcheck,
  hostname: text,
  image: text,
  init: flag,
  ipc: text,
  isolation: text,
  label_file: textOrTexts,
  labels: pairs,
  links: texts,
  logging,
  mac_address: text,
  mem_limit: bytes,
  mem_reservation: bytes,
  mem_swappiness: { scalar: ['integer', 'string'] },
  memswap_limit: bytes,
  models,
  network_mode: text,
  networks: either(texts, mapOf(serviceNetwork)),
  oom_kill_disable: flag,
  oom_score_adj: { scalar: ['integer', 'string'] },
  pid: nullable(text),
  pids_limit: { scalar: ['integer', 'string'] },
  platform: text,
  ports: listOf(port),
  post_start: lifecycleHook,
  pre_stop: lifecycleHook,
  privileged: flag,
  profiles: texts,
  provider: table({ type: text, options: mapOf({ ...anything, items: anything }) }),
  pull_policy: text,
  pull_refresh_after: text,
  read_only: flag,
  restart: text,
  runtime: text,
  scale: count,
  secrets: fileReference,
  security_opt: texts,
  shm_size: bytes,
  stdin_open: flag,
  stop_grace_period: duration,
  stop_signal: text,
  storage_opt: options,
  sysctls: pairs,
  tmpfs: textOrTexts,
  tty: flag,
  ulimits,
  use_api_socket: flag,
  user: text,
  userns_mode: text,
  uts: text,
  volumes: listOf(mount),
  volumes_from: texts,
  working_dir: text,
  'x-camp': campService,
});

const external = either(flag, table({ name: text }));

const network = nullable(
  table({
    name: text,
    driver: text,
    driver_opts: mapOf(textOrNumber),
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

const volume = nullable(table({ name: text, driver: text, driver_opts: mapOf(textOrNumber), external, labels: pairs }));

const secret = table({
  name: text,
  environment: text,
  file: text,
  external,
  labels: pairs,
  driver: text,
  driver_opts: mapOf(textOrNumber),
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
  either(text, table({ path: textOrTexts, env_file: textOrTexts, project_directory: text })),
);

/** A whole compose file. */
export const composeShape: Shape = table({
  version: { scalar: ['string', 'number'] },
  name: text,
  include: includeShape,
  services: nullable(mapOf(service)),
  models: mapOf(table({ name: text, model: text, context_size: count, runtime_flags: texts })),
  networks: nullable(mapOf(network)),
  volumes: nullable(mapOf(volume)),
  secrets: nullable(mapOf(secret)),
  configs: nullable(mapOf(config)),
  'x-camp': campProject,
});
