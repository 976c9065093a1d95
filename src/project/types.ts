import type { Ms } from '../kit/events.ts';
import type { Failure, Problem, Source } from '../kit/failure.ts';

export type Port = number;
export type Language = 'node' | 'python' | 'go' | 'rust' | 'deno' | 'static' | 'other';

/** Compose's dependency conditions, by Compose's names. */
export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully';

/** Installing what a service's folder declares (npm, pip or uv, go); present only when it is missing. */
export interface Install {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** What was looked for and not found: `node_modules is missing`. */
  readonly why: string;
}

/** How a folder says that it is started, without any container. */
export type Start =
  | {
      readonly kind: 'command';
      readonly argv: readonly string[];
      readonly cwd: string;
      readonly language: Language;
      /** Where the command came from: `package.json scripts.dev`. */
      readonly why: string;
      readonly install?: Install;
      /** Folders to put before PATH, such as node_modules/.bin or .venv/bin. */
      readonly path: readonly string[];
    }
  | { readonly kind: 'static'; readonly root: string; readonly why: string };

export type Probe =
  | { readonly kind: 'http'; readonly path: string }
  | { readonly kind: 'tcp' }
  | { readonly kind: 'exec'; readonly argv: readonly string[] };

/** Compose's `healthcheck`, in milliseconds; a probe that a process can answer without a container. */
export interface Health {
  readonly probe: Probe;
  readonly intervalMs: Ms;
  readonly timeoutMs: Ms;
  readonly retries: number;
  readonly startPeriodMs: Ms;
}

/** One entry of `ports:`; `host` is absent where Compose chooses. */
export interface PublishedPort {
  readonly container: Port;
  readonly host?: Port;
  readonly address?: string;
  readonly protocol: 'tcp' | 'udp';
}

export interface WatchRule {
  readonly path: string;
  readonly action: string;
  readonly ignore: readonly string[];
}

/** What a service says between the lines: camp acts on none of it, but reads from it where the service speaks HTTP. */
export interface Hints {
  readonly labels?: Readonly<Record<string, string>>;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly buildTarget?: string;
  /** The text of `dockerfile_inline`. */
  readonly dockerfile?: string;
  /** `entrypoint` and `command`, in words. */
  readonly command?: readonly string[];
  /** The words of `healthcheck.test`. */
  readonly healthTest?: string;
  readonly networkMode?: string;
  /** `container_name`, `hostname`, and aliases on networks: other names that reach it. */
  readonly aliases?: readonly string[];
  readonly mounts?: readonly { readonly source: string; readonly target: string }[];
}

/** One entry of `services:`, resolved: interpolated, paths absolute, defaults filled in. */
export interface Service {
  readonly name: string;
  readonly source: Source;
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile?: string };
  /** `x-camp: native` on the service or at the top of the file. */
  readonly isNative: boolean;
  /** The Caddy that serves the project's own Caddyfile in plain Compose; camp runs its own edge in its place. */
  readonly isEdge: boolean;
  /** How it runs on this machine; absent where neither x-camp nor the folder says. */
  readonly start?: Start;
  readonly replicas: number;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly PublishedPort[];
  readonly expose: readonly Port[];
  readonly dependsOn: ReadonlyMap<string, Condition>;
  readonly health?: Health;
  readonly stop: { readonly signal: NodeJS.Signals; readonly graceMs: Ms };
  readonly restart: 'no' | 'always' | 'on-failure' | 'unless-stopped';
  readonly profiles: readonly string[];
  readonly watch: readonly WatchRule[];
  /** It runs to its end: something waits for `service_completed_successfully`. */
  readonly isOneShot: boolean;
  readonly hints?: Hints;
}

/** DESIGN section 6, definitions in PATTERNS 3.1: logical lines are neither blank nor comment. */
export interface FileCount {
  readonly path: string;
  readonly lines: number;
  readonly directives: number;
}

export interface ConfigCount {
  readonly handWrittenLines: number;
  readonly files: readonly FileCount[];
  readonly totalLines: number;
}

/** What the user wrote, resolved and frozen. */
export interface Project {
  readonly name: string;
  /** Real path of the folder. */
  readonly dir: string;
  /** Hash of `dir`. */
  readonly id: string;
  readonly domain: string;
  readonly services: ReadonlyMap<string, Service>;
  readonly composeFile?: string;
  /** The user's Caddyfile, or, where there is none, routes derived from the services (then `path` is absent). */
  readonly caddyfile: { readonly path?: string; readonly text: string };
  /** Environment for Caddy's `{$NAME}` placeholders: CAMP_DOMAIN and what .env declares. */
  readonly edgeEnv: Readonly<Record<string, string>>;
}

/** Keys that are understood but have no effect here, and other things worth a line; never an error. */
export interface Loaded {
  readonly project?: Project;
  /** Every problem of every file, in the order of the text. Empty exactly when `project` is there. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Failure[];
}
