import { statSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { isDnsLabel, toDnsLabel } from '../name.ts';
import { recogniseStart } from '../recognise.ts';
import { problemAt, sourceOf } from '../text-file.ts';
import { at, type Entry, itemsOf, type Tree } from '../tree.ts';
import type { Port, PublishedPort, Service, Start } from '../types.ts';
import { buildOf, containerOf, unreadKeys } from './container.ts';
import type { Context } from './context.ts';
import type { Dependency } from './dependencies.ts';
import { checkLabelFiles, environmentOf } from './environment.ts';
import { healthOf } from './health.ts';
import { hintsOf } from './hints.ts';
import { isRemoteContext, pathFrom } from './paths.ts';
import { profilesOf } from './profiles.ts';
import { flagOf, numberOf, textOf } from './scalars.ts';
import { serverOf } from './server.ts';
import { exposedPorts, publishedPorts } from './service-ports.ts';
import { durationMs } from './units.ts';
import { watchRules } from './watch-rules.ts';

/** What the rest of the file says about a service. */
export interface Surroundings {
  readonly dependencies: readonly Dependency[];
  /** Somebody waits for its completion. */
  readonly isOneShot: boolean;
  readonly root: Tree;
}

/** One entry of `services:` as a Service. Its shape has been checked; what is unusable is reported and left out. */
export function serviceOf(
  name: string,
  { keyAt, value: tree }: Entry,
  around: Surroundings,
  context: Context,
): Service {
  const camp = at(tree, 'x-camp');
  const isNative = textOf(camp) === 'native' || (flagOf(at(camp, 'native')) ?? context.isNative);
  const image = textOf(at(tree, 'image')) || undefined;
  const build = buildOf(tree, context.dir);
  const ports = publishedPorts(tree, context);
  const expose = exposedPorts(tree);
  const env = environmentOf(tree, context);
  checkLabelFiles(tree, context);
  const isEdge = isProjectEdge(name, image, tree, context.dir);
  checkPlace(name, tree, { keyAt, value: tree }, isNative && !isEdge, build?.context, context);
  const start = isEdge ? undefined : startOf(tree, camp, build?.context, context);
  const health = healthOf(tree, declaredPorts(ports, expose, env), context);
  const hints = hintsOf(tree, context);
  const server = isEdge ? undefined : serverOf(tree, around.root, context);
  return {
    name,
    source: sourceOf(keyAt),
    ...(image === undefined ? {} : { image }),
    ...(build ? { build } : {}),
    isNative,
    isEdge,
    ...(start ? { start } : {}),
    ...(server ? { server } : {}),
    replicas: replicasOf(tree, context),
    env,
    ports,
    expose,
    dependsOn: new Map(around.dependencies.map(({ on, condition }) => [on, condition])),
    optionalDependencies: around.dependencies.filter(({ isRequired }) => !isRequired).map(({ on }) => on),
    restartsWith: around.dependencies.filter(({ isRestarting }) => isRestarting).map(({ on }) => on),
    ...(health ? { health } : {}),
    stop: {
      signal: stopSignal(tree, context),
      graceMs: Math.max(0, durationMs(textOf(at(tree, 'stop_grace_period')) ?? '10s') ?? 10_000),
    },
    restart: restartOf(tree, context),
    profiles: profilesOf(tree),
    watch: watchRules(tree, context),
    isOneShot: around.isOneShot,
    container: containerOf(tree, around.root),
    unread: unreadKeys(tree),
    ...(hints ? { hints } : {}),
  };
}

function declaredPorts(
  ports: readonly PublishedPort[],
  expose: readonly Port[],
  env: Readonly<Record<string, string>>,
): ReadonlySet<Port> {
  return new Set([
    ...ports.map(({ container }) => container),
    ...expose,
    ...(env['PORT'] ? [Number(env['PORT'])] : []),
  ]);
}

/** NO_IMAGE_OR_BUILD, BUILD_CONTEXT_MISSING and, for what runs as a process, INVALID_NAME. */
function checkPlace(
  name: string,
  tree: Tree,
  { keyAt }: Entry,
  isNative: boolean,
  folder: string | undefined,
  context: Context,
): void {
  const image = at(tree, 'image');
  if (!textOf(image) && !['build', 'provider', 'extends'].some((key) => at(tree, key))) {
    const [message, hint] = image
      ? [`service "${name}" has no build, and its image is empty`, 'set the variable in it, or write a name']
      : [`service "${name}" has neither build nor image`, `add "build: services/${name}" or "image: ..." below it`];
    context.report(problemAt(image?.at ?? keyAt, 'NO_IMAGE_OR_BUILD', message, hint));
  }
  if (isNative && !isDnsLabel(name))
    context.report(
      problemAt(
        keyAt,
        'INVALID_NAME',
        `service name "${name}" cannot be a host name`,
        `rename it to ${toDnsLabel(name, 'service')}`,
      ),
    );
  const build = at(tree, 'build');
  if (!build || !folder || isRemoteContext(folder) || isFolder(folder)) return;
  const where = build.kind === 'scalar' ? build.at : (at(build, 'context')?.at ?? keyAt);
  const problem = problemAt(
    where,
    'BUILD_CONTEXT_MISSING',
    `service "${name}" is built from a folder that is not there`,
    `camp add service ${name}, or correct the path`,
  );
  if (isNative) context.report(problem);
  else context.warn(problem);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** `x-camp: {run, root}`, else what the folder that it is built from says. */
function startOf(tree: Tree, camp: Tree | undefined, folder: string | undefined, context: Context): Start | undefined {
  const runTree = at(camp, 'run');
  const run = runTree?.kind === 'list' ? runTree.items.map((item) => textOf(item) ?? '') : textOf(runTree);
  const rootTree = at(camp, 'root');
  const root = textOf(rootTree);
  if (runTree && (run === undefined || run.length === 0))
    context.report(
      problemAt(runTree.at, 'INVALID_COMMAND', 'the command of x-camp run is empty', 'write run: node server.ts'),
    );
  const own = root === undefined ? undefined : pathFrom(context.dir, root);
  if (own && rootTree && !isFolder(own)) {
    context.report(problemAt(rootTree.at, 'FOLDER_MISSING', `folder ${root} is not there`, `mkdir -p ${root}`));
    return undefined;
  }
  const where = own ?? (folder && !isRemoteContext(folder) ? folder : run ? context.dir : undefined);
  if (!where || !(own || run || at(tree, 'build')) || !isFolder(where)) return undefined;
  const start = recogniseStart(where, { env: context.env, ...(run?.length ? { run } : {}) });
  return start ?? (own ? { kind: 'static', root: own, why: 'x-camp root' } : undefined);
}

function replicasOf(tree: Tree, context: Context): number {
  const scale = at(tree, 'scale');
  const replicas = at(tree, 'deploy', 'replicas');
  const [first, second] = [numberOf(scale), numberOf(replicas)];
  if (scale && first !== undefined && second !== undefined && first !== second)
    context.report(
      problemAt(
        scale.at,
        'REPLICAS_CONFLICT',
        `scale is ${first}, deploy.replicas is ${second}`,
        'keep deploy.replicas and remove scale',
      ),
    );
  const value = first ?? second ?? 1;
  const where = scale ?? replicas;
  if (where && (value < 0 || value > 1000)) {
    context.report(
      problemAt(
        where.at,
        'INVALID_VALUE',
        `${value} is not a possible number of replicas`,
        'write a number from 0 to 1000',
      ),
    );
    return 1;
  }
  return Math.trunc(value);
}

function stopSignal(tree: Tree, context: Context): NodeJS.Signals {
  const written = at(tree, 'stop_signal');
  const text = textOf(written);
  if (!written || !text) return 'SIGTERM';
  const upper = text.toUpperCase();
  const names = Object.keys(constants.signals) as NodeJS.Signals[];
  const found = names.find(
    (name) => name === upper || name === `SIG${upper}` || String(constants.signals[name]) === text,
  );
  if (!found)
    context.report(
      problemAt(written.at, 'INVALID_SIGNAL', `"${text}" is not a signal`, 'use SIGTERM, SIGINT or SIGQUIT'),
    );
  return found ?? 'SIGTERM';
}

function restartOf(tree: Tree, context: Context): Service['restart'] {
  const written = at(tree, 'restart');
  const [policy = ''] = (textOf(written) ?? '').split(':');
  if (policy === 'no' || policy === 'always' || policy === 'on-failure' || policy === 'unless-stopped') return policy;
  if (written?.kind === 'scalar' && typeof written.value === 'string' && policy !== '')
    context.report(
      problemAt(
        written.at,
        'INVALID_VALUE',
        `restart "${policy}" is not one of no, always, on-failure, unless-stopped`,
        'use unless-stopped',
      ),
    );
  const condition = textOf(at(tree, 'deploy', 'restart_policy', 'condition'));
  return condition === 'any' ? 'always' : condition === 'on-failure' ? 'on-failure' : 'no';
}

/** The Caddy that serves the project's own Caddyfile when the project runs without camp. */
function isProjectEdge(name: string, image: string | undefined, tree: Tree, dir: string): boolean {
  if (!image || !/^(?:docker\.io\/)?(?:library\/)?caddy(?::[^/]*|@.*)?$/.test(image)) return false;
  const mounts = itemsOf(at(tree, 'volumes')).map((mount) => {
    const [source = '', target = ''] = (textOf(mount) ?? '').split(':');
    return mount.kind === 'table'
      ? { source: textOf(at(mount, 'source')) ?? '', target: textOf(at(mount, 'target')) ?? '' }
      : { source, target };
  });
  if (
    mounts.some(
      ({ source, target }) => target === '/etc/caddy/Caddyfile' && resolve(dir, source) === join(dir, 'Caddyfile'),
    )
  )
    return true;
  if (
    mounts.some(
      ({ source, target }) =>
        /^\/etc\/caddy\/?$/.test(target) && source.startsWith('.') && resolve(dir, source) === dir,
    )
  )
    return true;
  // what is configured from elsewhere serves something else
  const isElsewhere = mounts.some(({ target }) => /^\/etc\/caddy(?:\/|$)/.test(target)) || at(tree, 'configs');
  return (name === 'edge' || name === 'caddy') && !at(tree, 'command') && !isElsewhere;
}
