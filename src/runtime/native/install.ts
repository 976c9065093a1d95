import type { Emit, Ms } from '../../kit/events.ts';
import { CampError, failure } from '../../kit/failure.ts';
import type { Install } from '../../project/types.ts';

const timeoutMs: Ms = 15 * 60_000;

/**
 * Installs what a service's folder declares; its output goes to the service's log. Throws INSTALL_FAILED (machine)
 * with the installer's last lines.
 */
export async function installDependencies(
  service: string,
  install: Install,
  own: NodeJS.ProcessEnv,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const { runCommand } = await import('../../kit/spawn.ts');
  const lines: string[] = [];
  const env = Object.fromEntries(
    Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[0] !== 'PORT'),
  );
  const result = await runCommand(install.argv, {
    cwd: install.cwd,
    env,
    timeoutMs,
    signal,
    onLine: (line) => {
      lines.push(line);
      if (lines.length > 20) lines.shift();
      emit({ type: 'output', replica: `${service}:install`, service, stream: 'stdout', line });
    },
  });
  signal.throwIfAborted();
  if (result.exitCode === 0) return;
  throw new CampError(
    failure('machine', 'INSTALL_FAILED', `the dependencies of service "${service}" could not be installed`, {
      hints: [`cd ${install.cwd} && ${install.argv.join(' ')}`],
      evidence: [
        result.errno === 'ENOENT' ? `${install.argv[0]} is not on PATH` : `exit code ${result.exitCode}`,
        ...lines,
      ],
    }),
  );
}
