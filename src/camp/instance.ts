import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../kit/failure.ts';
import { type Holder, readHolder } from '../kit/lock.ts';
import { isAlive } from '../kit/process.ts';
import { containerMark } from './containers/mark.ts';
import { stateFolders } from './folders.ts';

/** The instance of a project that `camp test` runs against. */
export const testInstance = 'test';

/** The folder of the state in which `camp measure` has its copy. */
export const measuring = 'measure';

/** Who is testing this project now. */
export function testerOf(dir: string): Holder | undefined {
  const holder = readHolder(stateFolders(dir, testInstance).lock);
  return holder && isAlive(holder) ? holder : undefined;
}

/** Throws LOCKED (machine): there is one throw-away cluster for each project. */
export function refuseTester(tester: Holder): never {
  return fail('machine', 'LOCKED', `another camp test (pid ${tester.pid}) runs in this project`, {
    hints: ['wait until it has finished, then run the command again', `kill ${tester.pid}`],
  });
}

/**
 * Removes what is left of a throw-away cluster: processes, containers, volumes, data. One that is being used is left alone.
 * The working directory is the project's folder. Throws what keeps containers from being removed.
 */
export async function clearTestInstance(request: {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<void> {
  const { state } = stateFolders(request.dir, testInstance);
  if (!existsSync(state) || testerOf(request.dir)) return;
  const built = containerMark(state) === undefined ? undefined : await import('./containers/built.ts');
  const images = built?.builtImages(request.dir, request.env, testInstance) ?? [];
  const { downInstance } = await import('./down.ts');
  await downInstance({
    ...request,
    instance: testInstance,
    isForced: true,
    // an engine is asked only where one was used
    isWithData: containerMark(state) !== undefined,
    mayDelete: () => Promise.resolve(true),
    onEvent: () => undefined,
    signal: new AbortController().signal,
  });
  if (images.length > 0) await built?.removeImages(images, request.env);
  rmSync(state, { recursive: true, force: true });
}

/** The same for what `camp measure` has left. */
export async function clearMeasuring(request: {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<void> {
  const { state } = stateFolders(request.dir);
  if (!existsSync(join(state, measuring))) return;
  const { clearScratch } = await import('./measure/scratch.ts');
  await clearScratch(request.dir, request.env);
}
