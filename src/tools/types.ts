import type { Emit } from '../kit/events.ts';
import type { UserFolders } from '../kit/paths.ts';

export interface Tool {
  readonly name: 'caddy';
  readonly path: string;
  readonly version: string;
  /** Where it came from: PATH, the tool cache, or how it was fetched into the cache. */
  readonly origin: 'path' | 'cache' | 'release' | 'apt' | 'brew';
}

/** One place that was tried and what came of it; `doctor` prints these. */
export interface Attempt {
  readonly origin: Tool['origin'];
  readonly outcome: string;
  readonly isUsable: boolean;
}

export interface ToolSearch {
  readonly tool?: Tool;
  readonly attempts: readonly Attempt[];
}

export interface FetchContext {
  readonly folders: UserFolders;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly emit: Emit;
}
