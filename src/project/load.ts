import { existsSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Failure, failure, type Problem } from '../kit/failure.ts';
import { projectId } from '../kit/paths.ts';
import { type DotEnv, readDotEnv } from './compose/dotenv.ts';
import { type Compose, inTextOrder, readCompose } from './compose/read.ts';
import { discoverServices, type Found } from './discover.ts';
import { isDnsLabel, isHostName, toDnsLabel } from './name.ts';
import { nameByCaddyfile, routesOfFound, routesOfServices } from './routes.ts';
import { isProblem, problemAt, readTextFile, type Span, type TextFile } from './text-file.ts';
import type { Loaded, Project, Service } from './types.ts';

export interface LoadOptions {
  /** The caller's environment: variables in compose.yaml, CAMP_DOMAIN, COMPOSE_PROFILES. */
  readonly env: NodeJS.ProcessEnv;
  /** Active profiles; default COMPOSE_PROFILES. */
  readonly profiles?: readonly string[];
  /** Wins over the file's `name:`. */
  readonly name?: string;
}

const composeNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

/**
 * Reads a project's folder: compose file with its override, Caddyfile and .env, or, where there is neither
 * file, what can be started in it. Reads the disk only. Every problem of every file is reported at once;
 * throws only for files that may not be read (NO_PERMISSION, machine).
 */
export function loadProject(dir: string, options: LoadOptions): Loaded {
  const problems: Problem[] = [];
  let path: string;
  try {
    path = realpathSync(dir);
  } catch {
    return { problems: [notAProject(`${dir} is not there`)], warnings: [] };
  }
  const read = (name: string) => {
    const file = readTextFile(join(path, name), name);
    if (!file || !isProblem(file)) return file;
    problems.push(file);
    return undefined;
  };
  const composeFile = composeNames.find((name) => existsSync(join(path, name)));
  const overrideFile =
    composeFile &&
    [composeFile.replace(/\.(ya?ml)$/, '.override.$1'), 'compose.override.yaml', 'compose.override.yml'].find((name) =>
      existsSync(join(path, name)),
    );
  const files = [composeFile, overrideFile].flatMap((name) => (name ? (read(name) ?? []) : []));
  const caddyfile = read('Caddyfile');
  const dotenvFile = read('.env');
  const dotenv = dotenvFile && readDotEnv(dotenvFile, (name) => options.env[name]);
  problems.push(...(dotenv?.problems ?? []));
  const shared: Shared = {
    path,
    options,
    problems,
    ...(caddyfile ? { caddyfile } : {}),
    ...(dotenv && dotenvFile ? { dotenv, dotenvFile } : {}),
  };
  const loaded = composeFile ? fromCompose(files, join(path, composeFile), shared) : fromFolder(shared);
  return ordered(loaded, ['.env', ...[composeFile, overrideFile].flatMap((each) => each ?? []), 'Caddyfile']);
}

interface Shared {
  readonly path: string;
  readonly options: LoadOptions;
  readonly problems: Problem[];
  readonly caddyfile?: TextFile;
  readonly dotenv?: DotEnv;
  readonly dotenvFile?: TextFile;
}

interface Draft {
  readonly project?: Project;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Failure[];
}

function fromCompose(files: readonly TextFile[], composeFile: string, shared: Shared): Draft {
  const { path, options, dotenv, problems } = shared;
  const fallback = toDnsLabel(basename(path), 'project');
  const lookup = (name: string) =>
    options.env[name] ??
    dotenv?.values.get(name) ??
    (name === 'COMPOSE_PROJECT_NAME' ? (options.name ?? fallback) : undefined);
  const profiles = options.profiles ?? (lookup('COMPOSE_PROFILES') ?? '').split(',').map((each) => each.trim());
  const compose = readCompose(files, {
    dir: path,
    env: options.env,
    lookup,
    profiles: new Set(profiles.filter(Boolean)),
  });
  problems.push(...compose.problems);
  const name = nameOf(compose, shared, fallback);
  const text = shared.caddyfile?.text ?? routesOfServices(compose.services.values(), name);
  return {
    project: projectOf(name, compose.services, text, shared, composeFile),
    problems,
    warnings: compose.warnings,
  };
}

/** Neither file, or only a Caddyfile: the services are what can be started here. */
function fromFolder(shared: Shared): Draft {
  const { path, options, caddyfile, problems } = shared;
  const name = nameOf({}, shared, toDnsLabel(basename(path), 'project'));
  const all = discoverServices(path, options.env);
  const found = caddyfile ? nameByCaddyfile(all, caddyfile.text) : all;
  if (found.length === 0 && !caddyfile && problems.length === 0)
    problems.push(notAProject(`${path} has no compose.yaml, no Caddyfile and nothing that camp knows how to start`));
  const services = new Map(found.map((each) => [each.name, serviceOfFound(each, path)]));
  return {
    project: projectOf(name, services, caddyfile?.text ?? routesOfFound(found, name), shared, undefined),
    problems,
    warnings: [],
  };
}

function notAProject(message: string): Problem {
  return failure('usage', 'NOT_A_PROJECT', message, {
    hints: ['camp init', 'cd into the folder of a project'],
  }) as Problem;
}

function serviceOfFound(found: Found, dir: string): Service {
  return {
    name: found.name,
    source: { file: found.folder === '.' ? basename(dir) : found.folder, line: 1, col: 1 },
    build: { context: join(dir, found.folder) },
    isNative: true,
    isEdge: false,
    start: found.start,
    replicas: 1,
    env: {},
    ports: [],
    expose: [],
    dependsOn: new Map(),
    stop: { signal: 'SIGTERM', graceMs: 10_000 },
    restart: 'no',
    profiles: [],
    watch: [],
    isOneShot: false,
  };
}

function nameOf(compose: Pick<Compose, 'name'>, { options, problems }: Shared, fallback: string): string {
  if (options.name !== undefined) {
    if (isDnsLabel(options.name)) return options.name;
    const hints = [`use ${toDnsLabel(options.name, 'my-project')}`];
    problems.push(
      failure(
        'usage',
        'INVALID_NAME',
        `project name ${JSON.stringify(options.name.slice(0, 80))} cannot be a host name`,
        { hints },
      ) as Problem,
    );
    return fallback;
  }
  if (!compose.name) return fallback;
  const { text, at } = compose.name;
  if (isDnsLabel(text)) return text;
  problems.push(
    problemAt(
      at,
      'INVALID_NAME',
      `project name ${JSON.stringify(text.slice(0, 80))} cannot be a host name`,
      `name: ${toDnsLabel(text, fallback)}`,
    ),
  );
  return toDnsLabel(text, fallback);
}

function projectOf(
  name: string,
  services: ReadonlyMap<string, Service>,
  text: string,
  shared: Shared,
  composeFile: string | undefined,
): Project {
  const { path, caddyfile, options, dotenv } = shared;
  const domain = domainOf(name, shared);
  const edgeEnv = Object.create(null) as Record<string, string>;
  for (const [key, value] of dotenv?.values ?? []) edgeEnv[key] = options.env[key] ?? value;
  edgeEnv['CAMP_DOMAIN'] = domain;
  return {
    name,
    dir: path,
    id: projectId(path),
    domain,
    services,
    ...(composeFile ? { composeFile } : {}),
    caddyfile: { text, ...(caddyfile ? { path: join(path, caddyfile.name) } : {}) },
    edgeEnv,
  };
}

/** CAMP_DOMAIN of the caller or of .env, else `<name>.localhost`. Problem: INVALID_DOMAIN. */
function domainOf(name: string, { options, dotenv, dotenvFile, problems }: Shared): string {
  const own = options.env['CAMP_DOMAIN'];
  const domain = (own || dotenv?.values.get('CAMP_DOMAIN') || `${name}.localhost`).toLowerCase();
  if (isHostName(domain)) return domain;
  const message = `CAMP_DOMAIN ${JSON.stringify(domain.slice(0, 80))} is not a host name`;
  const hint = `CAMP_DOMAIN=${name}.localhost`;
  const begin = dotenv?.places.get('CAMP_DOMAIN');
  if (own || begin === undefined || !dotenvFile)
    problems.push(failure('usage', 'INVALID_DOMAIN', message, { hints: [hint] }) as Problem);
  else
    problems.push(
      problemAt(
        { file: dotenvFile, begin, end: begin + 'CAMP_DOMAIN'.length } satisfies Span,
        'INVALID_DOMAIN',
        message,
        hint,
      ),
    );
  return `${name}.localhost`;
}

function ordered({ project, problems, warnings }: Draft, files: readonly string[]): Loaded {
  const sorted = { problems: inTextOrder(problems, files), warnings: inTextOrder(warnings, files) };
  return project && problems.length === 0 ? { project, ...sorted } : sorted;
}
