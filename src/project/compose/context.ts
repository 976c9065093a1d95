import type { Failure, Problem } from '../../kit/failure.ts';
import type { Lookup } from './interpolate.ts';
import type { Sources } from './sources.ts';

/** What reading a service needs of its surroundings, and where its problems go. */
export interface Context {
  /** Real path of the project's folder; relative paths start here. */
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Variables of the caller's environment, then of .env. */
  readonly lookup: Lookup;
  /** `x-camp: native` at the top of the file. */
  readonly isNative: boolean;
  readonly sources: Sources;
  report(problem: Problem): void;
  warn(warning: Failure): void;
}
