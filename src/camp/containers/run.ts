import { CampError } from '../../kit/failure.ts';
import type { Project } from '../../project/types.ts';
import type { Command } from '../../runtime/docker/compose.ts';
import { type LookRequest, lookingHost } from '../look.ts';

/**
 * How Compose runs a command in the container of a service: in the one that runs, else in one of its own that is
 * removed afterwards. Throws what keeps the engine from being reached.
 */
export async function inContainer(
  request: LookRequest,
  project: Project,
  service: string,
  argv: readonly string[],
): Promise<Command> {
  const signal = AbortSignal.timeout(10_000);
  const containers = lookingHost(request, project);
  const engine = await containers.connect(project, signal);
  if (engine.at === 'unreachable') throw new CampError([engine.failure]);
  const runtime = containers.runtime();
  const isRunning = (await runtime.observe(signal)).some((one) => one.service === service && one.isRunning);
  // Compose asks for a terminal by itself, and fails where there is none
  const terminal = process.stdin.isTTY && process.stdout.isTTY ? [] : ['-T'];
  const verb = isRunning ? ['exec', ...terminal] : ['run', '--rm', '--no-deps', ...terminal];
  return runtime.command([...verb, service, ...argv], signal);
}
