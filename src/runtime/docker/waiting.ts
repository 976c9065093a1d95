import { type ChildProcess, spawn } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import type { Ms } from '../../kit/events.ts';
import type { CommandResult } from '../../kit/spawn.ts';
import type { Command } from './compose.ts';
import type { CreationRequest } from './engine/types.ts';
import { startRecorder } from './recorder.ts';

/** A program that has been started and does nothing before it is fed. */
export interface Waiting {
  readonly command: Command;
  /** Gives it all that it is to read; resolves when it has ended, which an aborted signal makes it do. */
  feed(text: string, signal: AbortSignal): Promise<CommandResult>;
  /** What it has had created, to be asked when it has ended; undefined where that is not known, or not all that it did. */
  recorded(): readonly CreationRequest[] | undefined;
  /** It is not needed, or has ended. */
  end(): void;
}

const graceMs: Ms = 2000;

/**
 * Starts it. By hand, because execa's first start takes 25 ms, and the first request waits for this one. That it cannot be
 * started (no such program, too many processes or open files) is told to who feeds it. It talks to the engine through a
 * socket at the absolute path `recordAt`, where it is to be recorded.
 */
export function startWaiting(command: Command, recordAt?: string): Waiting {
  const [file = '', ...args] = command.argv;
  const recorder = recordAt === undefined ? undefined : startRecorder(command.env['DOCKER_HOST'] ?? '', recordAt);
  const env = recorder ? { ...command.env, DOCKER_HOST: recorder.host } : command.env;
  let child: ChildProcess;
  try {
    child = spawn(file, args, { cwd: command.cwd, env, stdio: 'pipe' });
  } catch (error) {
    recorder?.close();
    const result = notStarted(error as NodeJS.ErrnoException);
    return { command, feed: () => Promise.resolve(result), recorded: () => undefined, end: () => undefined };
  }
  let stdout = '';
  let stderr = '';
  // without descriptors to give there are no pipes
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin?.on('error', () => undefined); // it has ended without reading all: its exit code tells
  const ended = new Promise<CommandResult>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(notStarted(error)));
    child.once('close', (code) => resolve({ exitCode: code ?? 1, stdout, stderr, isTimedOut: false }));
  });
  void ended.then(() => recorder?.close());
  return {
    command,
    recorded: () => recorder?.requests(),
    feed(text, signal) {
      const kill = (): void => {
        child.kill();
        setTimeout(() => child.kill('SIGKILL'), graceMs).unref();
      };
      if (signal.aborted) kill();
      signal.addEventListener('abort', kill, { once: true });
      child.stdin?.end(text);
      return ended.finally(() => signal.removeEventListener('abort', kill));
    },
    end() {
      // at once: the next one listens at the same path, which closing later would take away from it
      recorder?.close();
      child.kill('SIGKILL');
    },
  };
}

function notStarted({ code, message }: NodeJS.ErrnoException): CommandResult {
  return {
    exitCode: 1,
    stdout: '',
    stderr: message,
    isTimedOut: false,
    ...(code === undefined ? {} : { errno: code }),
  };
}

/** The program of this very command that waits already, or a new one; another one is ended. */
export function waitingFor(command: Command, ahead: Waiting | undefined, recordAt?: string): Waiting {
  if (ahead && isDeepStrictEqual(ahead.command, command)) return ahead;
  ahead?.end();
  return startWaiting(command, recordAt);
}
