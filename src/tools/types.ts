import type { Emit } from '../kit/events.ts';
import type { UserFolders } from '../kit/paths.ts';

/** Programs that camp finds on the machine; all but rabbitmq it also fetches. */
export type ToolName = 'caddy' | 'postgres' | 'psql' | 'redis' | 'nats' | 'rabbitmq';

/** What somebody wants of a tool. */
export interface Wish {
  /** Of PostgreSQL, whose data belong to one major version; by default 17. */
  readonly major?: number;
}

export interface Tool {
  readonly name: ToolName;
  /** The program: caddy, postgres, psql, redis-server or valkey-server, nats-server, rabbitmq-server. */
  readonly path: string;
  /** Its folder; PostgreSQL's has at least `initdb` and `pg_ctl` beside `postgres`. */
  readonly bin: string;
  readonly version: string;
  /** Where it came from: PATH, a well-known folder of the system, the tool cache, or how it was fetched into the cache. */
  readonly origin: 'path' | 'system' | 'cache' | 'release' | 'npm' | 'apt' | 'brew';
  /** What its environment needs in addition, so that it finds its libraries. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One place that was tried and what came of it; `doctor` prints these. */
export interface Attempt {
  readonly origin: Tool['origin'];
  readonly outcome: string;
  readonly isUsable: boolean;
}

export interface ToolSearch {
  readonly tool?: Tool;
  /** A usable PostgreSQL of another major version than the wanted one, where there is none of that one. */
  readonly other?: Tool;
  readonly attempts: readonly Attempt[];
}

export interface FetchContext {
  readonly folders: UserFolders;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly emit: Emit;
}
