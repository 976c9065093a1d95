import type { Endpoint, Ms, ReplicaState } from '../kit/events.ts';
import type { ObservedReplica } from '../plan/types.ts';
import type { Service } from '../project/types.ts';

/** One running copy of a service, whatever it runs in. */
export interface ReplicaView {
  /** `api:1` */
  readonly id: string;
  readonly service: string;
  readonly index: number;
  readonly configHash: string;
  readonly state: ReplicaState;
  readonly isRunning: boolean;
  /** Processes of this machine; of a container its first one, where the engine runs here. */
  readonly pids: readonly number[];
  /** Where it is reached from this machine; several for a container that publishes several ports. */
  readonly endpoints: readonly Endpoint[];
  /** Between the stop signal and KILL. */
  readonly graceMs: Ms;
}

/**
 * What carries out the steps of services, one adapter a kind of placement. All throw CampError: of fault `service` for
 * the user's program, `machine` for what is missing here.
 */
export interface Runtime {
  /** One look at reality; also what a camp that is gone has left behind and this runtime can take over. */
  observe(signal: AbortSignal): Promise<readonly ObservedReplica[]>;
  start(service: Service, index: number): Promise<void>;
  /** Resolves when it is ready (a one-shot: when it has ended well). Throws EXITED_EARLY, CRASH_LOOP, NOT_READY, OUT_OF_MEMORY. */
  awaitReady(service: Service, index: number, deadlineMs: Ms, signal: AbortSignal): Promise<void>;
  /** Ends it within its grace and removes what is left of it, but no data. */
  stop(service: string, index: number): Promise<void>;
  /** Restarts the replicas of a service one after another; each is ready before the next goes. */
  restart(service: string, signal: AbortSignal): Promise<void>;
  replicas(): readonly ReplicaView[];
  /** Ends and removes everything of the project at once, dependents first; `force` leaves no grace. Resolves when nothing is left. */
  shutdown(force: AbortSignal): Promise<void>;
}

/** A port of a container, published on 127.0.0.1 only. */
export interface Publication {
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
  /** Absent: the engine chooses. */
  readonly hostPort?: number;
}
