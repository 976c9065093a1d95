import type { FetchContext, Tool } from './types.ts';

/** One way to get a program. */
export interface Source {
  readonly origin: Tool['origin'];
  /** For messages: `Caddy's release 2.11.4`. */
  readonly name: string;
  /**
   * Fetches and verifies the program into the empty `folder`, which is removed afterwards, and returns its path.
   * Throws an Error in plain words when that does not work here.
   */
  fetch(folder: string, context: FetchContext): Promise<string>;
}
