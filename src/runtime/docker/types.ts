import type { Steps } from '../../plan/types.ts';
import type { Service } from '../../project/types.ts';
import type { Publication, Runtime } from '../types.ts';
import type { Command } from './compose.ts';
import type { Engine } from './engine/types.ts';
import type { OneOff } from './one-off.ts';
import type { Created } from './up-args.ts';

/** One service as containers are to be created of it, beyond what its compose files say. */
export interface ContainerWish {
  readonly service: Service;
  readonly replicas: number;
  /** What the planner compares; a label of the container. */
  readonly hash: string;
  readonly ports: readonly Publication[];
  /** Added to, or in the place of, what `environment:` says. */
  readonly environment: Readonly<Record<string, string>>;
  /** `name:address` */
  readonly extraHosts: readonly string[];
  /** The port inside the container that routes lead to; absent where none does. */
  readonly httpPort?: number;
}

/** The edge as a container of the project. */
export interface EdgeWish {
  /** Its name in compose: the project's own edge service, which it takes the place of, else one that is added. */
  readonly service: string;
  readonly image: string;
  /** Published on 127.0.0.1 under the same number. */
  readonly ports: readonly number[];
  readonly networks: readonly string[];
  /** It joins the engine's own bridge, too: a service is there. */
  readonly isOnBridge?: true;
  readonly mounts: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[];
  readonly tmpfs: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly command: readonly string[];
}

/** What a project that has no containers is about to get, as far as that is known before anything has been looked at. */
export interface Expected {
  readonly services: readonly Created[];
  readonly edge: Pick<EdgeWish, 'service' | 'image' | 'networks'>;
}

/** The container that the edge runs in. */
export interface EdgeContainer {
  readonly pid?: number | undefined;
  /** Its own, where this machine can connect to it. */
  readonly address?: string | undefined;
  start(signal: AbortSignal): Promise<void>;
  /** It is to be started as soon as it is made, before `start`, which comes or `stop`. */
  mayBegin(): void;
  /** Runs a program in it. */
  exec(
    argv: readonly string[],
    stdin: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly output: string }>;
  /** Stops and removes it. */
  stop(): Promise<void>;
  /** Lines of its log, from each start on. */
  onLine(listener: (line: string) => void): void;
  /** It has ended although nobody stopped it. */
  onExit(listener: (how: string) => void): void;
}

/** The container runtime: Compose builds and creates, the engine's API does the rest. */
export interface DockerRuntime extends Runtime {
  readonly engine: Engine;
  /** What containers are to be created of, from the next step on. */
  want(wishes: readonly ContainerWish[], edge?: EdgeWish): void;
  /** Throws BUILD_FAILED (service), DOCKERFILE_INVALID (project) or IMAGE_MISSING (machine). */
  build(services: readonly string[], signal: AbortSignal): Promise<void>;
  /** Prepares for a `create` step that is likely to come, `undefined`: for none; changes nothing. */
  foresee(expected: Expected | undefined): void;
  /** Throws PROJECT_NAME_TAKEN, IMAGE_MISSING, DISK_FULL (machine). Nothing is started. */
  create(step: Steps['create'], signal: AbortSignal): Promise<void>;
  /** Supervises what a camp that is gone has left running; `start` and `awaitReady` do so by themselves. */
  adopt(signal: AbortSignal): Promise<void>;
  /** Ids of the containers of a service that it supervises. */
  containersOf(service: string): readonly string[];
  edgeContainer(): EdgeContainer;
  /** One command of Compose over the project's files, for a person's terminal. */
  command(args: readonly string[], signal: AbortSignal): Promise<Command>;
  /** The same for a command that makes a container of a service for itself, while the project is not running. */
  oneOff(service: string, args: readonly string[], signal: AbortSignal): Promise<OneOff>;
}
