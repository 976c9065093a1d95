import { chmodSync, existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import { CampError, failure } from '../../kit/failure.ts';
import { failOnDisk } from '../../kit/files.ts';
import { readHolder } from '../../kit/lock.ts';
import { projectId } from '../../kit/paths.ts';
import { isAlive, markedProcesses, projectMarker, signalProcess } from '../../kit/process.ts';
import { runCommand } from '../../kit/spawn.ts';
import type { ErrorJson } from '../../report/json.ts';
import { containerMark } from '../containers/mark.ts';

const removalMs: Ms = 60_000;
/** Gets a camp command on a copy after TERM: `up` stops what it has started. */
const graceMs: Ms = 10_000;

/** In the folder of the copies: the lock of whoever measures or clears. */
export const lockName = 'lock';
/** In the folder of the copies: theirs alone, whatever the project is called. */
export const copyName = 'copy';

/** The words that start this very camp once more. */
export function campCommand(...words: readonly string[]): readonly string[] {
  return [process.execPath, process.argv[1] ?? '', ...words];
}

/**
 * The environment of every camp command on the copy. The copy is another project to Docker Compose too: containers and volumes
 * get names of their own. The commands themselves carry a mark, by which they are found when who has started them is gone.
 */
export function scratchEnv(env: NodeJS.ProcessEnv, dir: string): Record<string, string> {
  const inherited = Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined);
  const name =
    basename(dir)
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, '-')
      .replace(/^[-_]+/, '') || 'project';
  const own = {
    ...Object.fromEntries(inherited),
    COMPOSE_PROJECT_NAME: `${name.slice(0, 50)}-measured`,
    [projectMarker]: measuringId(dir),
  };
  // camp's own words to itself: from outside they would move the begin of what is timed
  return Object.fromEntries(Object.entries(own).filter(([key]) => !/^CAMP_(ORIGIN_NS|SUPERVISOR)$/.test(key)));
}

/**
 * Ends whatever runs of the copies in `home`, and removes them with their containers, volumes and images. The caller holds the
 * lock. Throws what keeps `camp down` from ending it: then the copy stays, because without it nobody finds what it has left.
 */
export async function removeCopies(home: string, dir: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (!existsSync(home)) return;
  await endCommands(measuringId(dir));
  for (const copy of foldersIn(join(home, copyName))) await endCopy(copy, scratchEnv(env, dir));
  for (const name of readdirSync(home)) if (!isLockOfSomebody(home, name)) removeTree(join(home, name));
}

/** Removes the folder of the copies, unless somebody has taken it by now. */
export function removeHome(home: string): void {
  try {
    rmdirSync(home);
  } catch {
    // there is a lock in it again
  }
}

function measuringId(dir: string): string {
  return projectId(dir, 'measure');
}

/** A `camp up` that had only begun would go on in a folder that is gone. */
async function endCommands(id: string): Promise<void> {
  const found = markedProcesses(id);
  for (const one of found) signalProcess(one, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (found.some(isAlive) && performance.now() < deadline) await delay(10);
  for (const one of found) signalProcess(one, 'SIGKILL');
}

async function endCopy(copy: string, env: Readonly<Record<string, string>>): Promise<void> {
  const state = join(copy, '.camp');
  if (!existsSync(state)) return;
  const built = containerMark(state) === undefined ? undefined : await import('../containers/built.ts');
  const images = built?.builtImages(copy, env) ?? [];
  const argv = campCommand('-C', copy, 'down', '--data', '--yes', '--json');
  const { exitCode, stdout, stderr } = await runCommand(argv, { cwd: '/', env, timeoutMs: removalMs });
  if (exitCode !== 0) throw new CampError(failuresIn(stdout, copy, stderr));
  if (images.length > 0) await built?.removeImages(images, env);
}

function failuresIn(stdout: string, copy: string, stderr: string): ErrorJson['errors'] {
  try {
    const { errors } = JSON.parse(stdout) as Partial<ErrorJson>;
    if (errors?.length) return errors;
  } catch {
    // it was killed, or has taken too long
  }
  const evidence = stderr.split('\n').slice(-20);
  return [failure('bug', 'BUG', `what runs of ${copy} could not be stopped`, { evidence })];
}

/** Programs make folders that may not be written (Go's modules): they are made writable first. */
function removeTree(path: string): void {
  const options = { recursive: true, force: true, maxRetries: 5, retryDelay: 50 } as const;
  try {
    rmSync(path, options);
  } catch {
    makeWritable(path);
    try {
      rmSync(path, options);
    } catch (error) {
      failOnDisk(error, path);
    }
  }
}

function makeWritable(path: string): void {
  try {
    chmodSync(path, 0o700);
  } catch {
    return; // somebody else's
  }
  for (const folder of foldersIn(path)) makeWritable(folder);
}

function foldersIn(path: string): readonly string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  } catch {
    return [];
  }
}

/** Besides the lock itself there is a file of each process that is just trying to take it. */
function isLockOfSomebody(home: string, name: string): boolean {
  if (name === lockName) return true;
  if (!name.startsWith(`${lockName}.`)) return false;
  const holder = readHolder(join(home, name));
  return holder !== undefined && isAlive(holder);
}
