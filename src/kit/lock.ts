import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from './events.ts';
import { fail } from './failure.ts';
import { failOnDisk } from './files.ts';
import { isAlive, type ProcessId, processInfo } from './process.ts';

/** Who holds a lock: a pid alone could be a stranger's by now, so the start time counts too. */
export interface Holder extends ProcessId {
  /** What for, in words for a message: `camp up`. */
  readonly purpose: string;
}

export interface Lock {
  release(): void;
}

/**
 * Takes a lock file, or returns who holds it. The file appears with its content in one step (a hard
 * link), and a holder that no longer lives is moved aside by rename, which only one process can win:
 * no clock is asked, so neither a clock set back nor a reused pid makes a live lock stale.
 * Throws like `writeWhole` when the folder cannot be written.
 */
export function tryLock(path: string, purpose: string): Lock | Holder {
  const me: Holder = { pid: process.pid, startTime: processInfo(process.pid)?.startTime ?? '', purpose };
  const mine = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(mine, JSON.stringify(me), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    failOnDisk(error, path);
  }
  try {
    for (;;) {
      try {
        linkSync(mine, path);
        return { release: () => releaseIfMine(path, me) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') failOnDisk(error, path);
      }
      const holder = readHolder(path);
      if (holder && isAlive(holder)) return holder;
      moveStaleAside(path, holder);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

export function isLock(result: Lock | Holder): result is Lock {
  return 'release' in result;
}

/** Runs `work` while holding the lock; waits for the holder, by default up to 10 s. Throws LOCKED (machine). */
export async function withLock<T>(
  path: string,
  purpose: string,
  work: () => Promise<T>,
  options: { readonly waitMs?: Ms; readonly signal?: AbortSignal } = {},
): Promise<T> {
  const deadline = performance.now() + (options.waitMs ?? 10_000);
  for (;;) {
    const result = tryLock(path, purpose);
    if (isLock(result)) {
      try {
        return await work();
      } finally {
        result.release();
      }
    }
    if (performance.now() >= deadline)
      fail('machine', 'LOCKED', `${result.purpose} (pid ${result.pid}) is working on this project`, {
        hints: ['wait until it has finished, then run the command again'],
      });
    await delay(10, undefined, options.signal ? { signal: options.signal } : {});
  }
}

/** Who holds the lock now; undefined when nobody does or the file says nothing sensible. */
export function readHolder(path: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (value === null || typeof value !== 'object') return undefined;
    const { pid, startTime, purpose } = value as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof startTime !== 'string') return undefined;
    return { pid, startTime, purpose: typeof purpose === 'string' ? purpose : 'another camp command' };
  } catch {
    return undefined;
  }
}

function moveStaleAside(path: string, seen: Holder | undefined): void {
  const aside = `${path}.stale.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // somebody else was quicker
  }
  const moved = readHolder(aside);
  if (moved && isAlive(moved) && moved.pid !== seen?.pid) {
    // between our look and our rename a live process took the lock: give it back
    try {
      linkSync(aside, path);
    } catch {
      // and another one has it already; the one we moved finds out when it releases
    }
  }
  rmSync(aside, { force: true, recursive: true });
}

function releaseIfMine(path: string, me: Holder): void {
  const holder = readHolder(path);
  if (holder?.pid === me.pid && holder.startTime === me.startTime) rmSync(path, { force: true });
}
