import type { Ms } from '../kit/events.ts';
import type { Failure, Problem, Source } from '../kit/failure.ts';
import type { Hints } from './compose/hints.ts';
import type { MeasureWishes } from './measure/types.ts';
import type { Tree } from './tree.ts';

export type { Budget, BudgetName, MeasureWishes, MessageRequest } from './measure/types.ts';

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
      /** The language's program, where this machine does not have it: `go`. */
      readonly missing?: string;
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

/** One rule of `develop.watch` (compose-spec, develop). */
export interface WatchRule {
  /** Absolute. */
  readonly path: string;
  readonly action: 'sync' | 'rebuild' | 'restart' | 'sync+restart' | 'sync+exec';
  /** Where in the container it is copied to; absent where the action copies nothing. */
  readonly target?: string;
  /** Patterns as in .dockerignore, relative to `path`. */
  readonly ignore: readonly string[];
  /** Only what fits one of these; absent: everything. */
  readonly include?: readonly string[];
  /** What `sync+exec` runs in the container after copying. */
  readonly exec?: {
    readonly command: readonly string[];
    readonly user?: string;
    readonly workDir?: string;
    readonly isPrivileged: boolean;
    readonly env: Readonly<Record<string, string>>;
  };
  /** Everything is copied once when the watching begins. */
  readonly isInitialSync: boolean;
}

/** What only a container runtime asks about a service. */
export interface ContainerTraits {
  /** `container_name`. */
  readonly name?: string;
  /** Names (keys in the file) of the networks it joins; ["default"] where neither networks nor network_mode is written. */
  readonly networks: readonly string[];
  readonly networkMode?: string;
  /** `restart` as written; absent where nothing is written. */
  readonly restart?: string;
  /** Only Compose can start it: lifecycle hooks, `provider`, `models`, files that Compose writes into the container. */
  readonly needsCompose: boolean;
  /** Bytes: `mem_limit`, else `deploy.resources.limits.memory`. */
  readonly memoryLimit?: number;
}

export interface Build {
  /** Absolute path of the folder, or the URL that the engine fetches itself. */
  readonly context: string;
  /** As written, relative to `context`. */
  readonly dockerfile?: string;
  /** The Dockerfile is there, or stands in the compose file, or is fetched with a remote context. */
  readonly hasDockerfile: boolean;
}

export type ServerName = 'postgres' | 'redis' | 'nats' | 'rabbitmq';

/** An image whose server camp can run without a container, and what the files say of how. */
export interface ServerImage {
  readonly name: ServerName;
  /** `valkey/valkey`: its own program is preferred to redis-server. */
  readonly isValkey: boolean;
  /** Of the image's tag; absent where it names none. */
  readonly major?: number;
  /** The words of `command`. */
  readonly command: readonly string[];
  /** Files and folders mounted at /docker-entrypoint-initdb.d. */
  readonly initScripts: readonly string[];
  /** Files of this machine by the path in the container that `*_FILE` variables name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Why it needs its container all the same: `it mounts ./conf at /etc/x`. */
  readonly obstacle?: string;
  /** What removes it, where something does. */
  readonly fix?: string;
}

/** A key that Compose acts on and a process cannot: said where the service runs as a process. */
export interface UnreadKey {
  readonly key: string;
  readonly source: Source;
}

/** One entry of `services:`, resolved: interpolated, paths absolute, defaults filled in. */
export interface Service {
  readonly name: string;
  readonly source: Source;
  readonly image?: string;
  readonly build?: Build;
  /** `x-camp: native` on the service or at the top of the file. */
  readonly isNative: boolean;
  /** The Caddy that serves the project's own Caddyfile in plain Compose; camp runs its own edge in its place. */
  readonly isEdge: boolean;
  /** How it runs on this machine; absent where neither x-camp nor the folder says. */
  readonly start?: Start;
  /** The server that its image is, where camp knows one that runs without a container. */
  readonly server?: ServerImage;
  readonly replicas: number;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly PublishedPort[];
  readonly expose: readonly Port[];
  readonly dependsOn: ReadonlyMap<string, Condition>;
  /** Names out of `dependsOn` with `required: false`: it starts also where they do not. */
  readonly optionalDependencies: readonly string[];
  /** Names out of `dependsOn` with `restart: true`: when they are restarted by a command, it is too. */
  readonly restartsWith: readonly string[];
  readonly health?: Health;
  readonly stop: { readonly signal: NodeJS.Signals; readonly graceMs: Ms };
  readonly restart: 'no' | 'always' | 'on-failure' | 'unless-stopped';
  readonly profiles: readonly string[];
  readonly watch: readonly WatchRule[];
  /** It runs to its end: something waits for `service_completed_successfully`. */
  readonly isOneShot: boolean;
  readonly container: ContainerTraits;
  readonly unread: readonly UnreadKey[];
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

/** Sums over files; directives and concepts are distinct over all of them (directives for each language by itself). */
export interface Size {
  readonly files: number;
  /** Logical lines (PATTERNS 3.1). */
  readonly lines: number;
  /** Lines without those that only close something. */
  readonly statements: number;
  readonly directives: number;
  readonly securityDecisions: number;
  readonly concepts: number;
}

export interface ConfigurationFile extends Omit<Size, 'files'> {
  /** Relative to the project's folder. */
  readonly path: string;
  readonly kind: 'Caddyfile' | 'compose' | 'Dockerfile' | 'env' | 'other';
  readonly origin: 'generated' | 'hand-written';
}

/** How large the configuration of a project is; docs/metrics.md, "Configuration". */
export interface ConfigurationReport {
  readonly files: readonly ConfigurationFile[];
  readonly handWritten: Size;
  readonly generated: Size;
  readonly total: Size;
  /** Each a command, or a file that a person edits. */
  readonly steps: readonly string[];
  /** What runs, once it is up: services, the edge, camp itself. */
  readonly movingParts: readonly string[];
  /** Lines of all files that would not be there without the service. */
  readonly services: readonly { readonly name: string; readonly lines: number; readonly statements: number }[];
  readonly securityDecisions: readonly { readonly file: string; readonly line: number; readonly directive: string }[];
  readonly concepts: readonly string[];
}

/** What `docker compose` has to be told to see the same project. */
export interface ComposeProject {
  /** Compose's project name, which containers, networks and volumes carry. */
  readonly name: string;
  /** Real path of the folder that relative paths start from: that of the first file. */
  readonly dir: string;
  /** Absolute, in the order of -f, an override file last; without included and extended files. */
  readonly files: readonly string[];
  /** Absolute; those that were asked for (--env-file, COMPOSE_ENV_FILES), so empty where .env is read. */
  readonly envFiles: readonly string[];
  /** Active profiles. */
  readonly profiles: readonly string[];
  /** What the env files of the project say; the caller's environment wins over them. */
  readonly variables: Readonly<Record<string, string>>;
  /**
   * The files merged, variables filled in, include and extends resolved, before any canonical form. Relative
   * paths start from `dir`; those of included and extended files are absolute. Holds inactive services too.
   */
  readonly tree: Tree;
  /** Every file that was read, absolute: changes of these are changes of the project. */
  readonly read: readonly string[];
}

/** What the user wrote, resolved and frozen. */
export interface Project {
  /** A DNS label: for domains and for people. */
  readonly name: string;
  /** Real path of the folder. */
  readonly dir: string;
  /** Hash of `dir`. */
  readonly id: string;
  readonly domain: string;
  readonly services: ReadonlyMap<string, Service>;
  /** The first compose file. */
  readonly composeFile?: string;
  /** Absent where there is no compose file. */
  readonly compose?: ComposeProject;
  /** The user's Caddyfile, or, where there is none, routes derived from the services (then `path` is absent). */
  readonly caddyfile: { readonly path?: string; readonly text: string };
  /** Environment for Caddy's `{$NAME}` placeholders: CAMP_DOMAIN and what .env declares. */
  readonly edgeEnv: Readonly<Record<string, string>>;
  /** `x-camp: {measure: …}` of the compose file: what `camp measure` holds it to, and what makes it publish an event. */
  readonly measure?: MeasureWishes;
}

export interface Loaded {
  readonly project?: Project;
  /** Every problem of every file, in the order of the text. Empty exactly when `project` is there. */
  readonly problems: readonly Problem[];
  /** What is odd in the files but no error. Keys that a process cannot act on stand in `Service.unread`. */
  readonly warnings: readonly Failure[];
}
