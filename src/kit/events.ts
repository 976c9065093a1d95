import type { Failure, Source } from './failure.ts';

/** Milliseconds of the monotonic clock since this camp command was started. */
export type Ms = number;

/** An address where a replica listens, `127.0.0.1:4173`. */
export interface Endpoint {
  readonly service: string;
  readonly replica: string;
  readonly address: string;
  /** The port inside the container that the address leads to; absent where there is one port only. */
  readonly containerPort?: number;
  /** Where the edge's container reaches it, if by its address alone. */
  readonly inside?: string;
}

export type ReplicaState =
  | { readonly at: 'starting' }
  | { readonly at: 'ready'; readonly endpoint?: Endpoint }
  | { readonly at: 'unhealthy'; readonly since: Ms }
  | { readonly at: 'backing-off'; readonly attempt: number; readonly until: Ms }
  | { readonly at: 'stopping' }
  | { readonly at: 'exited'; readonly code: number | null; readonly signal: string | null }
  | { readonly at: 'crash-loop'; readonly failure: Failure };

export type Phase =
  | 'load'
  | 'observe'
  | 'plan'
  | 'provision'
  | 'install'
  | 'build'
  | 'create'
  | 'prepare'
  | 'start'
  | 'awaitReady'
  | 'startEdge'
  | 'route'
  | 'drain'
  | 'stop'
  | 'first-request';

/** The one vocabulary that every view reads. */
export type Event = { readonly t: Ms } & (
  | {
      readonly type: 'span';
      readonly edge: 'begin' | 'end';
      readonly phase: Phase;
      readonly subject: string;
      readonly step?: number;
      readonly failure?: Failure;
    }
  | {
      readonly type: 'replica';
      readonly replica: string;
      readonly service: string;
      readonly state: ReplicaState;
      readonly pid?: number;
    }
  | {
      readonly type: 'output';
      readonly replica: string;
      readonly service: string;
      readonly stream: 'stdout' | 'stderr';
      readonly line: string /** RFC 3339; set by who keeps it. */;
      readonly time?: string;
    }
  | { readonly type: 'note'; readonly message: string; readonly subject?: string }
  | { readonly type: 'warning'; readonly message: string; readonly failure?: Failure; readonly source?: Source }
);

/** An event before the clock has stamped it. */
export type Unstamped<E = Event> = E extends { t: Ms } ? Omit<E, 't'> : never;
export type Emit = (event: Unstamped) => void;
