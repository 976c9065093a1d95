import type { ObservedReplica } from '../../plan/types.ts';
import type { ReplicaView } from '../types.ts';
import type { Replica } from './replica.ts';

/** A replica as the planner sees it. */
export function observedOf({ spec, state, isRunning }: Replica): ObservedReplica {
  return {
    service: spec.service,
    index: spec.index,
    configHash: spec.configHash,
    runtime: 'process',
    isRunning,
    hasCompleted: spec.isOneShot && state.at === 'exited' && state.code === 0,
  };
}

/** A replica as everybody else sees it. */
export function viewOf(replica: Replica): ReplicaView {
  const { spec, state, isRunning, pid } = replica;
  return {
    id: replica.id,
    service: spec.service,
    index: spec.index,
    configHash: spec.configHash,
    state,
    isRunning,
    pids: pid === undefined ? [] : [pid],
    endpoints: isRunning ? [replica.endpoint ?? replica.expectedEndpoint] : [],
    graceMs: spec.stop.graceMs,
  };
}
