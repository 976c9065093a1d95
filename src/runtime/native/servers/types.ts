import type { Ms } from '../../../kit/events.ts';
import type { Failure } from '../../../kit/failure.ts';
import type { Port, ServerImage, Service } from '../../../project/types.ts';
import type { Address, ProbeAnswer } from '../../probe.ts';

/** A server's program on this machine. */
export interface Program {
  /** The program itself. */
  readonly path: string;
  /** Its folder, with what belongs to it. */
  readonly bin: string;
  readonly version: string;
  /** What it needs to find its libraries. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One server of a project: what it is to be, and where. Folders are absolute. */
export interface Site {
  readonly service: Service;
  readonly image: ServerImage;
  readonly program: Program;
  /** Its data: `.camp/data/<service>`. */
  readonly folder: string;
  /** For configuration that holds secrets; gone with the run. */
  readonly run: string;
  /** What belongs to the user and can be made again. */
  readonly cache: string;
  /** The environment of its processes; no secret of its own is in it. */
  readonly env: Readonly<Record<string, string>>;
  /** The first of these variables that has a value, itself or in the file that `<name>_FILE` names. */
  told(...names: readonly string[]): string | undefined;
  /** Something that differs from the container, to be said. */
  say(message: string): void;
}

/** How a server is started. No secret is in argv. */
export interface Launch {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Variables by which the programs that steer it find it. */
  readonly steering?: Readonly<Record<string, string>>;
}

/** Who may use the data: what a later start is compared with. The password is kept as a salted hash. */
export interface Login {
  readonly user?: string;
  readonly database?: string;
  readonly password?: string;
}

/** What camp knows of one kind of server; everything else is the same for all. */
export interface ServerKind {
  /** `PostgreSQL`, for people. */
  readonly title: string;
  readonly stopSignal: NodeJS.Signals;
  /** What the compose service says about who may use it. Throws what is missing there. */
  loginOf(site: Site): Login;
  /** Data of another major version of the program cannot be read. */
  readonly isBoundToMajor: boolean;
  /** The major version that data say of themselves, whoever made them. Throws DATA_DAMAGED for what are none. */
  majorOfData?(folder: string): number | undefined;
  /** Makes data in an empty folder that nobody else sees. */
  make(site: Site, folder: string, login: Login, signal: AbortSignal): Promise<void>;
  launch(site: Site, port: Port): Promise<Launch>;
  /** Whether it answers its own protocol, ready for work. */
  ask(site: Site, address: Address, timeoutMs: Ms): Promise<ProbeAnswer>;
  /** What the last lines of its log mean, where that is known: it is not started again for that. */
  explain(site: Site, lines: readonly string[]): Failure | undefined;
}
