import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import { makeFolder, writeWhole } from '../../kit/files.ts';
import { type Holder, isLock, type Lock, tryLock } from '../../kit/lock.ts';
import { stateFolders } from '../folders.ts';
import { measuring } from '../instance.ts';
import { campCommand, copyName, lockName, removeCopies, removeHome } from './copies.ts';
import { copyTree, pathsIn, restoreTree, sizeOfTree } from './tree.ts';

export { campCommand, scratchEnv } from './copies.ts';

/** A copy of a project that may be changed and started as one likes, and that is the working directory. */
export interface Scratch {
  /** The copy's own folder, absolute. */
  readonly dir: string;
  /** What could not be copied, relative to the project. */
  readonly left: readonly string[];
  /** What is there now and not in the project was made by its programs: it stays from now on, as it would for a person. */
  keep(): void;
  /** Makes the copy what the project is, except for what is installed, and what is to be kept. */
  restore(): void;
  /** Makes the copy anew, as after a `git clone`: nothing is installed. Returns an empty folder beside it. */
  renew(): Promise<string>;
  /** Ends whatever runs of the copy and removes it. Throws what keeps it from being ended. */
  remove(): Promise<void>;
}

/** More than that is no project, but its data. */
const mostBytes = 4 * 1024 ** 3;
const clearing = 'clearing up after camp measure';
/** How long somebody who clears up is waited for. */
const clearingMs: Ms = 60_000;

/**
 * Copies the project into its own state folder: to the same disk, where containers see it as they see the project. A shell
 * waits for the end of this process, however it comes, and has the copy removed with all that runs of it.
 * Throws LOCKED and NOT_MEASURABLE (machine), and what the disk says.
 */
export async function makeScratch(dir: string, env: NodeJS.ProcessEnv): Promise<Scratch> {
  const home = homeOf(dir);
  // before there is anything to clear up: a kill finds no moment without it
  const janitor = startJanitor(dir, env);
  const lock = await take(home, dir).catch(async (error: unknown) => {
    await janitor.dismiss();
    throw error;
  });
  const copy = join(home, copyName, basename(dir) || 'root');
  const beside = join(home, 'empty');
  let kept: ReadonlySet<string> = new Set();
  const removeAll = async (): Promise<void> => {
    process.chdir(dir);
    await removeCopies(home, dir, env);
  };
  const remove = async (): Promise<void> => {
    await removeAll();
    await janitor.dismiss();
    lock.release();
    removeHome(home);
  };
  try {
    await removeAll();
    refuseHuge(dir);
    const left = copyTree(dir, copy, true);
    process.chdir(copy);
    return {
      dir: copy,
      left,
      keep() {
        kept = pathsIn(copy);
      },
      restore: () => restoreTree(dir, copy, kept),
      async renew() {
        await removeAll();
        copyTree(dir, copy, false);
        makeFolder(beside, 0o700);
        process.chdir(copy);
        return beside;
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * Removes what a measuring that was killed together with its janitor has left. What is being measured, or cleared by somebody
 * else, is left alone. Throws what keeps it from being removed.
 */
export async function clearScratch(dir: string, env: NodeJS.ProcessEnv): Promise<void> {
  const home = homeOf(dir);
  if (!existsSync(home)) return;
  const lock = tryLock(join(home, lockName), clearing);
  if (!isLock(lock)) return;
  try {
    await removeCopies(home, dir, env);
  } finally {
    lock.release();
    removeHome(home);
  }
}

function homeOf(dir: string): string {
  const { state } = stateFolders(dir);
  return join(isAbsolute(state) ? state : join(dir, state), measuring);
}

async function take(home: string, dir: string): Promise<Lock> {
  const deadline = performance.now() + clearingMs;
  for (;;) {
    makeFolder(join(home, '..'), 0o700);
    makeFolder(home, 0o700);
    const ignore = join(home, '..', '.gitignore');
    if (!existsSync(ignore)) writeWhole(ignore, '*\n', { durable: false });
    const lock = tryLock(join(home, lockName), `camp measure in ${dir}`);
    if (isLock(lock)) return lock;
    if (lock.purpose !== clearing || performance.now() > deadline) refuse(lock);
    await delay(20);
  }
}

function refuse({ pid }: Holder): never {
  return fail('machine', 'LOCKED', `another camp measure (pid ${pid}) runs in this project`, {
    hints: ['wait until it has finished, then run the command again', `kill ${pid}`],
  });
}

function refuseHuge(dir: string): void {
  if (sizeOfTree(dir, mostBytes) > mostBytes)
    fail('machine', 'NOT_MEASURABLE', `${dir} holds more than 4 GB, which would have to be copied for each measuring`, {
      hints: ['move data out of the project', 'camp measure --only configuration'],
    });
}

/** Blocks on a pipe that only this process holds; when that ends without a word, camp is asked to clear up. */
const janitorScript = `
trap '' INT HUP TERM
read -r _ || exec "$@"
`;

function startJanitor(dir: string, env: NodeJS.ProcessEnv): { dismiss(): Promise<void> } {
  const shell = spawn(
    '/bin/sh',
    ['-c', janitorScript, 'camp-janitor', ...campCommand('-C', dir, 'measure', '--clear')],
    {
      env,
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  shell.unref();
  shell.on('error', () => undefined); // then the next command of this project clears
  shell.stdin?.on('error', () => undefined);
  (shell.stdin as unknown as { unref?(): void } | null)?.unref?.();
  const ended = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve());
    shell.once('error', () => resolve());
  });
  return {
    async dismiss() {
      shell.ref();
      shell.stdin?.end('done\n');
      await ended;
    },
  };
}
