import type { Ms } from '../kit/events.ts';
import type { ConfigCount } from '../project/types.ts';

/** The shapes of `--json` (DESIGN section 5). Keys are a contract: additive changes only. */
export type PlacementName = 'process' | 'container' | 'native server' | 'static' | 'edge';

export interface ServiceStatus {
  readonly name: string;
  readonly placement: PlacementName;
  readonly replicas: number;
  /** `ready`, `starting`, `unhealthy`, `backing-off`, `stopping`, `exited`, `crash-loop`, `stopped`. */
  readonly state: string;
  readonly url: string | null;
  readonly readyMs: Ms | null;
  readonly pids: readonly number[];
}

export interface EdgeStatus {
  /** Ports on loopback. */
  readonly https: number;
  readonly http: number | null;
  readonly pid: number | null;
  readonly caFile: string;
}

/** What runs of a project. */
export interface ProjectStatus {
  readonly project: string;
  readonly domain: string;
  readonly running: boolean;
  readonly urls: readonly string[];
  readonly services: readonly ServiceStatus[];
  readonly edge: EdgeStatus | null;
}

/** `camp ps --json` in whole: with what it uses, in bytes; null where that cannot be known. */
export interface PsReport extends Omit<ProjectStatus, 'services'> {
  readonly services: readonly (ServiceStatus & { readonly memoryBytes: number | null })[];
  /** Null while it does not run. */
  readonly memory: {
    readonly services: number;
    readonly edge: number | null;
    /** The camp that supervises it. */
    readonly camp: number | null;
    readonly totalBytes: number;
  } | null;
}

export interface PhaseSpan {
  readonly phase: string;
  readonly subject: string;
  readonly beginMs: Ms;
  readonly endMs: Ms;
}

/** `camp up --json` */
export interface UpReport extends Omit<ProjectStatus, 'running'> {
  readonly timeToFirstRequestMs: Ms | null;
  readonly phases: readonly PhaseSpan[];
  readonly criticalChain: readonly PhaseSpan[];
  readonly config: ConfigCount;
}

/** What came of the tests of one service, or of the system. */
export interface SuiteReport {
  readonly name: string;
  readonly kind: 'service' | 'system';
  /** `none`: it has no tests. */
  readonly status: 'passed' | 'failed' | 'none';
  readonly ms: Ms;
  /** Of a failed one: how it ended, and what it said. */
  readonly why?: string;
  readonly output?: readonly string[];
}

/** `camp test --json` */
export interface TestReport {
  readonly passed: number;
  readonly failed: number;
  readonly suites: readonly SuiteReport[];
}

/** A volume of the project, with what is in it. */
export interface VolumeStatus {
  readonly name: string;
  /** Bytes; null where the engine cannot say. */
  readonly bytes: number | null;
}

/** `camp down --json` */
export interface DownReport {
  /** Whether anything was running. */
  readonly stopped: boolean;
  /** Processes that a camp which is no longer there had left behind. */
  readonly leftovers: number;
  /** Containers that were there without a camp. */
  readonly containers: number;
  /** Those of the project, with `--data`. */
  readonly volumes: readonly (VolumeStatus & { readonly deleted: boolean })[];
  /** With `--data`: volumes that the project uses or that carry its name, but that camp has not made. */
  readonly kept: readonly string[];
}
