import { existsSync } from 'node:fs';
import { authorityFiles } from '../edge/authority.ts';
import { monotonicClock } from '../kit/clock.ts';
import { CampError, type Failure, fail } from '../kit/failure.ts';
import { projectId, userFolders } from '../kit/paths.ts';
import { markedProcesses } from '../kit/process.ts';
import { needsEngine, place, placementName } from '../plan/place.ts';
import { printPlan } from '../plan/print.ts';
import { reconcile } from '../plan/reconcile.ts';
import { countOf } from '../plan/replica-counts.ts';
import type { EngineState, Mode, ObservedReplica, Placement, Plan, RuntimeKind } from '../plan/types.ts';
import { composeJson } from '../project/compose/model/canonical.ts';
import type { ComposeModel } from '../project/compose/model/types.ts';
import { modelOf } from '../project/compose/model.ts';
import { loadProject } from '../project/load.ts';
import { powersOf } from '../project/powers.ts';
import type { Project } from '../project/types.ts';
import type { ProjectStatus, ServiceStatus } from '../report/types.ts';
import { PortLeases } from '../runtime/native/leases.ts';
import { leftoversOf } from '../runtime/native/leftovers.ts';
import { findCaddy } from '../tools/find-caddy.ts';
import { refuseBadCaddyfile, withCaddyfileProblems } from './caddyfile-check.ts';
import { ask } from './client.ts';
import { ContainerHost } from './containers/host.ts';
import { edgeStorage, stateFolders } from './folders.ts';
import { withPlannedSecrets } from './secrets.ts';
import { type Selection, selectionOf } from './selection.ts';
import { ServerHost, withInstalledServers } from './servers.ts';
import { wantedOf } from './wanted.ts';

export interface LookRequest extends Selection {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The project as its files say. Throws every problem that they have. */
export function readProject({ dir, env, mode: _, ...selection }: LookRequest): {
  readonly project: Project;
  readonly warnings: readonly Failure[];
} {
  const { project, problems, warnings } = loadProject(dir, { env, ...selectionOf(selection) });
  if (!project) throw new CampError(problems);
  return { project: withInstalledServers(project, env), warnings };
}

/** As `readProject`, with what Caddy finds in the Caddyfile. */
export async function readChecked(request: LookRequest): Promise<ReturnType<typeof readProject>> {
  const check = { ...request, signal: AbortSignal.timeout(10_000) };
  try {
    const read = readProject(request);
    await refuseBadCaddyfile(read.project, check);
    return read;
  } catch (error) {
    throw await withCaddyfileProblems(error, check);
  }
}

/** What runs of the project now: the supervisor's word, or, where there is none, what the system shows. */
export async function status(request: LookRequest): Promise<ProjectStatus> {
  process.chdir(request.dir);
  const live = await ask(stateFolders(request.dir), 'status', {}, () => undefined);
  return live === undefined ? stoppedStatus(request) : (live as ProjectStatus);
}

async function stoppedStatus(request: LookRequest): Promise<ProjectStatus> {
  const { project } = readProject(request);
  const containers = lookingHost(request, project);
  const mode = request.mode ?? 'auto';
  const engine: EngineState =
    needsEngine(project, mode) || containers.mayHaveLeft
      ? await containers.connect(project, AbortSignal.timeout(10_000))
      : { at: 'unasked' };
  const { placements } = place(project, mode, engine);
  const processes = markedProcesses(project.id);
  const left = (await observedOf(containers)).filter((one) => one.isRunning);
  return {
    project: project.name,
    domain: project.domain,
    running: false,
    urls: [],
    services: [...project.services.values()].flatMap((service): readonly ServiceStatus[] => {
      const placement = placements.get(service.name);
      if (placement?.kind === 'edge') return [];
      const pids = processes.filter((one) => one.replica.split(':')[0] === service.name).map((one) => one.pid);
      const isLeft = pids.length > 0 || left.some((one) => one.service === service.name);
      return [
        {
          name: service.name,
          placement: placementName(placement?.kind ?? 'container'),
          replicas: countOf(service.name, { services: project.services, placements, replicas: new Map() }),
          state: isLeft ? 'left over' : 'stopped',
          url: null,
          readyMs: null,
          pids,
        },
      ];
    }),
    edge: null,
  };
}

/** Of an engine that has stopped answering nothing can be said, as of one that cannot be reached. */
async function observedOf({ running }: ContainerHost): Promise<readonly ObservedReplica[]> {
  if (!running) return [];
  return running.observe(AbortSignal.timeout(10_000)).catch((error: unknown) => {
    if (error instanceof CampError && error.failures[0]?.fault === 'machine') return [];
    throw error;
  });
}

/** The container side of a project that is only looked at. */
export function lookingHost({ dir, env }: LookRequest, project: Project): ContainerHost {
  const folders = stateFolders(dir);
  const leases = new PortLeases(folders.state, project.id);
  return new ContainerHost({
    env,
    folders,
    storage: edgeStorage(userFolders(env)),
    leases,
    clock: monotonicClock(),
    isLooking: true,
    emit: () => undefined,
    pressure: () => undefined,
    edgePorts: () => [],
    portOf: ({ name, env: own }, index) => Number(own['PORT']) || (leases.peek(`${name}:${index}`) ?? 0),
    processes: () => new Map(),
  });
}

/** What `up` would do, and why; changes nothing. */
export interface PlanReport {
  readonly project: string;
  readonly placements: readonly {
    readonly service: string;
    readonly placement: ReturnType<typeof placementName<Placement['kind']>>;
    readonly why: string;
  }[];
  readonly steps: Plan['steps'];
  readonly text: string;
  /** What services may do to this machine beyond containers of their own. */
  readonly powers: readonly { readonly service: string; readonly may: readonly string[] }[];
  /** What `up` would refuse before it starts anything. */
  readonly problems: readonly Failure[];
}

/** The compose files as camp reads them, in the form of `docker compose config --format json` (a dollar is two), secrets and all; null where there are none. */
export function composeConfig(request: LookRequest): ComposeModel | null {
  const { project } = readProject(request);
  const model = modelOf(project, request.env);
  return model ? (JSON.parse(composeJson(model)) as ComposeModel) : null;
}

/** Plans against what runs now, without taking the lock. Throws what cannot be placed. */
export async function plan(asked: LookRequest): Promise<PlanReport> {
  process.chdir(asked.dir);
  const request = { ...asked, env: await withPlannedSecrets(asked) };
  const { project } = await readChecked(request);
  const folders = stateFolders(request.dir);
  const running = (await ask(folders, 'observed', {}, () => undefined)) as Running | undefined;
  const signal = AbortSignal.timeout(30_000);
  const containers = lookingHost(request, project);
  const problems: Failure[] = [];
  const wanted = await wantedOf(project, {
    // what is wrong in the files is part of what there is to see
    refuse(failures) {
      if (failures.some((one) => one.fault !== 'project')) throw new CampError(failures);
      problems.push(...failures);
    },
    mode: request.mode ?? running?.mode ?? 'auto',
    scale: new Map(running?.scale ?? []),
    leases: new PortLeases(folders.state, project.id),
    containers,
    signal,
  });
  const user = userFolders(request.env);
  const placementOf = (name: string): Placement['kind'] | undefined => wanted.placements.get(name)?.kind;
  const servers = new ServerHost({ env: request.env, folders, emit: () => undefined, placementOf });
  const steps = reconcile(
    wanted,
    {
      replicas: running?.replicas ?? (await containers.running?.observe(signal)) ?? [],
      leftovers: running ? [] : leftoversOf(projectId(request.dir)),
      builds: await containers.staleBuilds(signal),
      ...servers.observe(wanted.services, wanted.placements),
      hasCaddy: findCaddy(user, request.env).tool !== undefined,
      hasAuthority: existsSync(authorityFiles(edgeStorage(user)).root),
      ...(running?.edge ? { edge: running.edge } : {}),
    },
    { recreate: 'diverged' },
  );
  return {
    project: project.name,
    placements: [...wanted.placements].map(([service, placement]) => ({
      service,
      placement: placementName(placement.kind),
      why: placement.why,
    })),
    steps: steps.steps,
    text: printPlan(steps),
    powers: [...wanted.placements].flatMap(([name, { kind }]) => {
      const service = kind === 'container' ? wanted.services.get(name) : undefined;
      const may = service && project.compose ? powersOf(project.compose, service) : [];
      return may.length > 0 ? [{ service: name, may }] : [];
    }),
    problems,
  };
}

/** What the supervisor tells the planner of another process. */
export interface Running {
  readonly replicas: readonly ObservedReplica[];
  readonly scale: readonly (readonly [string, number])[];
  readonly mode: Mode;
  readonly edge?: RuntimeKind;
}

/** The URL that `camp open` opens: the service's, or the project's front page. Throws NOT_RUNNING or UNKNOWN_SERVICE. */
export async function urlOf(request: LookRequest, service: string | undefined): Promise<string> {
  const now = await status(request);
  if (!now.running) fail('usage', 'NOT_RUNNING', `${now.project} is not running`, { hints: ['camp up -d'] });
  if (service === undefined)
    return (
      now.urls.find((url) => new URL(url).pathname === '/') ??
      now.urls[0] ??
      fail('usage', 'NO_URL', `${now.project} has no route`, {
        hints: ['camp add service web --template static --route /'],
      })
    );
  const found = now.services.find((one) => one.name === service);
  if (!found)
    fail('usage', 'UNKNOWN_SERVICE', `there is no service "${service}" in ${now.project}`, {
      hints: [`services: ${now.services.map((one) => one.name).join(', ')}`],
    });
  return found.url ?? fail('usage', 'NO_URL', `service "${service}" has no URL`, { hints: ['camp ps'] });
}
