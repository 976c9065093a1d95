import { join } from 'node:path';
import { type ComposeProject, commandOf, environmentOf, forMoments } from './compose.ts';
import { cliEnvironment } from './engine/connect.ts';
import { candidates } from './engine/find.ts';
import { recallCompose } from './engine/find-compose.ts';
import { guardOf } from './override.ts';
import { recordingPath, recordingsIn } from './recording.ts';
import type { Expected } from './types.ts';
import { upArgs } from './up-args.ts';
import { startWaiting, type Waiting } from './waiting.ts';

export interface AheadRequest {
  readonly env: NodeJS.ProcessEnv;
  readonly project: ComposeProject;
  readonly stateDir: string;
  readonly runDir: string;
  readonly expected: Expected;
}

/**
 * Starts the Compose that will create the project's containers, before the engine has answered and before it is known what
 * camp adds to the files: to begin takes Compose as long as that. It waits, having changed nothing. Undefined where something
 * has to be found out first, or where it will probably not be needed.
 */
export function startAhead({
  env,
  project,
  stateDir,
  runDir,
  expected: { services, edge },
}: AheadRequest): Waiting | undefined {
  const [address] = candidates(env).addresses;
  const compose = recallCompose(env, composeMemory(stateDir));
  if (!address || address.problem || !compose) return undefined;
  const args = [...upArgs([...services, { service: edge.service }], '--no-recreate'), guardOf(edge)];
  const own = forMoments(environmentOf(env, cliEnvironment(address, env), project.dir));
  const command = commandOf(compose, project, [...project.files, '-'], args, own);
  return recordingsIn(stateDir, () => project.files).has(command)
    ? undefined
    : startWaiting(command, recordingPath(runDir));
}

/** Where it is remembered which Compose there is. */
export function composeMemory(stateDir: string): string {
  return join(stateDir, 'compose-version.json');
}
