/** Flags that every command has. */
export interface SharedFlags {
  readonly json: boolean;
  /** false for `--no-color`. */
  readonly color?: boolean;
  /** The folder to look for the project from. */
  readonly dir: string;
}
