import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { isProblem, readTextFile } from '../text-file.ts';
import type { Project } from '../types.ts';
import { readDotEnv } from './dotenv.ts';
import { canonicalModel } from './model/canonical.ts';
import type { ComposeModel } from './model/types.ts';

/** Computed once a project, and only when somebody asks. */
const known = new WeakMap<Project, ComposeModel>();

/**
 * The canonical model of a project's compose files, what `docker compose config --format json` prints; undefined
 * where it has none. `env` is the caller's environment, for build arguments without a value. Reads label files.
 */
export function modelOf(project: Project, env: NodeJS.ProcessEnv): ComposeModel | undefined {
  const { compose, services } = project;
  if (!compose) return undefined;
  const computed = known.get(project);
  if (computed) return computed;
  const model = canonicalModel(compose.tree, {
    name: compose.name,
    dir: compose.dir,
    home: env['HOME'] || homedir(),
    profiles: new Set(compose.profiles),
    lookup: (name) =>
      name === 'COMPOSE_PROJECT_NAME'
        ? compose.name
        : ((Object.hasOwn(env, name) ? env[name] : undefined) ?? compose.variables[name]),
    environment: (service) => services.get(service)?.env ?? {},
    labels: labelsIn,
    realPath,
  });
  known.set(project, model);
  return model;
}

function labelsIn(path: string): ReadonlyMap<string, string> {
  const file = readTextFile(path, path);
  return file && !isProblem(file) ? readDotEnv(file, () => undefined).values : new Map();
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
