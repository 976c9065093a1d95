import type { Emit, Endpoint, Ms } from '../kit/events.ts';
import type { Port } from '../project/types.ts';

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
