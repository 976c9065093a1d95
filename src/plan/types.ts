import type { Emit } from '../kit/events.ts';
import type { Service } from '../project/types.ts';

/** Where a service runs (DESIGN section 3), and the reason in words. */
export type Placement =
  | { readonly kind: 'process'; readonly why: string }
  | { readonly kind: 'static'; readonly root: string; readonly why: string }
  | { readonly kind: 'edge'; readonly why: string };

/** What should run: the files, the placements, and replica counts that `camp scale` has set. */
export interface Wanted {
  readonly services: ReadonlyMap<string, Service>;
  readonly placements: ReadonlyMap<string, Placement>;
  readonly replicas: ReadonlyMap<string, number>;
  /** Services that the Caddyfile names. */
  readonly routed: ReadonlySet<string>;
}

export interface ObservedReplica {
  readonly service: string;
  readonly index: number;
  readonly configHash: string;
  readonly isRunning: boolean;
}

/** One snapshot of reality; the planner gets nothing else. */
export interface Observed {
  readonly replicas: readonly ObservedReplica[];
  /** Process groups that a camp which is no longer there has left behind. */
  readonly leftovers: readonly { readonly replica: string; readonly pids: readonly number[] }[];
  readonly hasCaddy: boolean;
  readonly hasAuthority: boolean;
  readonly isEdgeRunning: boolean;
}

/** Every kind of step and what it carries; the handler table and the printer derive from it. */
export interface Steps {
  provision: { readonly tool: 'caddy' | 'ca' };
  clear: { readonly pids: readonly number[] };
  install: { readonly service: string };
  start: { readonly service: string; readonly index: number };
  awaitReady: { readonly service: string; readonly index: number };
  startEdge: { readonly edge: true };
  route: { readonly edge: true };
  firstRequest: { readonly service: string };
  drain: { readonly service: string; readonly index: number };
  stop: { readonly service: string; readonly index: number };
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
