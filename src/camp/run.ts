import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { trustEnv } from '../edge/ca.ts';
import { CampError, fail } from '../kit/failure.ts';
import { userFolders } from '../kit/paths.ts';
import { projectMarker, replicaMarker, supervisorMarker } from '../kit/process.ts';
import { isServer } from '../plan/place.ts';
import type { Project, Service } from '../project/types.ts';
import { PortLeases } from '../runtime/native/leases.ts';
import { serviceEnvironment } from '../runtime/native/service-environment.ts';
import { psqlVariables } from '../runtime/wiring/psql.ts';
import { ask } from './client.ts';
import { factsOf } from './containers/ports.ts';
import { edgeStorage, stateFolders } from './folders.ts';
import { unknownService } from './known-services.ts';
import { type LookRequest, readProject, status } from './look.ts';
import { withPsql } from './psql.ts';
import { ServerHost } from './servers.ts';

export interface RunRequest extends LookRequest {
  /** What is done before the command, such as a fetch. */
  onNote(message: string): void;
}

/**
 * Runs a command for a service with the service's environment: in its folder, or, where it is placed in a container,
 * in that container, or in one of its own where none runs. Resolves to its exit code (128+n for a signal).
 */
export async function run(request: RunRequest, name: string, argv: readonly string[]): Promise<number> {
  process.chdir(request.dir);
  const { project } = readProject(request);
  const service = project.services.get(name);
  if (!service) throw new CampError(unknownService(name, project));
  const now = await status(request);
  const placed = now.services.find((one) => one.name === name);
  if (placed?.placement === 'container') {
    const { inContainer } = await import('./containers/run.ts');
    const own = { service: name, argv, isSupervised: now.running };
    const { command, tidy } = await inContainer(request, project, own);
    try {
      return await execute(command.argv, command.cwd, command.env);
    } finally {
      await tidy();
    }
  }
  const live = await ask(stateFolders(request.dir), 'environment', { service: name }, () => undefined);
  const own = (live as Record<string, string> | undefined) ?? environmentOf(request, project, service);
  const client = argv[0] === 'psql' ? await withPsql(own, request) : own;
  const env: Record<string, string> = { ...psqlVariables(own), ...client, TERM: request.env['TERM'] ?? '' };
  // it is the person's command, not a part of the project: `camp down` must not end it
  for (const marker of [projectMarker, replicaMarker, supervisorMarker]) delete env[marker];
  return execute(argv, folderOf(service, request.dir), env);
}

function folderOf({ start, build }: Service, dir: string): string {
  if (start?.kind === 'command') return start.cwd;
  return start?.kind === 'static' ? start.root : (build?.context ?? dir);
}

/** As the next `up` will give it, as far as that is known while nothing runs. */
function environmentOf(request: LookRequest, project: Project, service: Service): Record<string, string> {
  const shared = trustEnv(edgeStorage(userFolders(request.env)), request.env);
  const folders = stateFolders(request.dir);
  // nothing is asked for a command: what could be a server is one, until an `up` finds an engine for it
  const placementOf = (each: string): 'server' | undefined =>
    isServer(project.services.get(each)) ? 'server' : undefined;
  const setup = {
    projectId: project.id,
    ownEnv: request.env,
    supervisor: '',
    sharedEnv: () => shared,
    leases: new PortLeases(folders.state, project.id),
    servers: new ServerHost({ env: request.env, folders, emit: () => undefined, placementOf }).runtime(),
    serviceOf: (each: string) => project.services.get(each),
    factsOf,
  };
  return serviceEnvironment(setup, () => new Map())(service, 1);
}

function execute(argv: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Promise<number> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: 'inherit' });
    // Ctrl-C reaches the command by itself, being in the same group: camp only waits for what it makes of it
    const ignore = (): void => undefined;
    process.on('SIGINT', ignore);
    process.on('SIGTERM', (signal) => child.kill(signal));
    child.once('error', (error: NodeJS.ErrnoException) => {
      try {
        fail(
          'usage',
          'COMMAND_NOT_FOUND',
          `${file} cannot be run: ${error.code === 'ENOENT' ? 'not found' : error.code}`,
          { hints: ['write the command after --, with its arguments as separate words'], cause: error },
        );
      } catch (failure) {
        reject(failure);
      }
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
