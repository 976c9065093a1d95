import { type ChildProcess, spawn } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { processOriginNs } from './kit/clock.ts';

/** Room for what a start makes, in MB: with V8's own megabyte at first it collects garbage for 10 ms before the first request. */
const youngHeap = '--min-semi-space-size=16';

/**
 * `camp up -d`: the supervisor is this very command once more, in a session of its own. This process only relays
 * what it says until it reports its exit code on file descriptor 3; from then on the two have nothing in common.
 */
export function detach(argv: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [youngHeap, process.argv[1] ?? '', ...argv], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, CAMP_SUPERVISOR: '1', CAMP_ORIGIN_NS: String(processOriginNs()), ...terminal() },
  });
  if (child.pid === undefined) return notStarted(child);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  // the streams of this process are opened when there is something to relay: until then the supervisor has the processor
  child.stdout?.on('data', (chunk: Buffer) => process.stdout.write(chunk));
  child.stderr?.on('data', (chunk: Buffer) => process.stderr.write(chunk));
  return new Promise((resolve) => {
    let said = '';
    (child.stdio[3] as Duplex).on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (!said.includes('\n')) return;
      void drained(child.stdout, child.stderr).then(() => {
        for (const pipe of child.stdio) pipe?.destroy();
        child.unref();
        resolve(Number.parseInt(said, 10));
      });
    });
    child.once('error', () => resolve(1));
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/** What the supervisor's output ends in. No stream is opened for what is no terminal anyway: that can wait. */
function terminal(): { readonly CAMP_TERMINAL?: string } {
  if (!mayBeTerminal(2)) return {};
  const { stdout, stderr } = process;
  if (!stderr.isTTY) return {};
  return { CAMP_TERMINAL: `${stderr.columns ?? 80}x${stderr.rows ?? 24}${stdout.isTTY ? '' : ' stderr'}` };
}

/** /dev/null on Linux, 1:3 (the kernel's devices.txt). */
const nullDevice = 0x103;

function mayBeTerminal(fd: number): boolean {
  try {
    const { rdev } = fstatSync(fd);
    return rdev !== 0 && rdev !== nullDevice;
  } catch {
    return false;
  }
}

/** The system has no more processes or descriptors to give: EAGAIN, EMFILE, ENFILE, ENOMEM. */
async function notStarted(child: ChildProcess): Promise<number> {
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => child.once('error', resolve));
  const { reportError } = await import('./commands/errors.ts');
  const { CampError, failure } = await import('./kit/failure.ts');
  const message = `the system starts no further process (${error.code ?? error.message})`;
  return reportError(
    new CampError(failure('machine', 'LIMIT_REACHED', message, { hints: ['ulimit -n 1024', 'ulimit -u'] })),
    { isJson: process.argv.includes('--json') },
  );
}

/** The exit code may overtake what was said before it: both pipes are empty when nothing more has come for one turn. */
async function drained(...streams: readonly (NodeJS.ReadableStream | null)[]): Promise<void> {
  const flowing = streams.filter((stream) => stream !== null);
  let isQuiet = false;
  const stir = (): void => {
    isQuiet = false;
  };
  for (const stream of flowing) stream.on('data', stir);
  while (!isQuiet) {
    isQuiet = true;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}
