import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { trustEnv } from '../edge/ca.ts';
import { monotonicClock } from '../kit/clock.ts';
import { fail } from '../kit/failure.ts';
import { projectId, userFolders } from '../kit/paths.ts';
import { projectMarker, replicaMarker, supervisorMarker } from '../kit/process.ts';
import { configHash } from '../plan/reconcile.ts';
import { PortLeases } from '../runtime/native/leases.ts';
import { createNativeRuntime } from '../runtime/native/runtime.ts';
import { edgeStorage, stateFolders } from './folders.ts';
import { type LookRequest, readProject } from './look.ts';

/** Runs a command in a service's folder with the service's environment; resolves to its exit code (128+n for a signal). */
export async function run(request: LookRequest, name: string, argv: readonly string[]): Promise<number> {
  process.chdir(request.dir);
  const { project } = readProject(request);
  const service = project.services.get(name);
  if (!service)
    fail('usage', 'UNKNOWN_SERVICE', `there is no service "${name}" in ${project.name}`, {
      hints: [`services: ${[...project.services.keys()].join(', ')}`],
    });
  const cwd =
    service.start?.kind === 'command'
      ? service.start.cwd
      : service.start?.kind === 'static'
        ? service.start.root
        : (service.build?.context ?? request.dir);
  const shared = trustEnv(edgeStorage(userFolders(request.env)), request.env);
  const runtime = createNativeRuntime({
    projectId: projectId(request.dir),
    ownEnv: request.env,
    supervisor: '',
    sharedEnv: () => shared,
    leases: new PortLeases(stateFolders(request.dir).state, projectId(request.dir)),
    configHash,
    clock: monotonicClock(),
    emit: () => undefined,
    pressure: () => undefined,
  });
  const env: Record<string, string> = { ...runtime.environmentOf(service, 1), TERM: request.env['TERM'] ?? '' };
  // it is the person's command, not a part of the project: `camp down` must not end it
  for (const marker of [projectMarker, replicaMarker, supervisorMarker]) delete env[marker];
  return execute(argv, cwd, env);
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
