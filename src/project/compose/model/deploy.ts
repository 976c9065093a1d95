import { deviceRequests } from './device-requests.ts';
import { mapping } from './pairs.ts';
import {
  bytes,
  duration,
  type Fields,
  fraction,
  listOf,
  type Print,
  struct,
  text,
  texts,
  whole,
  writtenDuration,
  writtenWhole,
} from './print.ts';

const rollout = struct({
  parallelism: writtenWhole,
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: fraction,
  order: text,
});

const resource = struct({
  cpus: fraction,
  memory: bytes,
  pids: whole,
  devices: deviceRequests,
  generic_resources: listOf(
    struct({
      discrete_resource_spec: struct(
        { kind: (tree, context) => text(tree, context) ?? '', value: writtenWhole },
        { kind: '', value: 0 },
      ),
    }),
  ),
});

export const deployFields: Fields = {
  mode: text,
  replicas: writtenWhole,
  labels: mapping,
  update_config: rollout,
  rollback_config: rollout,
  resources: struct({ limits: resource, reservations: resource }),
  restart_policy: struct({
    condition: text,
    delay: writtenDuration,
    max_attempts: writtenWhole,
    window: writtenDuration,
  }),
  placement: struct({
    constraints: texts,
    preferences: listOf(struct({ spread: text })),
    max_replicas_per_node: whole,
  }),
  endpoint_mode: text,
};

export const deploy: Print = struct(deployFields, { resources: {}, placement: {} });
