import type { ObservedReplica } from '../../plan/types.ts';
import type { ReplicaView } from '../types.ts';
import type { Api } from './engine/types.ts';
import { configLabel, serviceOf } from './labels.ts';
import type { Found } from './own-containers.ts';
import type { ContainerReplica } from './replica.ts';
import type { ContainerWish } from './types.ts';

/** One container as the planner sees it; `replica`: its supervisor, where it has one; `wish`: what it is to be by now. */
export async function observed(
  api: Api,
  { container, index }: Found,
  replica: ContainerReplica | undefined,
  wish: ContainerWish | undefined,
  signal: AbortSignal,
): Promise<ObservedReplica> {
  const isRunning = container.status === 'running' || container.status === 'restarting';
  const hasCompleted = container.status === 'exited' && (await isCompleted(api, container.id, wish, signal));
  return {
    service: serviceOf(container),
    index,
    configHash: container.labels[configLabel] ?? '',
    runtime: 'container',
    // what is about to be started again after a pause counts as running, as with processes
    isRunning: isRunning || (container.status === 'exited' && replica?.state.at === 'backing-off'),
    ...(hasCompleted ? { hasCompleted } : {}),
  };
}

/** It ended well, and nothing asks for it to go on. */
async function isCompleted(
  api: Api,
  id: string,
  wish: ContainerWish | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const seen = await api.inspectContainer(id, { signal });
  if (seen?.exitCode !== 0 || seen.status !== 'exited') return false;
  const isOneShot = wish?.service.isOneShot ?? false;
  return isOneShot || (seen.restartPolicy.name === 'no' && wish?.httpPort === undefined);
}

/** One container as views see it. */
export function viewOf(replica: ContainerReplica): ReplicaView {
  const { spec, state, isRunning, pid, endpoints } = replica;
  return {
    id: replica.id,
    service: spec.service.name,
    index: spec.index,
    configHash: spec.configHash,
    state,
    isRunning,
    pids: pid === undefined ? [] : [pid],
    endpoints,
    graceMs: spec.service.stop.graceMs,
  };
}
