import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { failure, type Problem } from '../../kit/failure.ts';
import type { Span } from '../text-file.ts';
import { readDotEnv } from './dotenv.ts';
import type { Sources } from './sources.ts';

/** A variable out of an env file, with the place of its name. */
export interface Variable {
  readonly value: string;
  readonly at: Span;
}

export interface EnvFiles {
  /** The caller's environment, which wins over every file. */
  readonly env: NodeJS.ProcessEnv;
  readonly values: Map<string, Variable>;
  /** Those that were asked for, absolute; then .env is not read. */
  readonly asked: readonly string[];
}

/**
 * The env files that were asked for (`asked`, else COMPOSE_ENV_FILES), of which later ones win; relative paths start
 * from `dir`. Problem: ENV_FILE_MISSING (usage).
 */
export function readAskedEnvFiles(
  dir: string,
  asked: readonly string[] | undefined,
  env: NodeJS.ProcessEnv,
  sources: Sources,
): EnvFiles {
  const listed = asked ?? (env['COMPOSE_ENV_FILES'] ?? '').split(',').map((each) => each.trim());
  const paths = listed.filter((each) => each !== '').map((each) => resolve(dir, each));
  const files: EnvFiles = { env, values: new Map(), asked: paths };
  for (const path of paths) {
    const found = readEnvFile(path, files, sources);
    for (const [name, variable] of found ?? []) files.values.set(name, variable);
    if (found) continue;
    const hints = ['correct the path of --env-file or COMPOSE_ENV_FILES'];
    sources.report(failure('usage', 'ENV_FILE_MISSING', `env file ${path} is not there`, { hints }) as Problem);
  }
  return files;
}

/** Adds what .env of a folder says and nothing before it said; nothing where other files were asked for. */
export function addDotEnv(dir: string, files: EnvFiles, sources: Sources): void {
  const path = join(dir, '.env');
  if (files.asked.length > 0 || /^(?:1|t|true)$/i.test(files.env['COMPOSE_DISABLE_ENV_FILE'] ?? '')) return;
  if (!existsSync(path)) return;
  for (const [name, variable] of readEnvFile(path, files, sources) ?? [])
    if (!files.values.has(name)) files.values.set(name, variable);
}

/** Undefined where there is no such file. */
function readEnvFile(
  path: string,
  { env, values }: EnvFiles,
  sources: Sources,
): ReadonlyMap<string, Variable> | undefined {
  const open = sources.open(path);
  if (open === 'missing') return undefined;
  if (!open) return new Map();
  const { file } = open;
  const {
    values: found,
    places,
    problems,
  } = readDotEnv(file, (name) => (Object.hasOwn(env, name) ? env[name] : undefined) ?? values.get(name)?.value);
  for (const problem of problems) sources.report(problem);
  return new Map(
    [...found].map(([name, value]) => {
      const begin = places.get(name) ?? 0;
      return [name, { value, at: { file, begin, end: begin + name.length } }];
    }),
  );
}
