import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Ms } from './events.ts';
import { fail } from './failure.ts';
import { LineSplitter } from './lines.ts';
import { type ProcessId, processInfo } from './process.ts';

export interface ChildOptions {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors of open sockets that the child inherits, as 3, 4, ... */
  readonly sockets?: readonly number[];
  /** Complete lines, without the line end, at most 64 KiB each. */
  onLine(stream: 'stdout' | 'stderr', line: string): void;
  /** Asked after each piece of output: while the promise is pending nothing more is read, and a full pipe slows the child. */
  pressure?(): Promise<void> | undefined;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A long-lived process that leads its own process group. */
export interface Child extends ProcessId {
  readonly exited: Promise<ChildExit>;
  /** Signals the whole group; false when nothing of it is left. */
  signal(signal: NodeJS.Signals): boolean;
}

/**
 * Starts a program in a process group of its own, without a shell. Throws SPAWN_FAILED (service),
 * naming the program and the system's reason, when the program cannot be executed.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const [file, ...args] = options.argv;
  if (!file) fail('bug', 'BUG', 'startChild without a program');
  let child: ChildProcess;
  try {
    child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', ...(options.sockets ?? [])],
    });
  } catch (error) {
    spawnFailed(options, error as NodeJS.ErrnoException);
  }
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const stdout = new LineSplitter((line) => options.onLine('stdout', line));
  const stderr = new LineSplitter((line) => options.onLine('stderr', line));
  if (child.stdout) read(child.stdout, stdout, options);
  if (child.stderr) read(child.stderr, stderr, options);
  if (child.pid === undefined) {
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => child.once('error', resolve));
    spawnFailed(options, error);
  }
  const pid = child.pid;
  // A grandchild may keep the pipes open after the child itself has ended: nobody waits for their end.
  void exited.then(() => setTimeout(() => (child.stdout?.destroy(), child.stderr?.destroy()), 500).unref());
  return {
    pid,
    startTime: processInfo(pid)?.startTime ?? '',
    exited,
    signal: (name) => signalGroup(pid, name),
  };
}

function read(stream: Readable, lines: LineSplitter, options: ChildOptions): void {
  stream.on('data', (chunk: Buffer) => {
    lines.push(chunk);
    const relieved = options.pressure?.();
    if (!relieved) return;
    stream.pause();
    void relieved.finally(() => stream.resume());
  });
  stream.on('end', () => lines.end());
}

/** Signals a process group; false when nothing of it is left. */
export function signalGroup(pgid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pgid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether any process of the group is left, a zombie included. */
export function groupExists(pgid: number): boolean {
  try {
    process.kill(-pgid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves to true as soon as `promise` has settled, to false after `ms`. */
export async function settlesWithin(promise: Promise<unknown>, ms: Ms): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([
      promise.then(
        () => true,
        () => true,
      ),
      late,
    ]);
  } finally {
    clearTimeout(timer);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'not found',
  EACCES: 'not executable',
  ENOEXEC: 'not a program of this system',
  E2BIG: 'its arguments and environment are too long',
  ENOTDIR: 'the folder is not a folder',
  EMFILE: 'too many open files',
};

function spawnFailed(options: ChildOptions, error: NodeJS.ErrnoException): never {
  const errno = error.code ?? 'UNKNOWN';
  // the system says the same of a folder that is not there
  const isFolder = errno === 'ENOENT' && !existsSync(options.cwd);
  const isMachine = errno === 'EAGAIN' || errno === 'EMFILE' || errno === 'ENFILE' || errno === 'ENOMEM';
  fail(
    isMachine ? 'machine' : 'service',
    'SPAWN_FAILED',
    `${options.argv[0]} cannot be started: ${isFolder ? 'its folder is not there' : (reasons[errno] ?? 'refused by the system')} (${errno})`,
    {
      hints: errno === 'EMFILE' ? ['ulimit -n 4096'] : isFolder ? [`ls -ld ${options.cwd}`] : [],
      evidence: [`command: ${options.argv.join(' ')}`, `folder: ${options.cwd}`],
      cause: error,
    },
  );
}
