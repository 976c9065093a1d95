import type {
  RawAttachment,
  RawConfig,
  RawContainer,
  RawContainerDetail,
  RawEvent,
  RawImage,
  RawInfo,
  RawNetwork,
  RawPort,
  RawStats,
  RawVolume,
} from './answers.ts';
import type {
  Attachment,
  ContainerDetail,
  ContainerStats,
  ContainerStatus,
  ContainerSummary,
  EngineEvent,
  EngineInfo,
  Health,
  Healthcheck,
  HealthStatus,
  ImageDetail,
  NetworkDetail,
  PublishedPort,
  VolumeDetail,
} from './types.ts';

export function containerSummary(raw: RawContainer): ContainerSummary {
  const health = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(raw.Status ?? '')?.[1];
  return {
    id: raw.Id ?? '',
    name: nameOf(raw.Names?.[0]),
    image: raw.Image ?? '',
    imageId: raw.ImageID ?? '',
    labels: raw.Labels ?? {},
    status: statusOf(raw.State),
    ...(health === undefined ? {} : { health: health as HealthStatus }),
    ports: (raw.Ports ?? []).flatMap(publishedPort),
    createdAt: typeof raw.Created === 'number' ? new Date(raw.Created * 1000).toISOString() : (raw.Created ?? ''),
    networks: attachments(raw.NetworkSettings?.Networks),
  };
}

export function containerDetail(raw: RawContainerDetail): ContainerDetail {
  const { State: state = {}, Config: config = {}, HostConfig: host = {} } = raw;
  const healthcheck = healthcheckOf(config);
  const health = healthOf(state.Health);
  const stopSignal = config.StopSignal;
  return {
    id: raw.Id ?? '',
    name: nameOf(raw.Name),
    image: config.Image ?? '',
    imageId: raw.Image ?? '',
    labels: config.Labels ?? {},
    status: statusOf(state.Status),
    ports: boundPorts(raw.NetworkSettings?.Ports ?? {}),
    createdAt: raw.Created ?? '',
    networks: attachments(raw.NetworkSettings?.Networks),
    pid: state.Pid ?? 0,
    exitCode: state.ExitCode ?? 0,
    isOomKilled: state.OOMKilled ?? false,
    error: state.Error ?? '',
    startedAt: state.StartedAt ?? '',
    finishedAt: state.FinishedAt ?? '',
    restartCount: raw.RestartCount ?? 0,
    ...(health ? { health } : {}),
    env: config.Env ?? [],
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    hasTty: config.Tty ?? false,
    ...(typeof stopSignal === 'string' && stopSignal !== '' ? { stopSignal } : {}),
    ...(typeof config.StopTimeout === 'number' ? { stopTimeoutSec: config.StopTimeout } : {}),
    mounts: (raw.Mounts ?? []).map((mount) => ({
      type: mount.Type ?? '',
      ...(mount.Name ? { name: mount.Name } : {}),
      source: mount.Source ?? '',
      destination: mount.Destination ?? '',
    })),
    ...(healthcheck ? { healthcheck } : {}),
    restartPolicy: {
      name: restartName(host.RestartPolicy?.Name),
      maxRetries: host.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    memoryLimit: host.Memory ?? 0,
    networkMode: host.NetworkMode ?? '',
  };
}

export function networkDetail(raw: RawNetwork): NetworkDetail {
  const id = raw.Id ?? '';
  const driver = raw.Driver ?? '';
  return {
    id,
    name: raw.Name ?? '',
    driver,
    labels: raw.Labels ?? {},
    isInternal: raw.Internal ?? false,
    subnets: (raw.IPAM?.Config ?? []).map(({ Subnet = '', Gateway = '' }) => ({ subnet: Subnet, gateway: Gateway })),
    bridge: driver === 'bridge' ? (raw.Options?.['com.docker.network.bridge.name'] ?? `br-${id.slice(0, 12)}`) : '',
  };
}

export function volumeDetail(raw: RawVolume): VolumeDetail {
  return {
    name: raw.Name ?? '',
    driver: raw.Driver ?? '',
    labels: raw.Labels ?? {},
    mountpoint: raw.Mountpoint ?? '',
  };
}

export function imageDetail(raw: RawImage): ImageDetail {
  const config = raw.Config ?? {};
  return {
    id: raw.Id ?? '',
    tags: raw.RepoTags ?? [],
    labels: config.Labels ?? {},
    env: config.Env ?? [],
    entrypoint: typeof config.Entrypoint === 'string' ? [config.Entrypoint] : (config.Entrypoint ?? []),
    cmd: config.Cmd ?? [],
    user: config.User ?? '',
    workingDir: config.WorkingDir ?? '',
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    hasHealthcheck: healthcheckOf(config) !== undefined,
    sizeBytes: raw.Size ?? 0,
    architecture: raw.Architecture ?? '',
  };
}

/** Absent: the container does not run, then all figures are missing. */
export function containerStats(raw: RawStats): ContainerStats | undefined {
  const { usage, stats } = raw.memory_stats ?? {};
  const cpuNs = raw.cpu_stats?.cpu_usage?.total_usage ?? 0;
  if (!usage && cpuNs === 0) return undefined;
  // what the kernel would give back at once is not the program's: cgroup v1 and v2 name it differently
  const cache = stats?.['total_inactive_file'] ?? stats?.['inactive_file'] ?? 0;
  return { memoryBytes: Math.max(0, (usage ?? 0) - cache), cpuNs, processes: raw.pids_stats?.current ?? 0 };
}

/** One line of the event stream; absent: not an event. */
export function engineEvent(line: string): EngineEvent | undefined {
  if (line.trim() === '') return undefined;
  const raw = JSON.parse(line) as RawEvent;
  const [, action = '', detail = ''] = /^([^:]*)(?::\s*(.*))?$/s.exec(raw.Action ?? '') ?? [];
  return {
    type: raw.Type ?? '',
    // Podman's word for it
    action: raw.Type === 'container' && action === 'remove' ? 'destroy' : action,
    detail,
    id: raw.Actor?.ID ?? '',
    attributes: raw.Actor?.Attributes ?? {},
    // from the text: as a number it would lose its last digits
    timeNano: /"timeNano":\s*(\d+)/.exec(line)?.[1] ?? '0',
  };
}

export function engineInfo(raw: RawInfo): EngineInfo {
  return {
    name: raw.Name ?? '',
    operatingSystem: raw.OperatingSystem ?? '',
    architecture: raw.Architecture ?? '',
    cpus: raw.NCPU ?? 0,
    memoryBytes: raw.MemTotal ?? 0,
    isRootless: (raw.SecurityOptions ?? []).some((option) => option === 'name=rootless'),
    hasSwarm: raw.Swarm?.LocalNodeState === 'active',
  };
}

const statuses: readonly string[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

/** Podman has some more: configured, initialized, stopped, stopping. */
function statusOf(state = ''): ContainerStatus {
  if (statuses.includes(state)) return state as ContainerStatus;
  if (state === 'configured' || state === 'initialized') return 'created';
  return state === 'stopping' ? 'running' : 'exited';
}

function nameOf(name = ''): string {
  return name.replace(/^\//, '');
}

function healthOf(raw: NonNullable<RawContainerDetail['State']>['Health']): Health | undefined {
  const status = raw?.Status;
  if (status !== 'starting' && status !== 'healthy' && status !== 'unhealthy') return undefined;
  return {
    status,
    failingStreak: raw?.FailingStreak ?? 0,
    log: (raw?.Log ?? []).map((one) => ({
      endedAt: one.End ?? '',
      exitCode: one.ExitCode ?? 0,
      output: one.Output ?? '',
    })),
  };
}

/** What the engine takes for a figure that is not given (moby daemon/health.go). */
const healthDefaults = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, retries: 3 } as const;

function healthcheckOf({ Healthcheck: raw }: RawConfig): Healthcheck | undefined {
  const test = raw?.Test ?? [];
  if (test.length === 0 || test[0] === 'NONE') return undefined;
  return {
    test,
    intervalMs: (raw?.Interval ?? 0) / 1e6 || healthDefaults.intervalMs,
    timeoutMs: (raw?.Timeout ?? 0) / 1e6 || healthDefaults.timeoutMs,
    startPeriodMs: (raw?.StartPeriod ?? 0) / 1e6 || healthDefaults.startPeriodMs,
    retries: raw?.Retries || healthDefaults.retries,
  };
}

function restartName(name: string | undefined): ContainerDetail['restartPolicy']['name'] {
  return name === 'always' || name === 'on-failure' || name === 'unless-stopped' ? name : 'no';
}

function publishedPort(raw: RawPort): readonly PublishedPort[] {
  if (!raw.PublicPort || !raw.PrivatePort) return [];
  return [
    { containerPort: raw.PrivatePort, protocol: protocolOf(raw.Type), hostIp: raw.IP ?? '', hostPort: raw.PublicPort },
  ];
}

function boundPorts(
  raw: NonNullable<NonNullable<RawContainerDetail['NetworkSettings']>['Ports']>,
): readonly PublishedPort[] {
  return Object.entries(raw).flatMap(([name, bindings]) => {
    const [port = '', protocol] = name.split('/');
    return (bindings ?? []).map(({ HostIp = '', HostPort = '' }) => ({
      containerPort: Number(port),
      protocol: protocolOf(protocol),
      hostIp: HostIp,
      hostPort: Number(HostPort),
    }));
  });
}

function protocolOf(text: string | undefined): PublishedPort['protocol'] {
  return text === 'udp' || text === 'sctp' ? text : 'tcp';
}

function attachments(
  raw: Readonly<Record<string, RawAttachment>> | null | undefined,
): Readonly<Record<string, Attachment>> {
  return Object.fromEntries(
    Object.entries(raw ?? {}).map(([name, { NetworkID = '', IPAddress = '', Gateway = '' }]) => [
      name,
      { networkId: NetworkID, address: IPAddress, gateway: Gateway },
    ]),
  );
}
