import { join } from 'node:path';
import { withLock } from '../kit/lock.ts';
import { campFolder, removeEmptyCampFolder } from './camp-folder.ts';
import { diffOf } from './diff.ts';
import { isThere, refuseFileAsFolder } from './inside.ts';
import { writeNewFolder } from './new-folder.ts';
import { recoverChanges } from './recover.ts';
import type { ChangeSet } from './types.ts';
import { writeChanges } from './write.ts';

export interface ApplyOptions {
  /** `camp add service`, for the message that another command shows while it waits. */
  readonly purpose: string;
  /** Compute and show, write nothing. */
  readonly dryRun?: boolean;
  /** How long to wait for another command, in milliseconds. Default 10 s. */
  readonly waitMs?: number;
}

export interface Applied extends ChangeSet {
  /** Unified diff; only for a dry run. */
  readonly diff?: string;
}

/**
 * Computes a change set and writes it, one command at a time: under the project's lock, after finishing
 * what an interrupted command left. Throws what `build`, `writeChanges` and `withLock` throw.
 */
export async function applyChanges(
  dir: string,
  build: () => Promise<ChangeSet>,
  options: ApplyOptions,
): Promise<Applied> {
  if (options.dryRun) {
    const set = await build();
    return { ...set, diff: await diffOf(set.changes) };
  }
  refuseFileAsFolder(dir);
  if (!isThere(dir)) {
    const set = await build();
    writeNewFolder(set.changes, dir);
    return set;
  }
  const isInterrupted = isThere(join(dir, '.camp', 'change'));
  // What is wrong with the request shows before anything is touched, a lock file included.
  if (!isInterrupted) await build();
  const isNewFolder = !isThere(join(dir, '.camp'));
  try {
    return await withLock(
      join(campFolder(dir), 'change.lock'),
      options.purpose,
      async () => {
        recoverChanges(dir);
        const set = await build();
        writeChanges(set.changes, dir);
        return set;
      },
      options.waitMs === undefined ? {} : { waitMs: options.waitMs },
    );
  } finally {
    if (isNewFolder) removeEmptyCampFolder(dir);
  }
}
