import type { Ms } from '../../../kit/events.ts';
import type { Failure } from '../../../kit/failure.ts';

/** Where an engine is, and who said so. */
export interface EngineAddress {
  /** As DOCKER_HOST would say it: `unix:///var/run/docker.sock`, `tcp://10.0.0.5:2376`. */
  readonly host: string;
  /** `DOCKER_HOST`, `context colima`, `/var/run/docker.sock` … */
  readonly why: string;
  readonly tls?: TlsFiles;
  /** It was chosen by name and is of no use; connectEngine throws this. */
  readonly problem?: Failure;
}

export interface TlsFiles {
  /** Folder with ca.pem, cert.pem and key.pem, as DOCKER_CERT_PATH would say it. */
  readonly dir: string;
  /** Whether the engine's certificate is checked; DOCKER_TLS without DOCKER_TLS_VERIFY does not. */
  readonly isVerified: boolean;
}

/** An engine that has answered. */
export interface Engine {
  readonly address: EngineAddress;
  readonly kind: 'docker' | 'podman';
  /** `28.5.2` */
  readonly version: string;
  /** The version that camp speaks with it, `1.41`; the newest that the engine knows may be higher. */
  readonly apiVersion: string;
  /** Its bridges are interfaces of this machine, so container addresses and gateways are reached from here. Not so for Docker Desktop, rootless or remote engines. */
  readonly isLocalLinux: boolean;
  /** To be added to the environment of the docker CLI, so that it talks to this very engine. */
  readonly env: Readonly<Record<string, string>>;
  readonly api: Api;
}

/** Every call ends by itself: at its deadline, when the signal says so, or when the engine goes away. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /**
   * Default: 10 s, or a minute as long as the engine answers others: it is busy with just this. Streams have one until
   * their first byte of answer only.
   */
  readonly deadlineMs?: Ms;
}

/**
 * What camp asks of an engine. Throws CampError: ENGINE_UNREACHABLE when it goes away, ENGINE_HANGS past the deadline,
 * ENGINE_REFUSED for an error that it answers. The signal's reason is thrown as it is.
 */
export interface Api {
  /** All of them, those that have ended too. `labels`: `name` or `name=value`, all must match. */
  listContainers(labels: readonly string[], options?: CallOptions): Promise<readonly ContainerSummary[]>;
  /** Absent: no such container. */
  inspectContainer(id: string, options?: CallOptions): Promise<ContainerDetail | undefined>;
  startContainer(id: string, options?: CallOptions): Promise<void>;
  /** Its own stop signal, the grace (in whole seconds), KILL; resolves when it has ended, also when it had before or is gone. Deadline: the grace and 10 s. */
  stopContainer(id: string, how: { readonly graceMs: Ms }, options?: CallOptions): Promise<void>;
  /** Default signal: KILL. Also resolves when it does not run any more. */
  killContainer(id: string, signalName?: string, options?: CallOptions): Promise<void>;
  /** Anonymous volumes stay: they may be data; `force` kills first. Also resolves when it is gone already. */
  removeContainer(id: string, how?: { readonly force?: boolean }, options?: CallOptions): Promise<void>;
  /** Also resolves when it is not paused. */
  unpauseContainer(id: string, options?: CallOptions): Promise<void>;
  renameContainer(id: string, name: string, options?: CallOptions): Promise<void>;
  /** Resolves at the end of the stream: of the container with `follow`, else of what there is. */
  logs(id: string, query: LogQuery, onLine: (line: LogLine) => void, options?: CallOptions): Promise<void>;
  /** Resolves only when the engine ends the stream; connecting again, with `since`, is the caller's. */
  events(query: EventQuery, onEvent: (event: EngineEvent) => void, options?: CallOptions): Promise<void>;
  /** One sample at once, without the second that the engine would wait for a difference. Absent: it does not run. */
  stats(id: string, options?: CallOptions): Promise<ContainerStats | undefined>;
  /** Runs a program in a container to its end. Past the deadline it is left running: the engine cannot end it. */
  exec(id: string, argv: readonly string[], how?: ExecHow, options?: CallOptions): Promise<ExecResult>;
  /** Unpacks a tar archive into a folder of the container that exists. */
  putArchive(id: string, folder: string, tar: Uint8Array, options?: CallOptions): Promise<void>;
  listNetworks(labels: readonly string[], options?: CallOptions): Promise<readonly NetworkDetail[]>;
  inspectNetwork(name: string, options?: CallOptions): Promise<NetworkDetail | undefined>;
  /** Makes a container a member of the engine's own bridge, too. Also resolves when it is one. */
  joinBridge(containerId: string, options?: CallOptions): Promise<void>;
  /** Also resolves when it is gone already. */
  removeNetwork(name: string, options?: CallOptions): Promise<void>;
  listVolumes(labels: readonly string[], options?: CallOptions): Promise<readonly VolumeDetail[]>;
  createVolume(
    name: string,
    how: {
      readonly labels: Readonly<Record<string, string>>;
      readonly driver?: string;
      readonly driverOptions?: Readonly<Record<string, string>>;
    },
    options?: CallOptions,
  ): Promise<void>;
  /** Also resolves when it is gone already. */
  removeVolume(name: string, options?: CallOptions): Promise<void>;
  /** Bytes by volume name; the engine measures them, so it may take seconds (deadline 10 s). */
  volumeSizes(options?: CallOptions): Promise<ReadonlyMap<string, number>>;
  /** Absent: the engine does not have it. */
  inspectImage(ref: string, options?: CallOptions): Promise<ImageDetail | undefined>;
  /** Takes the name away, and what nothing else names with it. Also resolves when it is gone already. */
  removeImage(ref: string, options?: CallOptions): Promise<void>;
  info(options?: CallOptions): Promise<EngineInfo>;
  /** Makes a network or a container as somebody else has worded it once; returns its id. */
  repeat(request: CreationRequest, options?: CallOptions): Promise<string>;
}

/** A request that makes a network or a container (https://docs.docker.com/reference/api/engine/). */
export interface CreationRequest {
  /** With the version of the API that the body is worded in: `/v1.51/containers/create?name=shop-api-1`. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>> & {
    readonly Image?: string;
    readonly Labels?: Readonly<Record<string, string>>;
  };
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** A port of a container that the engine publishes. */
export interface PublishedPort {
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** `127.0.0.1`, `0.0.0.0`, `::` */
  readonly hostIp: string;
  readonly hostPort: number;
}

export interface ContainerSummary {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: ContainerStatus;
  /** Absent: it has no health check, or does not run, or the engine is Podman, which says it of single containers only. */
  readonly health?: HealthStatus;
  readonly ports: readonly PublishedPort[];
  /** RFC 3339 */
  readonly createdAt: string;
  readonly networks: Readonly<Record<string, Attachment>>;
}

export type HealthStatus = 'starting' | 'healthy' | 'unhealthy';

/** A container's place in a network. */
export interface Attachment {
  readonly networkId: string;
  /** Empty while it does not run. */
  readonly address: string;
  readonly gateway: string;
}

export interface ContainerDetail extends Omit<ContainerSummary, 'health'> {
  /** 0 while it does not run; of the engine's machine, not of this one, unless `isLocalLinux`. */
  readonly pid: number;
  readonly exitCode: number;
  readonly isOomKilled: boolean;
  /** The engine's own words for why it did not start; else empty. */
  readonly error: string;
  /** RFC 3339; `0001-01-01T00:00:00Z` for never. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly restartCount: number;
  readonly health?: Health;
  readonly env: readonly string[];
  /** `8080/tcp` */
  readonly exposedPorts: readonly string[];
  readonly hasTty: boolean;
  readonly stopSignal?: string;
  readonly stopTimeoutSec?: number;
  readonly mounts: readonly Mount[];
  /** Compose's, or that of the image; absent: none, or it was switched off. */
  readonly healthcheck?: Healthcheck;
  readonly restartPolicy: {
    readonly name: 'no' | 'always' | 'on-failure' | 'unless-stopped';
    readonly maxRetries: number;
  };
  /** Bytes; 0 for no limit. */
  readonly memoryLimit: number;
  /** `bridge`, `host`, `none`, `container:ID`, or the name of a network. */
  readonly networkMode: string;
}

export interface Healthcheck {
  /** `['CMD', program, …]` or `['CMD-SHELL', line]` */
  readonly test: readonly string[];
  readonly intervalMs: Ms;
  readonly timeoutMs: Ms;
  readonly startPeriodMs: Ms;
  readonly retries: number;
}

export interface Health {
  readonly status: HealthStatus;
  readonly failingStreak: number;
  /** The last results, the oldest first; at most five. */
  readonly log: readonly { readonly endedAt: string; readonly exitCode: number; readonly output: string }[];
}

export interface Mount {
  readonly type: string;
  /** Of a volume. */
  readonly name?: string;
  readonly source: string;
  readonly destination: string;
}

export interface LogQuery {
  readonly follow: boolean;
  /** RFC 3339 with fractions; lines of that moment are included, of that second with Podman. */
  readonly since?: string;
  /** How many lines from the end; absent: all. */
  readonly tail?: number;
  /** `inspectContainer().hasTty`: with a terminal there is one stream, without frames. */
  readonly hasTty?: boolean;
  /** Asked after each piece: while the promise is pending nothing more is read. */
  pressure?(): Promise<void> | undefined;
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
  /** RFC 3339 with nanoseconds (Podman: seconds), by the engine's clock; empty where the engine gives none. */
  readonly time: string;
}

export interface EventQuery {
  /** As for listContainers. */
  readonly labels?: readonly string[];
  /** `container`, `network`, `volume`, `image`; default: container. */
  readonly types?: readonly string[];
  /** Unix seconds with fractions, `1700000000.000000001`: events since then come first. */
  readonly since?: string;
  /** The engine has answered and sends what happens from now on. */
  onOpen?(): void;
}

export interface EngineEvent {
  readonly type: string;
  /** `create`, `start`, `die`, `oom`, `kill`, `destroy`, `health_status` … without what follows a colon. */
  readonly action: string;
  /** What followed the colon: `healthy` of `health_status: healthy`. */
  readonly detail: string;
  readonly id: string;
  /** Labels, and `name`, `image`, `exitCode`, `signal` where the engine says so. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Unix time in nanoseconds, as a decimal number. */
  readonly timeNano: string;
}

export interface ContainerStats {
  readonly memoryBytes: number;
  /** CPU time since it started. */
  readonly cpuNs: number;
  readonly processes: number;
}

export interface ExecHow {
  readonly stdin?: string | Uint8Array;
  readonly user?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface NetworkDetail {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly isInternal: boolean;
  readonly subnets: readonly { readonly subnet: string; readonly gateway: string }[];
  /** Of the machine that the engine runs on, `docker0` or `br-0123456789ab`; empty for what is no bridge. */
  readonly bridge: string;
}

export interface VolumeDetail {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mountpoint: string;
}

export interface ImageDetail {
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  /** `8080/tcp` */
  readonly exposedPorts: readonly string[];
  readonly hasHealthcheck: boolean;
  readonly sizeBytes: number;
  readonly architecture: string;
}

export interface EngineInfo {
  readonly name: string;
  readonly operatingSystem: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly isRootless: boolean;
  readonly hasSwarm: boolean;
}

/** The Compose that camp calls, with what it printed of itself. */
export interface Compose {
  /** `['docker', 'compose']` with full path, or `['/usr/bin/docker-compose']`. */
  readonly argv: readonly string[];
  /** `2.40.3` */
  readonly version: string;
}
