/** One file of a change set. Without `before` the file must not exist yet. */
export interface Change {
  /** Relative to the project's folder, with forward slashes. */
  readonly path: string;
  /** The text that was read; the file must still hold it when it is replaced. */
  readonly before?: string;
  readonly after: string;
  /** Permission bits of a new file; an edited one keeps its own. Default 0o644. */
  readonly mode?: number;
  /** Its text is never shown. */
  readonly isSecret?: true;
}

/** A service that `camp init` found in a folder with code. */
export interface Found {
  readonly name: string;
  /** Relative to the project's folder; `.` for the folder itself. */
  readonly folder: string;
  /** How it would be started, in words: `node src/main.ts (package.json scripts.start)`. */
  readonly start: string;
  readonly route: string;
}

/** What `init` or `add` would do; nothing has been written. No changes: everything is there already. */
export interface ChangeSet {
  readonly dir: string;
  readonly project: string;
  readonly changes: readonly Change[];
  readonly found: readonly Found[];
  /** Lines worth telling, in order. */
  readonly notes: readonly string[];
  /** The commands that come next. */
  readonly next: readonly string[];
}
