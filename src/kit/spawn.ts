import type { Ms } from './events.ts';

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The program could not be executed at all, and why (`ENOENT`). */
  readonly errno?: string;
  readonly isTimedOut: boolean;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** The whole environment; default: this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: Ms;
  readonly signal?: AbortSignal;
  /** What it reads. */
  readonly input?: string;
  onLine?(line: string): void;
}

/** Runs a short command to its end, without a shell. Never throws for the command's own failure. */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  // loading it takes 10 ms, which a project that runs no such command need not wait for
  const { execa } = await import('execa');
  const [file, ...args] = argv;
  const child = execa(file ?? '', args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env, extendEnv: false }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
    timeout: options.timeoutMs,
    reject: false,
    all: options.onLine !== undefined,
    maxBuffer: 10_000_000,
    forceKillAfterDelay: 2000,
  });
  if (options.onLine) {
    const { onLine } = options;
    void (async () => {
      for await (const line of child.iterable({ from: 'all' })) onLine(String(line));
    })().catch(() => undefined);
  }
  const result = await child;
  return {
    exitCode: result.exitCode ?? 1,
    stdout: String(result.stdout ?? ''),
    stderr: String(result.stderr ?? ''),
    isTimedOut: result.timedOut,
    ...(result.code === undefined ? {} : { errno: result.code }),
  };
}
