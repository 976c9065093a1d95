import { type Child, startChild } from '../../kit/child.ts';
import type { Ms } from '../../kit/events.ts';
import { CampError, failure } from '../../kit/failure.ts';
import { projectId } from '../../kit/paths.ts';
import { markedProcesses } from '../../kit/process.ts';
import { runCommand } from '../../kit/spawn.ts';
import type { ErrorJson } from '../../report/json.ts';
import type { ProjectStatus, UpReport } from '../../report/types.ts';
import { ask } from '../client.ts';
import { stateFolders } from '../folders.ts';
import { campCommand, type Scratch } from './scratch.ts';

export interface ClusterSetup {
  readonly scratch: Scratch;
  readonly env: Readonly<Record<string, string>>;
  /** Further words of `camp up`: `--docker`. */
  readonly flags: readonly string[];
  readonly timeoutMs: Ms;
  readonly signal: AbortSignal;
}

/** A scratch copy that runs, under a `camp up` of its own: started as a person starts it. */
export interface Cluster {
  readonly report: UpReport;
  /** `performance.now()` at the moment before `camp up` was started. */
  readonly beganMs: Ms;
  readonly setup: ClusterSetup;
  status(): Promise<ProjectStatus>;
  /** From the start of `camp down` until nothing of the project is left. */
  down(): Promise<Ms>;
}

/** Runs `camp up` in the scratch copy until its first requests are answered. Throws what it has failed with. */
export async function bringUp(setup: ClusterSetup): Promise<Cluster> {
  const { scratch, env, flags, timeoutMs, signal } = setup;
  signal.throwIfAborted();
  const seconds = String(Math.ceil(timeoutMs / 1000));
  const words = campCommand('-C', scratch.dir, 'up', '--json', '--timeout', seconds, ...flags);
  const said: string[] = [];
  let isSaid = (): void => undefined;
  const saying = new Promise<void>((resolve) => {
    isSaid = resolve;
  });
  const beganMs = performance.now();
  const child = await startChild({
    argv: words,
    cwd: scratch.dir,
    env,
    onLine(stream, line) {
      if (stream !== 'stdout') return;
      said.push(line);
      isSaid();
    },
  });
  const abort = (): void => void child.signal('SIGTERM');
  // it may have come while the program was started
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  await Promise.race([saying, child.exited]);
  signal.removeEventListener('abort', abort);
  signal.throwIfAborted();
  const report = reportIn(said.join('\n'));
  return {
    report,
    beganMs,
    setup,
    status: () => statusOf(scratch),
    down: () => down(setup, child),
  };
}

/** Runs a camp command on the copy to its end; returns what it says with `--json`. Throws what it has failed with. */
export async function campIn({ scratch, env, signal }: ClusterSetup, ...words: readonly string[]): Promise<unknown> {
  const argv = campCommand('-C', scratch.dir, ...words, '--json');
  const { stdout, stderr } = await runCommand(argv, { cwd: scratch.dir, env, timeoutMs: 120_000, signal });
  signal.throwIfAborted();
  return objectIn(stdout, stderr);
}

function reportIn(text: string): UpReport {
  return objectIn(text, '') as UpReport;
}

function objectIn(stdout: string, stderr: string): unknown {
  let value: (Partial<ErrorJson> & object) | undefined;
  try {
    value = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Partial<ErrorJson> & object;
  } catch {
    throw new CampError(
      failure('bug', 'BUG', 'camp ended without a word', { evidence: stderr.split('\n').slice(-20) }),
    );
  }
  if (value.errors) throw new CampError(value.errors);
  return value;
}

async function statusOf({ dir }: Scratch): Promise<ProjectStatus> {
  const status = await ask(stateFolders(dir), 'status', {}, () => undefined);
  if (status === undefined)
    throw new CampError(failure('bug', 'BUG', 'the camp that runs the scratch copy is gone', { evidence: [dir] }));
  return status as ProjectStatus;
}

async function down(setup: ClusterSetup, up: Child): Promise<Ms> {
  const began = performance.now();
  await campIn({ ...setup, signal: new AbortController().signal }, 'down');
  await up.exited;
  const id = projectId(setup.scratch.dir);
  while (markedProcesses(id).length > 0 && performance.now() - began < 20_000)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return performance.now() - began;
}
