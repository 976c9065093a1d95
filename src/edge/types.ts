import type { Emit, Endpoint, Ms } from '../kit/events.ts';
import type { Port } from '../project/types.ts';
import type { Mounted } from './mounted.ts';

/** What the edge needs to exist, before it routes anything. */
export interface EdgeSetup {
  /** The Caddy program. */
  readonly caddy: string;
  /** The project's folder: Caddy's working directory, so that relative roots mean what they mean to `caddy run`. */
  readonly projectDir: string;
  /** Folder for the admin socket and the last good configuration; relative to `projectDir` where it lies inside. */
  readonly runDir: string;
  /** Caddy's storage of this user: the local CA and its certificates, shared by all projects. */
  readonly storage: string;
  /** Caddy's whole environment: markers, HOME, CAMP_DOMAIN, what .env declares. */
  readonly env: Readonly<Record<string, string>>;
  readonly ports: EdgePorts;
  readonly emit: Emit;
  /** A line of Caddy's own log, already plain text. */
  onLine(line: string): void;
  /** File for one line a request, written by Caddy itself; absent: none is kept. */
  readonly accessLog?: string;
  /** Such a line, of a Caddy that may not write into the file. */
  onAccess?(line: string): void;
  /** Called when Caddy died and was started again. */
  onRestart?(): void;
  /** Is told of every Caddy process, so that it ends when camp is killed. */
  readonly guard?: { add(pgid: number, startTime: string): void; remove(pgid: number): void };
}

/** Listening ports on loopback; `http` is absent when no port for the redirect could be had. */
export interface EdgePorts {
  readonly https: Port;
  readonly http?: Port;
}

/** What is to be served now. */
export interface Wanted {
  readonly caddyfile: { readonly path?: string; readonly text: string };
  readonly domain: string;
  /** Every service of the project: an upstream host with one of these names is replaced by its endpoints. */
  readonly services: ReadonlySet<string>;
  readonly endpoints: readonly Endpoint[];
  /** Services that are only files: name to folder. */
  readonly statics: ReadonlyMap<string, string>;
  /** Services that are only files and run in containers. */
  readonly pages?: ReadonlySet<string>;
  /** Services in containers: where their replicas are may change without another configuration. */
  readonly contained?: ReadonlySet<string>;
  /** Replicas of theirs that are not ready, `api:2`: nobody is sent there while another one is. */
  readonly unready?: ReadonlySet<string>;
  /** What the project's own edge service has mounted, in whose place this edge serves. */
  readonly mounts?: readonly Mounted[];
}

/** One way in, read from the adapted configuration. */
export interface Route {
  readonly service: string;
  /** `https://shop.localhost/api/orders/` */
  readonly url: string;
}

/** One Caddy. Every method throws CampError of fault `edge`, `project` or `machine`. */
export interface Edge {
  readonly pid: number | undefined;
  readonly caFile: string;
  /** Starts Caddy and waits until its admin socket answers. A Caddy that dies later is started again with the last good configuration. */
  start(signal: AbortSignal): Promise<void>;
  /** Adapts, patches and loads all-or-nothing; the same configuration is not loaded again. Returns the routes. */
  route(wanted: Wanted, signal: AbortSignal): Promise<readonly Route[]>;
  /** Sends GET requests over verified HTTPS until one is answered with 2xx (or, after `graceMs`, below 500); returns the status. Throws NOT_READY with the last answer at the deadline. */
  firstRequest(route: Route, deadlineMs: Ms, signal: AbortSignal): Promise<number>;
  /** Resolves when the edge has no request in flight to the address, or after `deadlineMs`. */
  drain(address: string, deadlineMs: Ms, signal: AbortSignal): Promise<void>;
  /** Ends Caddy; nothing is left of it afterwards. */
  stop(): Promise<void>;
}

/** What an edge in a container needs besides. */
export interface ContainerEdgeSetup extends EdgeSetup {
  readonly container: EdgeContainer;
  /** What will be served first: read by Caddy while the container is being made. */
  readonly expected?: Wanted['caddyfile'];
  /** File in which is kept what Caddy made of the last Caddyfile. */
  readonly memory: string;
  /** Variables that the Caddyfile may read while it serves (`{env.NAME}`): what .env declares, and CAMP_DOMAIN. */
  readonly declared: Readonly<Record<string, string>>;
}

/**
 * The container of an edge. Whoever implements it creates it as `containerShape` says, on the project's networks;
 * the edge fills the mounted folder before each start.
 */
export interface EdgeContainer {
  readonly pid?: number | undefined;
  /** Its own, where this machine can connect to it; known when it runs. */
  readonly address?: string | undefined;
  /** A program in it can connect to a socket in the mounted folder that a program of this machine listens on. */
  readonly isBesides?: boolean;
  /**
   * Creates it, or changes it, so that each of the ports is published on loopback under its own number, and starts
   * it; resolves when it runs. One that runs like that already is left alone, one that has ended is started again.
   * Throws PORT_IN_USE (machine) or what the engine says.
   */
  start(signal: AbortSignal, ports: readonly Port[]): Promise<void>;
  /**
   * The mounted folder has all but the configuration, which the program in the container waits for: it may be started as
   * soon as it is made. `start` or `stop` follows.
   */
  mayBegin?(): void;
  /** Runs a program in it; `output` is stdout and stderr. Rejects when the container does not run. */
  exec(
    argv: readonly string[],
    stdin: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly output: string }>;
  /** Stops and removes it, also one that hangs. */
  stop(): Promise<void>;
  /** Calls back whenever it has ended without `stop`, at once; without this hook it takes up to 5 s to be seen. */
  onExit?(listener: (how: string) => void): void;
  /** Calls back with each line of its output. */
  onLine?(listener: (line: string) => void): void;
}
