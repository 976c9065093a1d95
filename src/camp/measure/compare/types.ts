import type { Site } from '../../../edge/rivals/types.ts';
import type { Endpoint } from '../../../kit/events.ts';
import type { TextKind } from '../../../project/size/size-of-text.ts';
import type { Port } from '../../../project/types.ts';
import type { ServerKind } from '../../../stopwatch/types.ts';
import type { Where } from './ask.ts';

/** Where a contender lives while it is compared: a folder of its own, ports of its own, certificates that were made for it. */
export interface Place {
  readonly folder: string;
  readonly https: Port;
  readonly http: Port;
  readonly certificate: string;
  readonly key: string;
}

export interface RenderedFile {
  /** Relative to the folder of the place. */
  readonly path: string;
  readonly kind: TextKind;
  readonly text: string;
}

export type RenderedFiles =
  | { readonly files: readonly RenderedFile[]; readonly omitted: readonly string[] }
  | { readonly refused: readonly string[] };

/** How files that lie in their place are judged and served. */
export interface Serving {
  readonly check: readonly string[];
  readonly serve: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Who signs its certificates; it may be made at the first start. */
  readonly caFile: string;
  /** Caddy takes an unusual port for one that 443 is forwarded to, and redirects to 443. */
  readonly redirectsTo?: Port;
  /** What is to be run once it has been stopped for good. */
  readonly removal?: readonly string[];
}

/** Another server than camp's edge. */
export interface Rival {
  readonly server: ServerKind;
  /** Null where it is not installed. */
  readonly version: string | null;
  /** Why it is rendered only; absent where it can be checked. */
  readonly missing?: string;
  /** Why it can be checked only; absent where it can be started. */
  readonly obstacle?: string;
  render(site: Site, place: Place): RenderedFiles;
  /** Writes the files, with what puts them into this place (ports, logs, temporary files). */
  install(files: readonly RenderedFile[], site: Site, place: Place): Serving;
  /** What a person does for it, one a command or a file. */
  steps(site: Site, place: Place): readonly string[];
}

/** A server that runs. */
export interface Running extends Where {
  /** Whether it has ended by itself, with its last words. */
  ended(): string | undefined;
  stop(): Promise<void>;
}

/** Where each replica of each service is. */
export type Endpoints = readonly Endpoint[];
