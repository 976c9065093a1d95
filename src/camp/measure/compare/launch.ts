import { type Child, settlesWithin, startChild } from '../../../kit/child.ts';
import type { Ms } from '../../../kit/events.ts';
import { readText } from '../../../kit/files.ts';
import { runCommand } from '../../../kit/spawn.ts';
import type { Place, Running, Serving } from './types.ts';

/** Is told of each process, so that it ends when camp does. */
export interface Watch {
  add(pgid: number, startTime: string): void;
  remove(pgid: number): void;
}

/** Until what does not end is killed: Compose has a container to stop and to remove. */
export const graceMs: Ms = 10_000;

/** Starts the server in a process group of its own; whether it answers is for others to see. */
export async function launch(serving: Serving, place: Place, watch: Watch): Promise<Running> {
  const lines: string[] = [];
  const child = await startChild({
    argv: serving.serve,
    cwd: serving.cwd,
    env: serving.env,
    onLine(_, line) {
      lines.push(line);
      if (lines.length > 40) lines.shift();
    },
  });
  watch.add(child.pid, child.startTime);
  let end: string | undefined;
  void child.exited.then(({ code, signal }) => {
    end = `it ended with ${signal ?? `code ${code}`}`;
    watch.remove(child.pid);
  });
  return {
    caFile: serving.caFile,
    https: place.https,
    http: place.http,
    ...(serving.redirectsTo === undefined ? {} : { redirectsTo: serving.redirectsTo }),
    ended: () => (end === undefined ? undefined : [end, ...lastWords(lines, place)].join(': ')),
    stop: () => endChild(child),
  };
}

function lastWords(lines: readonly string[], { folder }: Place): readonly string[] {
  const log = readText(`${folder}/run/error.log`)?.trim().split('\n') ?? [];
  const all = [...lines, ...log];
  const telling = all.filter((line) => /error|fail|denied|refused|in use/i.test(line));
  return (telling.length > 0 ? telling : all).slice(-2);
}

async function endChild(child: Child): Promise<void> {
  child.signal('SIGTERM');
  if (await settlesWithin(child.exited, graceMs)) return;
  child.signal('SIGKILL');
  await child.exited;
}

/** What the server's own checker says against the files; undefined where it accepts them. */
export async function checked(serving: Serving, signal: AbortSignal): Promise<string | undefined> {
  const { exitCode, stdout, stderr, errno } = await runCommand(serving.check, {
    cwd: serving.cwd,
    env: serving.env,
    timeoutMs: 20_000,
    signal,
  });
  signal.throwIfAborted();
  if (exitCode === 0) return undefined;
  return errno ?? `${stderr}\n${stdout}`.trim().split('\n').slice(-3).join(' ');
}

/** Removes what a server keeps outside of its folder. */
export async function removed(serving: Serving): Promise<void> {
  if (serving.removal) await runCommand(serving.removal, { cwd: serving.cwd, env: serving.env, timeoutMs: 60_000 });
}
