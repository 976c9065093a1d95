import type { FetchContext, Tool } from './types.ts';

/** What a source has fetched: the path of one program, or a folder with a program and what it needs beside it. */
export type Fetched =
  | string
  | {
      readonly root: string;
      /** Below `root`, as `libraries` is. */
      readonly program: string;
      /** Folders of libraries that the program does not find by itself. */
      readonly libraries?: readonly string[];
    };

/** One way to get a program. */
export interface Source {
  readonly origin: Tool['origin'];
  /** For messages: `Caddy's release 2.11.4`. */
  readonly name: string;
  /**
   * Fetches and verifies the program into the empty `folder`, which is removed afterwards, and returns it.
   * Throws an Error in plain words when that does not work here.
   */
  fetch(folder: string, context: FetchContext): Promise<Fetched>;
}
