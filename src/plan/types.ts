import type { Emit } from '../kit/events.ts';
import type { Failure } from '../kit/failure.ts';
import type { ServerName, Service } from '../project/types.ts';

/** Where a service runs (DESIGN section 3), and the reason in words. */
export type Placement =
  | { readonly kind: 'process'; readonly why: string }
  | { readonly kind: 'container'; readonly why: string }
  | { readonly kind: 'server'; readonly why: string }
  | { readonly kind: 'static'; readonly root: string; readonly why: string }
  | { readonly kind: 'edge'; readonly why: string };

/** Where the person wants it: `--docker` everything in containers, `--native` nothing, else as the files say. */
export type Mode = 'auto' | 'docker' | 'native';

/** What is known of a Docker engine; it is not asked for where nothing needs it. */
export type EngineState =
  | { readonly at: 'unasked' }
  | { readonly at: 'reachable' }
  | { readonly at: 'unreachable'; readonly failure: Failure };

/** What should run: the files, the placements, and replica counts that `camp scale` has set. */
export interface Wanted {
  readonly services: ReadonlyMap<string, Service>;
  readonly placements: ReadonlyMap<string, Placement>;
  readonly replicas: ReadonlyMap<string, number>;
  /** What each service is started with where it is placed; another hash means that a replica is stale. */
  readonly hashes: ReadonlyMap<string, string>;
  /** Services that the Caddyfile names. */
  readonly routed: ReadonlySet<string>;
  /** What the edge runs in. */
  readonly edge: RuntimeKind;
}

/** What a replica, or the edge, runs in. */
export type RuntimeKind = 'process' | 'container';

export interface ObservedReplica {
  readonly service: string;
  readonly index: number;
  readonly configHash: string;
  readonly runtime: RuntimeKind;
  readonly isRunning: boolean;
  /** It ran to its end, as it should: it is not started again. */
  readonly hasCompleted?: boolean;
}

/** One snapshot of reality; the planner gets nothing else. */
export interface Observed {
  readonly replicas: readonly ObservedReplica[];
  /** Process groups that a camp which is no longer there has left behind. */
  readonly leftovers: readonly { readonly replica: string; readonly pids: readonly number[] }[];
  /** Services whose image must be built first, and why. */
  readonly builds: ReadonlyMap<string, string>;
  /** Servers whose program is not there, by service. */
  readonly missingServers?: ReadonlyMap<string, ServerProgram>;
  /** Servers that have data already, by service, in words. */
  readonly data?: ReadonlyMap<string, string>;
  readonly hasCaddy: boolean;
  readonly hasAuthority: boolean;
  /** What the edge that runs now runs in. */
  readonly edge?: RuntimeKind;
}

/** A server's program, in the version that an image names. */
export interface ServerProgram {
  readonly tool: ServerName;
  readonly major?: number;
}

interface ReplicaStep {
  readonly service: string;
  readonly index: number;
  readonly runtime: RuntimeKind;
}

/** Every kind of step and what it carries; the handler table and the printer derive from it. */
export interface Steps {
  provision: { readonly tool: 'caddy' | 'ca' } | ServerProgram;
  clear: { readonly pids: readonly number[] };
  install: { readonly service: string };
  /** Images of services with a `build:`, by Compose, all at once. */
  build: { readonly services: readonly string[] };
  /** Containers, networks and volumes, by Compose, all at once; nothing is started. `replaced` are created anew. */
  create: { readonly services: readonly string[]; readonly replaced: readonly string[]; readonly edge: boolean };
  /** The data folder of a server: made, or looked at. */
  prepare: ReplicaStep;
  start: ReplicaStep;
  awaitReady: ReplicaStep;
  startEdge: { readonly edge: RuntimeKind };
  route: { readonly edge: true };
  firstRequest: { readonly service: string };
  drain: ReplicaStep;
  stop: ReplicaStep;
}

export type StepKind = keyof Steps;
export type Step<K extends StepKind = StepKind> = {
  [k in K]: {
    readonly id: number;
    readonly kind: k;
    readonly subject: string;
    readonly cause: string;
    readonly after: readonly number[];
    readonly destructive?: true;
  } & Steps[k];
}[K];

/** A printable graph; steps are in an order that satisfies every `after`. */
export interface Plan {
  readonly steps: readonly Step[];
}

export interface PlanOptions {
  /** Only these services and what they depend on. */
  readonly only?: readonly string[];
  readonly recreate: 'diverged' | 'always';
}

export interface StepContext {
  readonly signal: AbortSignal;
  readonly emit: Emit;
}

export type Handlers<K extends StepKind = StepKind> = {
  [k in K]: (step: Step<k>, context: StepContext) => Promise<void>;
};
