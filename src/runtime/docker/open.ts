import { join } from 'node:path';
import type { Clock } from '../../kit/clock.ts';
import type { Emit } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import type { ComposeProject as ComposeFacts, Project } from '../../project/types.ts';
import { composeMemory } from './ahead.ts';
import type { ComposeModel } from './compose.ts';
import { connectEngine } from './engine/connect.ts';
import { findCompose } from './engine/find-compose.ts';
import type { Engine } from './engine/types.ts';
import { createDockerRuntime } from './runtime.ts';
import type { DockerRuntime } from './types.ts';
import type { Waiting } from './waiting.ts';

export interface OpenRequest {
  /** As its files are now; they may change while it runs. */
  project(): Project;
  model(): ComposeModel;
  readonly env: NodeJS.ProcessEnv;
  readonly folders: { readonly run: string; readonly state: string };
  readonly clock: Clock;
  readonly emit: Emit;
  /** Pending while what services write cannot be taken any more. */
  pressure(): Promise<void> | undefined;
  readonly signal: AbortSignal;
  /** What `startAhead` has started. */
  readonly ahead?: Waiting | undefined;
  /** What `greetEngine` has begun. */
  readonly greeted?: Promise<Engine> | undefined;
}

/** Connects to this machine's engine. Throws ENGINE_UNREACHABLE, ENGINE_HANGS, ENGINE_TOO_OLD or NO_PERMISSION (machine). */
export function greetEngine(env: NodeJS.ProcessEnv, stateDir: string, signal: AbortSignal): Promise<Engine> {
  return connectEngine(env, signal, join(stateDir, 'engine-version.json'));
}

/** The runtime of this machine's engine. Throws what `greetEngine` throws. */
export async function openDocker(request: OpenRequest): Promise<DockerRuntime> {
  const { env, folders, clock, emit, pressure, signal, ahead } = request;
  const { id } = request.project();
  const facts = (): ComposeFacts => request.project().compose ?? fail('bug', 'BUG', 'containers need a compose file');
  const engine = await (request.greeted ?? greetEngine(env, folders.state, signal));
  return createDockerRuntime({
    engine,
    compose: (until) => findCompose(env, engine, until, composeMemory(folders.state)),
    project: {
      id,
      get name() {
        return facts().name;
      },
      get dir() {
        return facts().dir;
      },
      get files() {
        return facts().files;
      },
      get envFiles() {
        return facts().envFiles;
      },
      get profiles() {
        return facts().profiles;
      },
    },
    model: () => request.model(),
    runDir: folders.run,
    stateDir: folders.state,
    ownEnv: env,
    clock,
    emit,
    pressure,
    ahead,
  });
}
