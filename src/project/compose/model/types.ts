import type { Lookup } from '../interpolate.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonMap;
export interface JsonMap {
  readonly [key: string]: Json;
}

/**
 * A project as `docker compose config --format json` (2.40) prints it, every `$` single: long forms, defaults
 * filled in, active services only, and of networks, volumes, secrets and configs only those that they use.
 * `x-` keys at the top of the file are kept, those inside it are not printed by Compose either.
 */
export interface ComposeModel extends JsonMap {
  readonly name: string;
  readonly services: { readonly [name: string]: JsonMap };
}

/** All that a model needs beside the tree; what comes from the disk comes in through functions. */
export interface ModelContext {
  /** Compose's project name, the first half of generated names. */
  readonly name: string;
  /** Absolute path of the folder that relative paths start from. */
  readonly dir: string;
  /** Absolute path that `~` stands for. */
  readonly home: string;
  /** Active profiles; `*` is all of them. */
  readonly profiles: ReadonlySet<string>;
  /** Variables of the caller's environment, then of the project's env files. */
  readonly lookup: Lookup;
  /** A service's env files and `environment` in one, without the names that have no value. */
  environment(service: string): Readonly<Record<string, string>>;
  /** What a file of labels says, by its absolute path. */
  labels(path: string): ReadonlyMap<string, string>;
  /** An absolute path without symbolic links; the same where it does not exist. */
  realPath(path: string): string;
}
