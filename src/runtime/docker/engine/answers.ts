/**
 * What the engine answers, as far as camp reads it, in the words of the Engine API 1.41 to 1.51. Podman leaves some of
 * it out or gives null, so everything is optional here.
 */
export interface RawContainer {
  readonly Id?: string;
  readonly Names?: readonly string[];
  readonly Image?: string;
  readonly ImageID?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly State?: string;
  readonly Status?: string;
  readonly Created?: number | string;
  readonly Ports?: readonly RawPort[] | null;
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, RawAttachment>> | null } | null;
}

export interface RawPort {
  readonly IP?: string;
  readonly PrivatePort?: number;
  readonly PublicPort?: number;
  readonly Type?: string;
}

export interface RawAttachment {
  readonly NetworkID?: string;
  readonly IPAddress?: string;
  readonly Gateway?: string;
}

export interface RawContainerDetail {
  readonly Id?: string;
  readonly Name?: string;
  readonly Image?: string;
  readonly Created?: string;
  readonly RestartCount?: number;
  readonly State?: {
    readonly Status?: string;
    readonly Pid?: number;
    readonly ExitCode?: number;
    readonly OOMKilled?: boolean;
    readonly Error?: string;
    readonly StartedAt?: string;
    readonly FinishedAt?: string;
    readonly Health?: {
      readonly Status?: string;
      readonly FailingStreak?: number;
      readonly Log?: readonly { readonly End?: string; readonly ExitCode?: number; readonly Output?: string }[] | null;
    } | null;
  };
  readonly Config?: RawConfig;
  readonly HostConfig?: {
    readonly RestartPolicy?: { readonly Name?: string; readonly MaximumRetryCount?: number } | null;
    readonly Memory?: number;
    readonly NetworkMode?: string;
  };
  readonly Mounts?: readonly {
    readonly Type?: string;
    readonly Name?: string;
    readonly Source?: string;
    readonly Destination?: string;
  }[];
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, RawAttachment>> | null;
    readonly Ports?: Readonly<Record<string, readonly { HostIp?: string; HostPort?: string }[] | null>> | null;
  };
}

export interface RawConfig {
  readonly Image?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Env?: readonly string[] | null;
  readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
  readonly Tty?: boolean;
  /** A number, in Podman. */
  readonly StopSignal?: string | number;
  readonly StopTimeout?: number | null;
  readonly Entrypoint?: readonly string[] | string | null;
  readonly Cmd?: readonly string[] | null;
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Healthcheck?: {
    readonly Test?: readonly string[] | null;
    /** Nanoseconds, as all of these; 0 for the default. */
    readonly Interval?: number;
    readonly Timeout?: number;
    readonly StartPeriod?: number;
    readonly Retries?: number;
  } | null;
}

export interface RawNetwork {
  readonly Id?: string;
  readonly Name?: string;
  readonly Driver?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Internal?: boolean;
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null };
  readonly Options?: Readonly<Record<string, string>> | null;
}

export interface RawVolume {
  readonly Name?: string;
  readonly Driver?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Mountpoint?: string;
  readonly UsageData?: { readonly Size?: number } | null;
}

export interface RawImage {
  readonly Id?: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Config?: RawConfig | null;
  readonly Size?: number;
  readonly Architecture?: string;
}

export interface RawStats {
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } };
  readonly memory_stats?: { readonly usage?: number; readonly stats?: Readonly<Record<string, number>> | null };
  readonly pids_stats?: { readonly current?: number };
}

export interface RawEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> | null };
}

export interface RawInfo {
  readonly Name?: string;
  readonly OperatingSystem?: string;
  readonly Architecture?: string;
  readonly NCPU?: number;
  readonly MemTotal?: number;
  readonly SecurityOptions?: readonly string[] | null;
  readonly Swarm?: { readonly LocalNodeState?: string } | null;
}

export interface RawVersion {
  readonly Version?: string;
  readonly ApiVersion?: string;
  readonly MinAPIVersion?: string;
  readonly KernelVersion?: string;
  readonly Platform?: { readonly Name?: string };
  readonly Components?: readonly { readonly Name?: string }[] | null;
}
