import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Event, Ms } from '../kit/events.ts';
import { CampError, fail } from '../kit/failure.ts';
import { type Holder, isLock, readHolder, tryLock } from '../kit/lock.ts';
import { projectId, userFolders } from '../kit/paths.ts';
import {
  guardName,
  isAlive,
  type MarkedProcess,
  markedProcesses,
  type ProcessId,
  signalProcess,
} from '../kit/process.ts';
import { needsEngine } from '../plan/place.ts';
import { loadProject } from '../project/load.ts';
import { at, plainOf } from '../project/tree.ts';
import type { DownReport, VolumeStatus } from '../report/types.ts';
import type { ComposeVolumes, Volume } from '../runtime/docker/volumes.ts';
import { ask } from './client.ts';
import { containerMark, markContainers, mayBeLeft } from './containers/mark.ts';
import { dataFolders, removeDataFolder } from './data-folders.ts';
import { stateFolders } from './folders.ts';
import { clearMeasuring, clearTestInstance } from './instance.ts';

export interface DownRequest {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly isForced: boolean;
  /** An instance of the project, instead of itself. */
  readonly instance?: string;
  /** `--data`: volumes too, after `mayDelete` has been told which and has agreed. */
  readonly isWithData: boolean;
  mayDelete(volumes: readonly VolumeStatus[]): Promise<boolean>;
  onEvent(event: Event): void;
  readonly signal: AbortSignal;
}

/** A supervisor that does not answer gets this long after TERM. */
const supervisorGraceMs: Ms = 12_000;

/**
 * Stops everything that is this project's: asks the camp that supervises it, or, where that is gone or deaf, finds
 * what it has started by the marker in its environment. Nothing else is touched.
 */
export async function down(request: DownRequest): Promise<DownReport> {
  process.chdir(request.dir);
  const report = await downInstance(request);
  // of a camp test, or a camp measure, that was killed
  await clearTestInstance(request);
  await clearMeasuring(request);
  return report;
}

/** Just the one instance that is named. The working directory is the project's folder. */
export async function downInstance(request: DownRequest): Promise<DownReport> {
  const id = projectId(request.dir, request.instance);
  const folders = stateFolders(request.dir, request.instance);
  const holder = readHolder(folders.lock);
  const wasSupervised = holder !== undefined && isAlive(holder);
  if (wasSupervised) {
    await ask(folders, 'stop', { isForced: request.isForced }, request.onEvent, request.signal);
    await ends(holder);
  }
  /** Who has started it again meanwhile had the lock before the first process. */
  const successor = (): Holder | undefined => {
    const now = readHolder(folders.lock);
    const isOther = now !== undefined && (now.pid !== holder?.pid || now.startTime !== holder.startTime);
    return isOther && isAlive(now) ? now : undefined;
  };
  const left = (): readonly MarkedProcess[] => {
    const found = markedProcesses(id);
    const next = successor();
    return next ? found.filter(({ supervisor }) => supervisor !== `${next.pid}:${next.startTime}`) : found;
  };
  const leftovers = left();
  const { clearLeftovers, supervisorsOf } = await import('../runtime/native/leftovers.ts');
  await Promise.all(supervisorsOf(leftovers).map(ends));
  const strays = left();
  await clearLeftovers(
    id,
    strays.map((one) => one.pid),
  );
  const next = successor();
  if (next && request.isWithData) refuseUsed(next);
  const cleared = next ? nothing : await clearContainers(request, id, wasSupervised);
  const { containers, volumes, kept } = await clearData(request, cleared);
  removeTraces(folders.lock, folders.run, request.env);
  return {
    stopped: wasSupervised || leftovers.length > 0 || containers > 0,
    leftovers: strays.filter(({ replica }) => replica !== guardName).length,
    containers,
    volumes,
    kept,
  };
}

/** Data that somebody works with are not taken away. Throws LOCKED (machine). */
function refuseUsed({ pid, purpose }: Holder): never {
  return fail('machine', 'LOCKED', `${purpose} (pid ${pid}) has just started the project again: its data stay`, {
    hints: ['camp down --data'],
  });
}

interface Cleared {
  /** Containers that were there without a camp. */
  readonly containers: number;
  /** What may be deleted, and how. */
  readonly volumes: readonly VolumeStatus[];
  readonly kept: readonly string[];
  removeVolumes(): Promise<void>;
}

const nothing: Cleared = { containers: 0, volumes: [], kept: [], removeVolumes: async () => undefined };

/** With `--data`: what native servers keep, and volumes, asked for together and once. */
async function clearData(
  request: DownRequest,
  { containers, volumes, kept, removeVolumes }: Cleared,
): Promise<Pick<DownReport, 'containers' | 'volumes' | 'kept'>> {
  if (!request.isWithData) return { containers, volumes: [], kept: [] };
  const { data } = stateFolders(request.dir, request.instance);
  const folders = dataFolders(data);
  const found = [...folders.map(({ name, bytes }) => ({ name: join(data, name), bytes })), ...volumes];
  const isAgreed = found.length > 0 && (await request.mayDelete(found));
  if (isAgreed) {
    for (const { name } of folders) removeDataFolder(data, name);
    await removeVolumes();
  }
  return { containers, volumes: found.map((each) => ({ ...each, deleted: isAgreed })), kept };
}

/** Containers that nobody supervises any more, and, with `--data`, volumes. Docker is not touched where there can be none. */
async function clearContainers(request: DownRequest, projectId: string, wasSupervised: boolean): Promise<Cleared> {
  const { state } = stateFolders(request.dir, request.instance);
  const { isWithData, env, signal } = request;
  const mark = containerMark(state);
  const mayBeThere = mark === 'there' || (isWithData && mark !== undefined);
  if (!mayBeThere && ((wasSupervised && !isWithData) || !(wantsContainers(request) || hasClaimed(request))))
    return nothing;
  const { connectEngine } = await import('../runtime/docker/engine/connect.ts');
  const { foreignVolumes, removeLeftovers, removeVolumes, volumesOf } = await import('../runtime/docker/leftovers.ts');
  const removed = connectEngine(env, signal).then(async (engine) => ({
    engine,
    containers: await removeLeftovers(engine, { projectId, stateDir: state, signal }),
  }));
  const cleared = await removed.catch((error: unknown) => withoutEngine(error, mark, isWithData));
  if (!cleared) return nothing;
  const { engine, containers } = cleared;
  markContainers(state, 'gone');
  if (!isWithData) return { ...nothing, containers };
  const leftovers = { projectId, stateDir: state, signal };
  const found = await volumesOf(engine, leftovers);
  const compose = composeVolumes(request);
  const kept = compose ? await foreignVolumes(engine, leftovers, compose) : [];
  const remove = async (): Promise<void> => {
    if (found.length > 0) await removeVolumes(engine, leftovers, found);
  };
  return { containers, volumes: found.map(statusOf), kept, removeVolumes: remove };
}

/** Where no camp has ever made a container, nothing can be left in an engine that cannot be used. */
function withoutEngine(error: unknown, mark: ReturnType<typeof containerMark>, isWithData: boolean): undefined {
  const [first] = error instanceof CampError ? error.failures : [];
  if (!first || !unusable.has(first.code)) throw error;
  if (mark !== 'there' && !isWithData) return undefined;
  throw new CampError(
    mark === 'there' ? mayBeLeft(first) : { ...first, message: `the volumes cannot be looked at: ${first.message}` },
  );
}

const unusable = new Set(['ENGINE_UNREACHABLE', 'ENGINE_HANGS', 'ENGINE_TOO_OLD', 'NO_PERMISSION']);

function statusOf({ name, size }: Volume): VolumeStatus {
  return { name, bytes: size ?? null };
}

/** What the files say of volumes; nothing where they cannot be read. */
function composeVolumes({ dir, env, instance }: DownRequest): ComposeVolumes | undefined {
  const compose = loadProject(dir, { env, ...(instance === undefined ? {} : { instance }) }).project?.compose;
  if (!compose) return undefined;
  const volumes = (plainOf(at(compose.tree, 'volumes')) ?? {}) as Readonly<Record<string, VolumeWords | null>>;
  const external = Object.entries(volumes).flatMap(([key, words]) => {
    const { external: isExternal, name } = words ?? {};
    if (isExternal === undefined || isExternal === false) return [];
    return [(typeof isExternal === 'object' ? isExternal?.name : undefined) ?? name ?? key];
  });
  return { name: compose.name, external: new Set(external) };
}

interface VolumeWords {
  readonly name?: string;
  /** The object is the old spelling of a name. */
  readonly external?: boolean | string | { readonly name?: string };
}

/** Whether the files want any; files that cannot be read want nothing. */
function wantsContainers({ dir, env }: DownRequest): boolean {
  const { project } = loadProject(dir, { env });
  return project !== undefined && needsEngine(project, 'auto');
}

/** Whether a camp that is gone has left a claim of a port: with `--docker` it may have made containers that no file asks for. */
function hasClaimed({ dir, env }: DownRequest): boolean {
  const claims = claimsIn(env);
  const names = existsSync(claims) ? readdirSync(claims) : [];
  return names.some((name) => readHolder(join(claims, name))?.purpose.endsWith(` in ${dir}`));
}

function claimsIn(env: NodeJS.ProcessEnv): string {
  return join(userFolders(env).state, 'ports');
}

/** Waits until a supervisor is gone; asks it with TERM when it does not go, then kills it. */
async function ends(supervisor: ProcessId): Promise<void> {
  const began = performance.now();
  let isAsked = false;
  while (isAlive(supervisor)) {
    const waited = performance.now() - began;
    if (waited > 200 && !isAsked) isAsked = signalProcess(supervisor, 'SIGTERM');
    if (waited > supervisorGraceMs) signalProcess(supervisor, 'SIGKILL');
    await delay(5);
  }
}

/** Lock, sockets and port claims of a camp that is no longer there. */
function removeTraces(lockFile: string, run: string, env: NodeJS.ProcessEnv): void {
  dropDeadClaims(claimsIn(env));
  if (!existsSync(join(lockFile, '..'))) return;
  const lock = tryLock(lockFile, 'camp down');
  if (!isLock(lock)) return; // somebody has started it again in this moment
  rmSync(run, { recursive: true, force: true });
  lock.release();
}

function dropDeadClaims(claims: string): void {
  for (const port of existsSync(claims) ? readdirSync(claims) : []) {
    const lock = tryLock(join(claims, port), 'camp down');
    if (isLock(lock)) lock.release();
  }
}
