import type { CommandResult } from '../kit/spawn.ts';
import type { FetchContext } from './types.ts';

const timeoutMs = 180_000;

/** Runs a command of apt or dpkg to its end; throws an Error with its own words where it fails. */
export async function runApt(
  argv: readonly string[],
  context: FetchContext,
  options: { readonly cwd?: string; readonly config?: string } = {},
): Promise<CommandResult> {
  const { runCommand } = await import('../kit/spawn.ts');
  const env = Object.fromEntries(
    Object.entries({
      ...context.env,
      // apt and dpkg run tar and gpgv
      PATH: `${context.env['PATH'] ?? ''}:/usr/bin:/bin:/usr/sbin:/sbin`,
      LC_ALL: 'C',
      DEBIAN_FRONTEND: 'noninteractive',
      APT_CONFIG: options.config,
    }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const result = await runCommand(argv, {
    env,
    timeoutMs,
    signal: context.signal,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  context.signal.throwIfAborted();
  if (result.exitCode === 0) return result;
  const words =
    result.stderr
      .split('\n')
      .filter((line) => /^[EW]: /.test(line))
      .slice(-2)
      .join(' ') ||
    result.errno ||
    `exit code ${result.exitCode}`;
  throw new Error(`${argv[0]?.split('/').at(-1)} ${result.isTimedOut ? 'took too long' : words}`);
}
