import type { Clock } from '../../kit/clock.ts';
import type { Emit } from '../../kit/events.ts';
import type { Observed } from '../../plan/types.ts';
import type { ImageFacts } from '../../project/images.ts';
import type { Service } from '../../project/types.ts';
import type { Runtime } from '../types.ts';
import type { ReadSecret } from '../wiring/backing.ts';
import type { Neighbour } from '../wiring/neighbours.ts';
import type { Guard } from './guard.ts';
import type { PortLeases } from './leases.ts';
import type { ServersSetup } from './servers/servers.ts';

/** What the environment of a process is made of. */
export interface EnvironmentSetup {
  readonly projectId: string;
  /** What paths in messages start from. */
  readonly projectDir?: string;
  readonly ownEnv: NodeJS.ProcessEnv;
  /** `pid:startTime` of this process. */
  readonly supervisor: string;
  /** Variables every service gets: how to trust the local CA, where Node may cache compiled code. */
  sharedEnv(): Readonly<Record<string, string>>;
  readonly leases: PortLeases;
  /** What runs in containers, as a process reaches it. */
  containers?(): readonly Neighbour[];
  /** Reads a password out of what a `*_FILE` variable names. */
  readonly readSecret?: ReadSecret;
  /** Whether a service runs as a server that camp knows, and what those need around them. */
  readonly servers?: ServersSetup & { isServer(service: Service): boolean };
  /** What is known of a service's image. */
  factsOf?(service: Service): ImageFacts | undefined;
  /** A service of the project by its name. */
  serviceOf?(name: string): Service | undefined;
}

export interface NativeSetup extends EnvironmentSetup {
  /** What a replica is started with, as the planner compares it. */
  configHash(service: Service): string;
  /** Whether the Caddyfile leads to it: then it must answer requests to be ready. */
  isReached(service: string): boolean;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Pending while what services write cannot be taken any more. */
  pressure(): Promise<void> | undefined;
}

/** The process runtime: services as supervised processes of this machine. */
export interface NativeRuntime extends Runtime {
  /** Ends every process group it is told of when camp dies. */
  readonly guard: Pick<Guard, 'add' | 'remove'>;
  /** Process groups that a camp which is no longer there has left behind. */
  leftovers(): Observed['leftovers'];
  install(service: Service, signal: AbortSignal): Promise<void>;
  /** Makes the data of a server, or looks at what is there. */
  prepare(service: Service, signal: AbortSignal): Promise<void>;
  /** The port that a replica listens on, or will. */
  portOf(service: Service, index: number): number;
  /** The environment that a command of the service runs with. */
  environmentOf(service: Service, index: number): Record<string, string>;
}
