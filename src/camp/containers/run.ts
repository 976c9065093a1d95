import { CampError } from '../../kit/failure.ts';
import type { Project } from '../../project/types.ts';
import type { OneOff } from '../../runtime/docker/one-off.ts';
import { stateFolders } from '../folders.ts';
import { type LookRequest, lookingHost } from '../look.ts';
import { containerMark, markContainers } from './mark.ts';

export interface InContainer {
  readonly service: string;
  readonly argv: readonly string[];
  /** A camp keeps the project running. */
  readonly isSupervised: boolean;
}

/**
 * How Compose runs a command in the container of a service: in the one that runs, else in one of its own that is
 * removed afterwards. Throws what keeps the engine from being reached.
 */
export async function inContainer(
  request: LookRequest,
  project: Project,
  { service, argv, isSupervised }: InContainer,
): Promise<OneOff> {
  const signal = AbortSignal.timeout(10_000);
  const containers = lookingHost(request, project);
  const engine = await containers.connect(project, signal);
  if (engine.at === 'unreachable') throw new CampError([engine.failure]);
  const runtime = containers.runtime();
  const isRunning = (await runtime.observe(signal)).some((one) => one.service === service && one.isRunning);
  // Compose asks for a terminal by itself, and fails where there is none
  const terminal = process.stdin.isTTY && process.stdout.isTTY ? [] : ['-T'];
  const verb = isRunning ? ['exec', ...terminal] : ['run', '--rm', '--no-deps', ...terminal];
  const args = [...verb, service, ...argv];
  if (isRunning || isSupervised) return { command: await runtime.command(args, signal), tidy: () => Promise.resolve() };
  const { state } = stateFolders(request.dir);
  const before = containerMark(state);
  markContainers(state, 'there');
  const { command, tidy } = await runtime.oneOff(service, args, signal);
  return {
    command,
    async tidy() {
      await tidy();
      // what was left before is still there; volumes may be new
      if (before !== 'there') markContainers(state, 'gone');
    },
  };
}
