import { realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Failure, failure, type Problem } from '../kit/failure.ts';
import { projectId } from '../kit/paths.ts';
import { addDotEnv, type EnvFiles, readAskedEnvFiles } from './compose/env-files.ts';
import { interpolate } from './compose/interpolate.ts';
import { normaliseName } from './compose/project-name.ts';
import { type Compose, inTextOrder, readCompose } from './compose/read.ts';
import { textOf } from './compose/scalars.ts';
import { createSources, type OpenFile, type Sources } from './compose/sources.ts';
import { type Chosen, chooseFiles } from './compose/which-files.ts';
import { discoverServices, type Found } from './discover.ts';
import { isDnsLabel, isHostName, toDnsLabel } from './name.ts';
import { nameByCaddyfile, routesOfFound, routesOfServices } from './routes.ts';
import { problemAt, type TextFile } from './text-file.ts';
import { at, type Tree } from './tree.ts';
import type { ComposeProject, Loaded, Project, Service } from './types.ts';
import { isOfOneService } from './whose-caddyfile.ts';

export interface LoadOptions {
  /** The caller's environment: variables in compose.yaml, CAMP_DOMAIN, COMPOSE_FILE and its like. */
  readonly env: NodeJS.ProcessEnv;
  /** Compose files (`-f`), relative to the folder; default COMPOSE_FILE, else the known names. */
  readonly files?: readonly string[];
  /** Env files in the place of .env (`--env-file`), relative to the folder; default COMPOSE_ENV_FILES. */
  readonly envFiles?: readonly string[];
  /** Active profiles; default COMPOSE_PROFILES. */
  readonly profiles?: readonly string[];
  /** Wins over COMPOSE_PROJECT_NAME and the file's `name:`. */
  readonly name?: string;
  /** A second one of the same project: it has another id and another name, and the same domain. */
  readonly instance?: string;
}

/**
 * Reads a project's folder: compose files, Caddyfile and env files, or, where there is neither compose file nor
 * Caddyfile, what can be started in it. Reads the disk only. Every problem of every file is reported at once;
 * throws only for files that may not be read (NO_PERMISSION, machine).
 */
export function loadProject(dir: string, options: LoadOptions): Loaded {
  let path: string;
  try {
    path = realpathSync(dir);
  } catch {
    return { problems: [notAProject(`${dir} is not there`)], warnings: [] };
  }
  const problems: Problem[] = [];
  const warnings: Failure[] = [];
  const sources = createSources(path, {
    report: (problem) => problems.push(problem),
    warn: (warning) => warnings.push(warning),
  });
  const project = projectIn(path, options, { problems, sources });
  const order = ['.env', ...[...sources.names].filter((name) => name !== '.env' && name !== 'Caddyfile'), 'Caddyfile'];
  const sorted = { problems: inTextOrder(problems, order), warnings: inTextOrder(warnings, order) };
  return problems.length === 0 ? { project, ...sorted } : sorted;
}

interface Shared {
  readonly path: string;
  readonly options: LoadOptions;
  readonly problems: Problem[];
  readonly sources: Sources;
  readonly envFiles: EnvFiles;
  /** The caller's environment, then the env files. */
  readonly lookup: (name: string) => string | undefined;
  readonly caddyfile?: TextFile;
}

function projectIn(
  path: string,
  options: LoadOptions,
  { problems, sources }: Pick<Shared, 'problems' | 'sources'>,
): Project {
  const envFiles = readAskedEnvFiles(path, options.envFiles, options.env, sources);
  // a variable may be called __proto__
  const lookup = (name: string) =>
    (Object.hasOwn(options.env, name) ? options.env[name] : undefined) ?? envFiles.values.get(name)?.value;
  // with -f Compose looks for .env beside the first file only
  if (!options.files?.length) addDotEnv(path, envFiles, sources);
  const chosen = chooseFiles(path, options.files, lookup, sources);
  if (options.files?.length || chosen.dir !== path) addDotEnv(chosen.dir, envFiles, sources);
  const files = chosen.files.flatMap((each) => {
    const file = sources.open(each);
    return file && file !== 'missing' ? file : [];
  });
  const caddyfile = sources.open(join(path, 'Caddyfile'));
  const shared: Shared = {
    path,
    options,
    problems,
    sources,
    envFiles,
    lookup,
    ...(caddyfile && caddyfile !== 'missing' ? { caddyfile: caddyfile.file } : {}),
  };
  const isAsked = options.files?.length || lookup('COMPOSE_FILE');
  return chosen.files.length > 0 || isAsked ? fromCompose(files, chosen, shared) : fromFolder(shared);
}

function fromCompose(files: readonly OpenFile[], chosen: Chosen, shared: Shared): Project {
  const { options, sources, lookup: known } = shared;
  const folder = basename(chosen.dir);
  const asked = options.name ?? (known('COMPOSE_PROJECT_NAME') || undefined);
  const declared = declaredName(files, shared);
  if (asked === undefined && declared?.text === '')
    shared.problems.push(
      problemAt(declared.at, 'INVALID_NAME', 'the project name is empty', 'set the variable in it, or remove name'),
    );
  let composeName: string | undefined;
  const nameHere = () =>
    (composeName ??= ofInstance(asked ?? (normaliseName(declared?.text ?? folder) || 'project'), options));
  const lookup = (name: string) => (name === 'COMPOSE_PROJECT_NAME' ? nameHere() : known(name));
  const listed = options.profiles ?? (known('COMPOSE_PROFILES') ?? '').split(',').map((each) => each.trim());
  const profiles = listed.filter(Boolean);
  const { dir } = chosen;
  const compose = readCompose(files, { dir, env: options.env, lookup, profiles: new Set(profiles), sources });
  const name = nameOf(compose, shared, toDnsLabel(folder, 'project'));
  const { caddyfile, ...rest } = shared;
  const services = [...compose.services.values()];
  const own =
    caddyfile && !isOfOneService(join(shared.path, 'Caddyfile'), caddyfile.text, services) ? { caddyfile } : {};
  const text = own.caddyfile?.text ?? routesOfServices(services, name);
  const project = projectOf(
    name,
    compose.services,
    text,
    { ...rest, ...own },
    {
      name: nameHere(),
      dir,
      files: chosen.files,
      envFiles: shared.envFiles.asked,
      profiles,
      variables: Object.fromEntries([...shared.envFiles.values].map(([key, { value }]) => [key, value])),
      tree: compose.tree ?? emptyTree,
      read: [...sources.paths],
    },
  );
  return compose.measure ? { ...project, measure: compose.measure } : project;
}

const emptyTree: Tree = {
  kind: 'table',
  entries: new Map(),
  at: { file: { name: 'compose.yaml', text: '' }, begin: 0, end: 1 },
};

/** The last `name:` of the files; its variables are filled in before the files are read, for ${COMPOSE_PROJECT_NAME}. */
function declaredName(files: readonly OpenFile[], { sources, lookup }: Shared): Compose['name'] {
  const names = files.flatMap((file) => sources.documents(file).flatMap((tree) => at(tree, 'name') ?? []));
  const last = names.findLast(textOf);
  return last && { text: interpolate(textOf(last) ?? '', lookup, () => undefined), at: last.at };
}

/** Neither file, or only a Caddyfile: the services are what can be started here. */
function fromFolder(shared: Shared): Project {
  const { path, options, caddyfile, problems } = shared;
  const name = nameOf({}, shared, toDnsLabel(basename(path), 'project'));
  const all = discoverServices(path, options.env);
  const found = caddyfile ? nameByCaddyfile(all, caddyfile.text) : all;
  if (found.length === 0 && !caddyfile && problems.length === 0)
    problems.push(notAProject(`${path} has no compose.yaml, no Caddyfile and nothing that camp knows how to start`));
  const services = new Map(found.map((each) => [each.name, serviceOfFound(each, path)]));
  return projectOf(name, services, caddyfile?.text ?? routesOfFound(found, name), shared, undefined);
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
    build: { context: join(dir, found.folder), hasDockerfile: false },
    isNative: true,
    isEdge: false,
    start: found.start,
    replicas: 1,
    env: {},
    ports: [],
    expose: [],
    dependsOn: new Map(),
    optionalDependencies: [],
    restartsWith: [],
    stop: { signal: 'SIGTERM', graceMs: 10_000 },
    restart: 'no',
    profiles: [],
    watch: [],
    isOneShot: false,
    container: { networks: ['default'], needsCompose: false },
    unread: [],
  };
}

/** The name as a DNS label, for domains and people; whether it is a project's name is for Compose's own rule. */
function nameOf(compose: Pick<Compose, 'name'>, { options, lookup, problems }: Shared, fallback: string): string {
  if (options.name !== undefined) {
    if (isDnsLabel(options.name)) return options.name;
    problems.push(unusableName('project name', options.name, 'cannot be a host name', 'my-project'));
    return fallback;
  }
  const fromEnv = lookup('COMPOSE_PROJECT_NAME');
  if (fromEnv) {
    if (normaliseName(fromEnv) !== fromEnv)
      problems.push(unusableName('COMPOSE_PROJECT_NAME', fromEnv, 'is no project name for Compose', fallback));
    return toDnsLabel(fromEnv, fallback);
  }
  if (!compose.name) return fallback;
  const { text, at: place } = compose.name;
  if (normaliseName(text) === '')
    problems.push(
      problemAt(
        place,
        'INVALID_NAME',
        `project name ${JSON.stringify(text.slice(0, 80))} has no letter and no digit that Compose would keep`,
        `name: ${fallback}`,
      ),
    );
  return toDnsLabel(text, fallback);
}

function unusableName(what: string, text: string, why: string, fallback: string): Problem {
  return failure('usage', 'INVALID_NAME', `${what} ${JSON.stringify(text.slice(0, 80))} ${why}`, {
    hints: [`use ${toDnsLabel(text, fallback)}`],
  }) as Problem;
}

function projectOf(
  name: string,
  services: ReadonlyMap<string, Service>,
  text: string,
  shared: Shared,
  compose: ComposeProject | undefined,
): Project {
  const { path, caddyfile, options, envFiles } = shared;
  const domain = domainOf(name, shared);
  const edgeEnv = Object.create(null) as Record<string, string>;
  for (const [key, { value }] of envFiles.values) edgeEnv[key] = options.env[key] ?? value;
  edgeEnv['CAMP_DOMAIN'] = domain;
  const [composeFile] = compose?.files ?? [];
  return {
    name: ofInstance(name, options),
    dir: path,
    id: projectId(path, options.instance),
    domain,
    services,
    ...(composeFile ? { composeFile } : {}),
    ...(compose ? { compose } : {}),
    caddyfile: { text, ...(caddyfile ? { path: join(path, caddyfile.name) } : {}) },
    edgeEnv,
  };
}

/** Short enough for a DNS label too. */
function ofInstance(name: string, { instance }: LoadOptions): string {
  return instance === undefined ? name : `${name.slice(0, 62 - instance.length)}-${instance}`;
}

/** CAMP_DOMAIN of the caller or of .env, else `<name>.localhost`. Problem: INVALID_DOMAIN. */
function domainOf(name: string, { options, envFiles, problems }: Shared): string {
  const own = options.env['CAMP_DOMAIN'];
  const written = envFiles.values.get('CAMP_DOMAIN');
  const domain = (own || written?.value || `${name}.localhost`).toLowerCase();
  if (isHostName(domain)) return domain;
  const message = `CAMP_DOMAIN ${JSON.stringify(domain.slice(0, 80))} is not a host name`;
  const hint = `CAMP_DOMAIN=${name}.localhost`;
  problems.push(
    own || !written
      ? (failure('usage', 'INVALID_DOMAIN', message, { hints: [hint] }) as Problem)
      : problemAt(written.at, 'INVALID_DOMAIN', message, hint),
  );
  return `${name}.localhost`;
}
