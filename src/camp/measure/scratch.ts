import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import type { Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import { makeFolder, writeWhole } from '../../kit/files.ts';
import { isLock, type Lock, readHolder, tryLock } from '../../kit/lock.ts';
import { isAlive } from '../../kit/process.ts';
import { runCommand } from '../../kit/spawn.ts';
import { containerMark } from '../containers/mark.ts';
import { stateFolders } from '../folders.ts';
import { copyTree, restoreTree, sizeOfTree } from './tree.ts';

/** A copy of a project that may be changed and started as one likes, and that is the working directory. */
export interface Scratch {
  /** The copy's own folder, absolute. */
  readonly dir: string;
  /** What could not be copied, relative to the project. */
  readonly left: readonly string[];
  /** Makes the copy what the project is, except for what is installed, made and kept by its programs. */
  restore(): void;
  /** Makes the copy anew, as after a `git clone`: nothing is installed. Returns an empty folder beside it. */
  renew(): Promise<string>;
  /** Ends whatever runs of the copy and removes it. */
  remove(): Promise<void>;
}

/** More than that is no project, but its data. */
const mostBytes = 4 * 1024 ** 3;
const removalMs: Ms = 60_000;
/** In the folder of the copy: the lock of whoever measures. */
const lockName = 'lock';

/**
 * Copies the project into its own state folder: to the same disk, where containers see it as they see the project. A shell
 * waits for the end of this process, however it comes, and has the copy removed with all that runs of it.
 * Throws LOCKED and NOT_MEASURABLE (machine), and what the disk says.
 */
export async function makeScratch(dir: string, env: NodeJS.ProcessEnv): Promise<Scratch> {
  const home = homeOf(dir);
  const lock = take(home, dir);
  const copy = join(home, basename(dir));
  const beside = join(home, 'empty');
  const janitor = startJanitor(dir, env);
  const removeAll = async (): Promise<void> => {
    process.chdir(dir);
    await removeCopies(home, scratchEnv(env, dir));
  };
  const remove = async (): Promise<void> => {
    await removeAll();
    janitor.dismiss();
    lock.release();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await removeAll();
    refuseHuge(dir);
    const left = copyTree(dir, copy, true);
    process.chdir(copy);
    return {
      dir: copy,
      left,
      restore: () => restoreTree(dir, copy),
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

/** Removes what a measuring that was killed together with its janitor has left. What is being measured is left alone. */
export async function clearScratch(dir: string, env: NodeJS.ProcessEnv): Promise<void> {
  const home = homeOf(dir);
  if (!existsSync(home)) return;
  const holder = readHolder(join(home, lockName));
  if (holder && isAlive(holder)) return;
  await removeCopies(home, scratchEnv(env, dir));
  rmSync(home, { recursive: true, force: true });
}

/** The copy is another project to Docker Compose too: containers and volumes get names of their own. */
export function scratchEnv(env: NodeJS.ProcessEnv, dir: string): Record<string, string> {
  const inherited = Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined);
  const name =
    basename(dir)
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, '-')
      .replace(/^[-_]+/, '') || 'project';
  return { ...Object.fromEntries(inherited), COMPOSE_PROJECT_NAME: `${name.slice(0, 50)}-measured` };
}

/** The words that start this very camp once more. */
export function campCommand(...words: readonly string[]): readonly string[] {
  return [process.execPath, process.argv[1] ?? '', ...words];
}

function homeOf(dir: string): string {
  const { state } = stateFolders(dir);
  return join(isAbsolute(state) ? state : join(dir, state), 'measure');
}

function take(home: string, dir: string): Lock {
  makeFolder(join(home, '..'), 0o700);
  makeFolder(home, 0o700);
  const ignore = join(home, '..', '.gitignore');
  if (!existsSync(ignore)) writeWhole(ignore, '*\n', { durable: false });
  const lock = tryLock(join(home, lockName), `camp measure in ${dir}`);
  if (isLock(lock)) return lock;
  return fail('machine', 'LOCKED', `another camp measure (pid ${lock.pid}) runs in this project`, {
    hints: ['wait until it has finished, then run the command again', `kill ${lock.pid}`],
  });
}

function refuseHuge(dir: string): void {
  if (sizeOfTree(dir, mostBytes) > mostBytes)
    fail('machine', 'NOT_MEASURABLE', `${dir} holds more than 4 GB, which would have to be copied for each measuring`, {
      hints: ['move data out of the project', 'camp measure --only configuration'],
    });
}

async function removeCopies(home: string, env: Readonly<Record<string, string>>): Promise<void> {
  if (!existsSync(home)) return;
  for (const name of readdirSync(home)) {
    if (name === lockName) continue;
    const copy = join(home, name);
    if (existsSync(join(copy, '.camp'))) {
      const built =
        containerMark(join(copy, '.camp')) === undefined ? undefined : await import('../containers/built.ts');
      const images = built?.builtImages(copy, env) ?? [];
      await runCommand(campCommand('-C', copy, 'down', '--data', '--yes'), { env, timeoutMs: removalMs });
      if (images.length > 0) await built?.removeImages(images, env);
    }
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Blocks on a pipe that only this process holds; when that ends without a word, camp is asked to clear up. */
const janitorScript = `
trap '' INT HUP TERM
read -r _ || exec "$@"
`;

function startJanitor(dir: string, env: NodeJS.ProcessEnv): { dismiss(): void } {
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
  return { dismiss: () => void shell.stdin?.end('done\n') };
}
