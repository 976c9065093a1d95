import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CampError, fail } from '../kit/failure.ts';
import { failOnDisk, makeFolder, writeWhole } from '../kit/files.ts';
import { isAlive, processInfo } from '../kit/process.ts';
import { recordGenerated } from '../project/generated.ts';
import { firstMissing, isThere } from './inside.ts';
import type { Change } from './types.ts';
import { discard } from './write.ts';

const prefix = '.camp-init-';

/**
 * A project in a folder that is not there yet: built in a hidden folder beside it and renamed, so it appears
 * whole or not at all. What a killed command left beside it is removed first, if its process is gone.
 * Throws FILE_EXISTS and what `writeWhole` throws.
 */
export function writeNewFolder(changes: readonly Change[], dir: string): void {
  const parent = dirname(dir);
  const madeParent = isThere(parent) ? undefined : firstMissing(parent);
  makeFolder(parent);
  discardLeftovers(parent);
  const hidden = join(
    parent,
    `${prefix}${process.pid}-${processInfo(process.pid)?.startTime ?? ''}-${randomBytes(4).toString('hex')}`.replaceAll(
      ' ',
      '_',
    ),
  );
  try {
    makeFolder(hidden);
    for (const change of changes) {
      const file = join(hidden, change.path);
      makeFolder(dirname(file));
      writeWhole(file, change.after, { mode: change.mode ?? 0o644, durable: false });
    }
    recordGenerated(hidden, Object.fromEntries(changes.map((change) => [change.path, change.after])));
    if (isThere(dir))
      fail('project', 'FILE_EXISTS', `${dir} has appeared meanwhile and is not overwritten`, {
        hints: ['choose another name'],
      });
    renameSync(hidden, dir);
  } catch (error) {
    discard(hidden);
    if (madeParent) discard(madeParent);
    if (error instanceof CampError) throw error;
    failOnDisk(error, dir);
  }
}

function discardLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    const match = /^\.camp-init-(\d+)-(.+)-[0-9a-f]{8}$/.exec(name);
    if (match && !isAlive({ pid: Number(match[1]), startTime: (match[2] ?? '').replaceAll('_', ' ') }))
      discard(join(parent, name));
  }
}
