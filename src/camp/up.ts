import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicClock, processOriginNs } from '../kit/clock.ts';
import type { Event, Ms } from '../kit/events.ts';
import { CampError, fail, failuresOf } from '../kit/failure.ts';
import { isLock, type Lock, tryLock } from '../kit/lock.ts';
import { projectId } from '../kit/paths.ts';
import { needsEngine, place } from '../plan/place.ts';
import type { ProjectStatus, UpReport } from '../report/types.ts';
import { ask, runningSupervisor } from './client.ts';
import { makeStateFolders, type StateFolders, stateFolders } from './folders.ts';
import { clearMeasuring, clearTestInstance, measuring, testInstance } from './instance.ts';
import { refuseUnknownServices } from './known-services.ts';
import { provideSecrets, withPlannedSecrets } from './secrets.ts';
import { type Selection, selectionOf } from './selection.ts';
import type { Supervisor } from './supervisor.ts';

export interface UpRequest extends Selection {
  /** The project's folder, absolute and real. */
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly only?: readonly string[];
  readonly timeoutMs: Ms;
  /** `--port` */
  readonly port?: number;
  /** Whether changed files are followed. */
  readonly isWatching: boolean;
  readonly originNs?: bigint;
  onEvent(event: Event): void;
  readonly signal: AbortSignal;
}

/** What `up` came to: this process runs the project now, or another camp did and has converged it. */
export type UpOutcome =
  | { readonly kind: 'running'; readonly report: UpReport; readonly session: Session }
  | { readonly kind: 'attached'; readonly report: UpReport; readonly pid: number; readonly folders: StateFolders };

/** A project that this process runs. */
export interface Session {
  readonly supervisor: Supervisor;
  /** Resolves when the project has been stopped, by whomever. */
  readonly ended: Promise<void>;
  stop(isForced: boolean): Promise<void>;
}

const settleMs: Ms = 10_000;

/**
 * Converges a project to its files. One camp supervises a project: whoever takes the lock runs it, everybody else
 * asks that one. When the first start fails, nothing is left running. Throws what could not be done.
 */
export async function up(request: UpRequest): Promise<UpOutcome> {
  process.chdir(request.dir);
  const folders = stateFolders(request.dir, request.instance);
  // of a camp test, or a camp measure, that was killed
  const isLeft = [testInstance, measuring].some((name) => existsSync(join(folders.state, name)));
  const isCleared = request.instance === undefined && isLeft && clearQuietly(request);
  try {
    return await take(request, folders);
  } finally {
    await isCleared;
  }
}

async function take(request: UpRequest, folders: StateFolders): Promise<UpOutcome> {
  if (!existsSync(folders.state)) await refuseBadFiles({ ...request, env: await withPlannedSecrets(request) });
  await provideSecrets(request);
  makeStateFolders(folders);
  const deadline = performance.now() + settleMs;
  for (;;) {
    const lock = tryLock(folders.lock, `camp in ${request.dir}`);
    if (isLock(lock)) {
      // who had the lock before has removed its folder
      makeStateFolders(folders);
      return run(request, folders, lock);
    }
    const report = await convergeOther(request, folders);
    if (report) return { kind: 'attached', report, pid: lock.pid, folders };
    // its lock is held but nobody listens: it is just starting, or just stopping
    if (performance.now() > deadline)
      fail('machine', 'LOCKED', `${lock.purpose} (pid ${lock.pid}) holds this project and does not answer`, {
        hints: ['camp down'],
      });
    await new Promise((resolve) => setTimeout(resolve, 20));
    request.signal.throwIfAborted();
  }
}

/** What keeps it there is worth a warning, and no reason not to start. */
function clearQuietly(request: UpRequest): Promise<void> {
  const clear = async (): Promise<void> => {
    await clearTestInstance(request);
    await clearMeasuring(request);
  };
  return clear().catch((error: unknown) => {
    const [found] = failuresOf(error);
    if (found) request.onEvent({ type: 'warning', t: 0, message: found.message, failure: found });
  });
}

/** Before the first run nothing is written for a project whose files are wrong; later the supervisor finds it out. */
async function refuseBadFiles(request: UpRequest): Promise<void> {
  const { readChecked } = await import('./look.ts');
  const { project } = await readChecked(request);
  refuseUnknownServices(project, request.only);
  const mode = request.mode ?? 'auto';
  // whether an engine answers is asked only once, by the supervisor
  const { failures } = place(project, mode, needsEngine(project, mode) ? { at: 'reachable' } : { at: 'unasked' });
  if (failures.length > 0) throw new CampError(failures);
}

async function convergeOther(request: UpRequest, folders: StateFolders): Promise<UpReport | undefined> {
  if (!runningSupervisor(folders)) return undefined;
  if (request.port !== undefined) await refuseOtherPort(request.port, folders);
  const args = {
    timeoutMs: request.timeoutMs,
    originNs: String(request.originNs ?? processOriginNs()),
    ...selectionOf(request),
    // no word of a placement means what the files say, also where it was another one until now
    mode: request.mode ?? 'auto',
    ...(request.only ? { only: request.only } : {}),
  };
  try {
    return (await ask(folders, 'converge', args, request.onEvent, request.signal)) as UpReport | undefined;
  } catch (error) {
    // it is being stopped: as soon as that is done, this command may start it again
    if (error instanceof CampError && error.failures[0]?.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}

/** An edge that runs is not moved: its address is open in browsers. Throws PORT_FIXED (usage). */
async function refuseOtherPort(port: number, folders: StateFolders): Promise<void> {
  const now = (await ask(folders, 'status', {}, () => undefined).catch(() => undefined)) as ProjectStatus | undefined;
  const https = now?.edge?.https;
  if (https !== undefined && https !== port)
    fail('usage', 'PORT_FIXED', `${now?.project} runs already, and its edge listens on ${https}, not on ${port}`, {
      hints: [`camp down && camp up --port ${port}`],
    });
}

async function run(request: UpRequest, folders: StateFolders, lock: Lock): Promise<UpOutcome> {
  const originNs = request.originNs ?? processOriginNs();
  const { Supervisor } = await import('./supervisor.ts');
  const supervisor = new Supervisor(
    {
      dir: request.dir,
      env: request.env,
      folders,
      clock: monotonicClock(originNs),
      selection: selectionOf(request),
      ...(request.port === undefined ? {} : { port: request.port }),
    },
    projectId(request.dir, request.instance),
  );
  supervisor.subscribe(request.onEvent);
  const control = import('./verbs.ts').then(async ({ answerVerbs }) => {
    const { serveControl } = await import('../kit/control.ts');
    return serveControl(folders.control, answerVerbs(supervisor, originNs));
  });
  const warn = (error: unknown): void =>
    supervisor.emit({ type: 'warning', message: failuresOf(error)[0]?.message ?? '' });
  control.catch(warn);
  const ended = new Promise<void>((resolve) => {
    supervisor.ending.addEventListener('abort', () => {
      void (async () => {
        // whatever went wrong: who comes next finds no lock of a camp that is gone
        await supervisor.stop().catch(warn);
        await control.then((server) => server.close()).catch(() => undefined);
        // last of all: closing removes the socket by its name, which whoever has the lock next uses too
        rmSync(folders.run, { recursive: true, force: true });
        lock.release();
        resolve();
      })();
    });
  });
  const abort = (): void => void supervisor.stop();
  // it may have come while this file's parts were loaded
  if (request.signal.aborted) abort();
  else request.signal.addEventListener('abort', abort, { once: true });
  try {
    const report = await supervisor.converge({
      originMs: 0,
      timeoutMs: request.timeoutMs,
      ...(request.only ? { only: request.only } : {}),
    });
    if (request.isWatching) void import('./autopilot.ts').then(({ followFiles }) => followFiles(supervisor));
    return { kind: 'running', report, session: { supervisor, ended, stop: (isForced) => supervisor.stop(isForced) } };
  } catch (error) {
    const wasStopped = supervisor.ending.aborted;
    await supervisor.stop().catch(() => undefined); // said on the way to `ended`
    await ended;
    if (error instanceof CampError) throw error;
    if (request.signal.aborted) throw request.signal.reason;
    if (wasStopped)
      fail('usage', 'NOT_RUNNING', 'the project was stopped while it was starting', { hints: ['camp up'] });
    throw error;
  }
}
