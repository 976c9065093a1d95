import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fail } from '../kit/failure.ts';
import type { ProjectStatus } from '../report/types.ts';
import { ask } from './client.ts';
import { stateFolders } from './folders.ts';
import { type LookRequest, readProject, status } from './look.ts';

/** The project's own program for dead letters: only the kit knows what its consumers have written there. */
const program = 'packages/kit/src/dlq-cli.ts';

/**
 * Runs the kit's program for dead letters against the broker of the running project; resolves to its exit code (128+n for a
 * signal). Throws NO_KIT, NOT_RUNNING or NO_BROKER (usage).
 */
export async function dlq(request: LookRequest, args: readonly string[]): Promise<number> {
  process.chdir(request.dir);
  const { project } = readProject(request);
  if (!existsSync(join(request.dir, program)))
    fail('usage', 'NO_KIT', `${project.name} has no kit: ${program} is not there`, {
      hints: [
        'camp add service NAME --template worker',
        'the dead letters of other consumers are where those put them',
      ],
    });
  const now = await status(request);
  if (!now.running) fail('usage', 'NOT_RUNNING', `${project.name} is not running`, { hints: ['camp up -d'] });
  const url = await brokerOf(request, now);
  if (url === undefined)
    fail('usage', 'NO_BROKER', `${project.name} has no broker that its consumers use`, { hints: ['camp add nats'] });
  return execute([process.execPath, program, ...args], { ...request.env, NATS_URL: url });
}

/** As the project's own services reach it, or, where those are in a network of their own, as this machine does. */
async function brokerOf({ dir, instance }: LookRequest, { services }: ProjectStatus): Promise<string | undefined> {
  const folders = stateFolders(dir, instance);
  for (const { name } of services) {
    const env = (await ask(folders, 'environment', { service: name }, () => undefined)) as
      | Record<string, string>
      | undefined;
    const url = env?.['NATS_URL'];
    if (url && isReachable(url)) return url;
  }
  return services.find(({ url }) => url?.startsWith('nats://'))?.url ?? undefined;
}

/** A name is that of a container, and known to containers alone. */
function isReachable(url: string): boolean {
  const host = URL.parse(url)?.hostname ?? '';
  return host === 'localhost' || /^[\d.]+$|^\[/.test(host);
}

function execute(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: 'inherit' });
    // Ctrl-C reaches it by itself, being in the same group: camp only waits for what it makes of it
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', (signal) => child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
