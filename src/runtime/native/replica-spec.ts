import type { Ms } from '../../kit/events.ts';
import type { Failure } from '../../kit/failure.ts';
import type { Probe } from '../../project/types.ts';
import type { Address, ProbeAnswer } from '../probe.ts';

/** Everything that a replica is started with; it may be restarted to this, never to something else. */
export interface ReplicaSpec {
  readonly service: string;
  readonly index: number;
  readonly configHash: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** What paths in messages start from. */
  readonly projectDir?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Of a server: what a command that steers it gets beyond what every command gets. */
  readonly steering?: Readonly<Record<string, string>>;
  readonly port: number;
  readonly probe: Probe | undefined;
  readonly isReached: boolean;
  readonly isOneShot: boolean;
  readonly stop: { readonly signal: NodeJS.Signals; readonly graceMs: Ms };
  /** For what is no program of the project, but a server that camp knows. */
  readonly server?: ServerSpec;
}

/** How a server is started each time, asked whether it is ready, and understood when it is not. */
interface ServerSpec {
  /** What it is started with this time: on another port where its own has been taken. */
  launch(port: number): Promise<Pick<ReplicaSpec, 'argv' | 'cwd' | 'env' | 'steering' | 'port'>>;
  ask(address: Address, timeoutMs: Ms): Promise<ProbeAnswer>;
  /** What it does not get over by being started again. */
  explain(tail: readonly string[]): Failure | undefined;
}
