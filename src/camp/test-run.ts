import { delimiter } from 'node:path';
import { type Child, settlesWithin, startChild } from '../kit/child.ts';
import type { Ms } from '../kit/events.ts';
import { failuresOf } from '../kit/failure.ts';
import type { Suite } from '../project/suites.ts';
import type { SuiteReport } from '../report/types.ts';
import { installDependencies } from '../runtime/native/install.ts';
import type { Supervisor } from './supervisor.ts';

export interface SuiteRun {
  readonly suite: Suite;
  readonly env: Readonly<Record<string, string>>;
  readonly supervisor: Supervisor;
  readonly timeoutMs: Ms;
  readonly signal: AbortSignal;
  /** No more grace for anybody. */
  readonly force: AbortSignal;
}

/** What a program of tests gets after TERM. */
const graceMs: Ms = 5000;
/** Of what a suite says the end is kept: that is where test runners sum up. */
const mostLines = 5000;

/** Runs the tests of one suite to their end; whatever they have started ends with them. */
export async function runSuite(run: SuiteRun): Promise<SuiteReport> {
  const { suite, supervisor, signal } = run;
  const began = performance.now();
  const lines: string[] = [];
  const say = (line: string): void => {
    lines.push(line);
    if (lines.length > mostLines) lines.shift();
  };
  const ended = await runCommand(run, say).catch((error: unknown) => {
    signal.throwIfAborted();
    for (const one of failuresOf(error)) for (const line of [one.message, ...(one.evidence ?? [])]) say(line);
    return 'could not be started';
  });
  signal.throwIfAborted();
  await supervisor.flushLogs();
  return {
    name: suite.name,
    kind: suite.kind,
    status: ended === undefined ? 'passed' : 'failed',
    ms: Math.round(performance.now() - began),
    ...(ended === undefined ? {} : { why: ended, output: lines }),
  };
}

/** Undefined when all is well, else how it ended, in words. */
async function runCommand(run: SuiteRun, say: (line: string) => void): Promise<string | undefined> {
  const { suite, supervisor, signal } = run;
  const { argv, cwd, path, install } = suite.command;
  const env = { ...run.env, PATH: [...path, run.env['PATH'] ?? ''].join(delimiter) };
  if (install) await installDependencies(suite.name, install, env, supervisor.emit, signal);
  signal.throwIfAborted();
  const child = await startChild({ argv, cwd, env, onLine: (_, line) => say(line) });
  supervisor.guard.add(child.pid, child.startTime, { graceMs });
  try {
    return await endOf(child, run);
  } finally {
    child.signal('SIGKILL');
    supervisor.guard.remove(child.pid);
  }
}

async function endOf(child: Child, { signal, force, timeoutMs }: SuiteRun): Promise<string | undefined> {
  const interrupted = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const abortion = new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    else interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([child.exited, abortion]);
  if (interrupted.aborted) {
    child.signal('SIGTERM');
    force.addEventListener('abort', () => child.signal('SIGKILL'), { once: true });
    if (force.aborted || !(await settlesWithin(child.exited, graceMs))) child.signal('SIGKILL');
    await child.exited;
    return `took longer than ${Math.round(timeoutMs / 1000)} s`;
  }
  const { code, signal: by } = await child.exited;
  if (code === 0) return undefined;
  return by ? `ended by ${by}` : `exit code ${code}`;
}
