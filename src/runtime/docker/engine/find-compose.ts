import { accessSync, constants, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Ms } from '../../../kit/events.ts';
import { CampError, type Failure, failure } from '../../../kit/failure.ts';
import { recall, remember, stampOf } from '../../../kit/remembered.ts';
import { runCommand } from '../../../kit/spawn.ts';
import { configFolder } from './find.ts';
import type { Compose, Engine } from './types.ts';

/** The first with `!override`, which camp's own file needs to take published ports away (docker/compose release 2.24.4). */
const oldestCompose = '2.24.4';
const answerMs: Ms = 10_000;

const found = new WeakMap<Engine, Promise<Compose>>();

/**
 * Docker Compose, asked once an engine: the plugin itself, which saves the start of the docker CLI in each call, else
 * `docker compose`, else `docker-compose`. `memory` is a file for what a plugin has said of its version: the same program
 * is not asked again. Throws NO_COMPOSE or COMPOSE_TOO_OLD (machine).
 */
export function findCompose(
  env: NodeJS.ProcessEnv,
  engine: Engine,
  signal: AbortSignal,
  memory?: string,
): Promise<Compose> {
  const known = found.get(engine);
  if (known) return known;
  const recalled = recallCompose(env, memory);
  const search =
    recalled === undefined
      ? askForCompose({ ...env, ...engine.env }, signal).then((one) => keep(one, memory))
      : Promise.resolve(recalled);
  found.set(engine, search);
  search.catch(() => found.delete(engine));
  return search;
}

/** Only a plugin is remembered: what `docker` finds by itself may be another one the next time. */
export function recallCompose(env: NodeJS.ProcessEnv, memory: string | undefined): Compose | undefined {
  const [path] = pluginPaths(env);
  if (memory === undefined || path === undefined) return undefined;
  const version = recall<string>(memory, keyOf(path));
  return version !== undefined && isRecent(version) ? { argv: [path], version } : undefined;
}

function keep(compose: Compose, memory: string | undefined): Compose {
  const [path = '', ...rest] = compose.argv;
  if (memory !== undefined && rest.length === 0 && isAbsolute(path)) remember(memory, keyOf(path), compose.version);
  return compose;
}

function keyOf(path: string): string {
  return `${path} ${stampOf(path) ?? ''}`;
}

/** The same without an engine, for `camp doctor`. */
export async function askForCompose(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Compose> {
  const attempts: string[] = [];
  let old: Compose | undefined;
  for (const argv of [...pluginPaths(env).map((path) => [path]), ['docker', 'compose'], ['docker-compose']]) {
    const answer = await versionOf(argv, env, signal);
    signal.throwIfAborted();
    if (!answer.version) {
      attempts.push(`${argv.join(' ')}: ${answer.why}`);
      continue;
    }
    const compose = { argv, version: answer.version };
    if (isRecent(answer.version)) return compose;
    old ??= compose;
  }
  throw new CampError(old ? tooOld(old) : none(attempts));
}

async function versionOf(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ readonly version?: string; readonly why: string }> {
  const own = Object.fromEntries(Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined));
  const result = await runCommand([...argv, 'version', '--short'], { env: own, timeoutMs: answerMs, signal });
  if (result.errno === 'ENOENT') return { why: 'not installed' };
  if (result.isTimedOut) return { why: `no answer within ${answerMs / 1000} s` };
  const version = /^v?(\d+\.\d+\.\d+)/m.exec(result.stdout.trim())?.[1];
  if (result.exitCode === 0 && version) return { version, why: '' };
  const [words = ''] = `${result.stderr}\n${result.stdout}`.trim().split('\n');
  return { why: words || (result.errno ?? `exit code ${result.exitCode}`) };
}

/** Where the docker CLI looks for the plugin, in its order (docker/cli cli-plugins/manager). */
function pluginPaths(env: NodeJS.ProcessEnv): readonly string[] {
  const config = configFolder(env);
  return [
    join(config, 'cli-plugins'),
    ...extraFolders(config),
    '/usr/local/lib/docker/cli-plugins',
    '/usr/local/libexec/docker/cli-plugins',
    '/usr/lib/docker/cli-plugins',
    '/usr/libexec/docker/cli-plugins',
  ]
    .map((folder) => join(folder, process.platform === 'win32' ? 'docker-compose.exe' : 'docker-compose'))
    .filter(isExecutable)
    .slice(0, 1);
}

function extraFolders(configDir: string): readonly string[] {
  try {
    const config = JSON.parse(readFileSync(join(configDir, 'config.json'), 'utf8')) as {
      cliPluginsExtraDirs?: unknown;
    };
    const folders = config.cliPluginsExtraDirs;
    return Array.isArray(folders) ? folders.filter((one) => typeof one === 'string') : [];
  } catch {
    // no such file, or a broken one: the docker CLI goes on without it
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isRecent(version: string): boolean {
  const [wanted, has] = [oldestCompose, version].map((text) => text.split('.').map(Number)) as [number[], number[]];
  const at = wanted.findIndex((number, index) => number !== has[index]);
  return at === -1 || (has[at] ?? 0) > (wanted[at] ?? 0);
}

function tooOld({ argv, version }: Compose): Failure {
  return failure('machine', 'COMPOSE_TOO_OLD', `Docker Compose ${version} is too old: camp needs ${oldestCompose}`, {
    evidence: [`${argv.join(' ')} version: ${version}`],
    hints: [installCommand()],
  });
}

function none(attempts: readonly string[]): Failure {
  return failure('machine', 'NO_COMPOSE', 'Docker Compose is not installed', {
    evidence: attempts,
    hints: [installCommand()],
  });
}

/** Debian's and Ubuntu's own packages; everything else is in Docker's words. */
function installCommand(): string {
  try {
    const system = /^ID="?(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    if (system === 'debian') return 'sudo apt-get install docker-compose';
    if (system === 'ubuntu') return 'sudo apt-get install docker-compose-v2';
  } catch {
    // not Linux
  }
  return 'https://docs.docker.com/compose/install/';
}
