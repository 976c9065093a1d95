import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CampError } from '../../kit/failure.ts';
import { makeFolder, readText, writeWhole } from '../../kit/files.ts';
import type { CommandResult } from '../../kit/spawn.ts';
import { composeFailure } from './compose-failures.ts';
import type { Compose, Engine } from './engine/types.ts';
import { type Recordings, type RepeatHow, recordingPath } from './recording.ts';
import { startWaiting, type Waiting, waitingFor } from './waiting.ts';

/** What Compose has to be told of a project. */
export interface ComposeProject {
  readonly id: string;
  readonly dir: string;
  /** Compose's project name. */
  readonly name: string;
  /** Absolute, in the order of merging. */
  readonly files: readonly string[];
  readonly envFiles: readonly string[];
  readonly profiles: readonly string[];
}

/** What of the project's files, in Compose's canonical form, its containers are created by. */
export interface ComposeModel {
  readonly services: Readonly<Record<string, ModelService>>;
  readonly networks: Readonly<Record<string, ModelResource>>;
  readonly volumes: Readonly<Record<string, ModelVolume>>;
}

export interface ModelService {
  readonly image?: string;
  readonly build?: unknown;
  readonly container_name?: string;
  readonly pull_policy?: string;
  readonly volumes?: readonly { readonly type: string; readonly source?: string }[];
  readonly configs?: unknown;
  readonly secrets?: unknown;
  readonly post_start?: unknown;
}

export interface ModelResource {
  readonly name: string;
  readonly external?: boolean;
}

export interface ModelVolume extends ModelResource {
  readonly driver?: string;
  readonly driver_opts?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ComposeCli {
  /** Runs one command of Compose over the project's files and what camp adds. Throws what its words mean. */
  run(args: readonly string[], how: RunHow): Promise<CommandResult>;
  /**
   * Starts such a command before what camp adds is known: it waits, having changed nothing, until `go` tells it. When it
   * never does, because camp has died, the command fails for want of the service `guard`. One that can probably be
   * repeated from a recording is not started before `go`.
   */
  begin(args: readonly string[], guard: string): Begun;
  /** One command of Compose for somebody else to run: over the same files, or, instead of what camp adds, over another one. */
  command(args: readonly string[], signal: AbortSignal, instead?: string): Promise<Command>;
  /** Builds images of the project's files as they are; `more` is a compose file of camp's about what a build leaves out. */
  build(services: readonly string[], more: string | undefined, how: RunHow): Promise<CommandResult>;
  /** Writes what camp adds, for the commands that follow. */
  writeOverride(text: string): void;
}

/** A command of Compose that waits for what camp adds. */
export interface Begun {
  readonly args: readonly string[];
  /** Tells it what camp adds. */
  go(override: string, how: GoHow): Promise<void>;
  end(): void;
}

export interface GoHow extends RepeatHow {
  /** What else decides the outcome, where the project has neither containers nor networks yet. */
  readonly inputs?: unknown;
}

export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface RunHow {
  readonly signal: AbortSignal;
  onLine?(line: string): void;
  /** What a failure means; default: by the engine's words. */
  failures?(result: CommandResult): CampError;
}

/** Variables that would make Compose do something else than its arguments say. */
const steering =
  /^COMPOSE_(FILE|PATH_SEPARATOR|PROJECT_NAME|PROFILES|REMOVE_ORPHANS|ENV_FILES|DISABLE_ENV_FILE|ANSI|PROGRESS|STATUS_STDOUT|MENU|PROJECT_DIRECTORY)$/;
/** A build may take its time; nothing may take for ever. */
const longestMs = 60 * 60_000;

export function composeCli(setup: {
  readonly engine: Engine;
  /** Asked when it is needed first. */
  compose(signal: AbortSignal): Promise<Compose>;
  readonly project: ComposeProject;
  readonly runDir: string;
  readonly ownEnv: NodeJS.ProcessEnv;
  /** A command that waits already. */
  readonly ahead?: Waiting | undefined;
  readonly recordings: Recordings;
}): ComposeCli {
  const { engine, project, runDir, recordings } = setup;
  const override = join(runDir, 'compose.camp.yaml');
  const env = environmentOf(setup.ownEnv, engine.env, project.dir);

  const commandWith = async (
    files: readonly string[],
    args: readonly string[],
    signal: AbortSignal,
    own = env,
  ): Promise<Command> => commandOf(await setup.compose(signal), project, files, args, own);

  async function run(files: readonly string[], args: readonly string[], how: RunHow): Promise<CommandResult> {
    const { runCommand } = await import('../../kit/spawn.ts');
    const { argv, cwd } = await commandWith(files, args, how.signal);
    const temporary = resolve(project.dir, runDir);
    if (args[0] === 'build') makeFolder(temporary, 0o700);
    const result = await whileItLives(engine, how.signal, (signal) =>
      runCommand(argv, {
        cwd,
        // what Compose leaves behind when it is killed in the middle of a build goes with the project
        env: args[0] === 'build' ? { ...env, TMPDIR: temporary } : env,
        timeoutMs: longestMs,
        signal,
        ...(how.onLine ? { onLine: how.onLine } : {}),
      }),
    );
    if (result.exitCode === 0) return result;
    throw how.failures?.(result) ?? new CampError(composeFailure(args, result));
  }

  return {
    run: (args, how) => run([...project.files, override], args, how),
    begin(args, guard) {
      const command = commandWith([...project.files, '-'], [...args, guard], never, forMoments(env));
      const waiting = command.then((one) =>
        recordings.has(one) ? undefined : waitingFor(one, setup.ahead, recordingPath(runDir)),
      );
      waiting.catch(() => undefined); // told to whoever says `go`
      return {
        args,
        async go(text, how) {
          const { inputs, signal } = how;
          const told = inputs === undefined ? undefined : { text, inputs, engine: engine.version };
          const one = await command;
          if (told && (await recordings.repeat(engine.api, one, told, how))) return;
          const up = (await waiting) ?? startWaiting(one, recordingPath(runDir));
          const result = await whileItLives(engine, signal, (both) => up.feed(text, both));
          if (result.exitCode !== 0) throw new CampError(composeFailure(args, result));
          const requests = up.recorded();
          if (told && requests) recordings.keep(one, told, requests);
        },
        end: () =>
          void waiting.then(
            (one) => one?.end(),
            () => undefined,
          ),
      };
    },
    command(args, signal, instead) {
      const last = instead ?? (existsSync(override) ? override : undefined);
      return commandWith([...project.files, ...(last ? [last] : [])], args, signal);
    },
    build: (services, more, how) => run([...project.files, ...(more ? [more] : [])], ['build', ...services], how),
    writeOverride(text) {
      if (readText(override) === text) return;
      makeFolder(runDir, 0o700);
      writeWhole(override, text, { mode: 0o600, durable: false });
    },
  };
}

/** One command of Compose over these files. */
export function commandOf(
  compose: Compose,
  project: ComposeProject,
  files: readonly string[],
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Command {
  const argv = [
    ...compose.argv,
    '--ansi',
    'never',
    '--progress',
    'plain',
    '-p',
    project.name,
    '--project-directory',
    project.dir,
    ...project.envFiles.flatMap((file) => ['--env-file', file]),
    ...project.profiles.flatMap((name) => ['--profile', name]),
    ...files.flatMap((file) => ['-f', file]),
    ...args,
  ];
  return { argv, cwd: project.dir, env };
}

/** The person's own environment, because the files may ask for any of it, and the engine that camp has chosen. */
export function environmentOf(
  own: NodeJS.ProcessEnv,
  engine: Readonly<Record<string, string>>,
  dir: string,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(own))
    if (value !== undefined && !steering.test(name) && name !== 'DOCKER_CONTEXT') env[name] = value;
  // Compose fills in ${PWD} from it
  return { ...env, PWD: dir, COMPOSE_IGNORE_ORPHANS: '1', ...engine };
}

/**
 * For a Compose that lives for a moment: collecting garbage takes a tenth of that. Its runtime is Go's
 * (https://pkg.go.dev/runtime#hdr-Environment_Variables): it collects nothing before it has 256 MB.
 */
export function forMoments(env: Readonly<Record<string, string>>): Record<string, string> {
  return { GOGC: 'off', GOMEMLIMIT: '256MiB', ...env };
}

/** How often an engine is asked whether it lives while Compose works with it; two silent answers in a row mean that it does not. */
const askEveryMs = 2000;

/** Compose waits for an engine that hangs; camp does not. Throws ENGINE_UNREACHABLE or ENGINE_HANGS, and ends the work. */
export async function whileItLives<T>(
  engine: Engine,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const dead = new AbortController();
  const both = AbortSignal.any([signal, dead.signal]);
  let isAsking = false;
  const timer = setInterval(() => {
    if (isAsking) return;
    isAsking = true;
    // every engine has this network, and looking at it costs next to nothing
    engine.api
      .inspectNetwork('none', { deadlineMs: 5000, signal: both })
      .catch((error: unknown) => dead.abort(error))
      .finally(() => (isAsking = false));
  }, askEveryMs);
  try {
    const result = await work(both);
    both.throwIfAborted();
    return result;
  } catch (error) {
    both.throwIfAborted();
    throw error;
  } finally {
    clearInterval(timer);
  }
}

const never = new AbortController().signal;
