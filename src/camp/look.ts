import { existsSync } from 'node:fs';
import { authorityFiles } from '../edge/authority.ts';
import { CampError, type Failure, fail } from '../kit/failure.ts';
import { projectId, userFolders } from '../kit/paths.ts';
import { markedProcesses } from '../kit/process.ts';
import { place } from '../plan/place.ts';
import { printPlan } from '../plan/print.ts';
import { reconcile } from '../plan/reconcile.ts';
import type { Placement, Plan } from '../plan/types.ts';
import { loadProject } from '../project/load.ts';
import type { Project } from '../project/types.ts';
import type { ProjectStatus, ServiceStatus } from '../report/types.ts';
import { findCaddy } from '../tools/find-caddy.ts';
import { refuseBadCaddyfile, withCaddyfileProblems } from './caddyfile-check.ts';
import { ask } from './client.ts';
import { edgeStorage, stateFolders } from './folders.ts';
import { routedServices } from './handlers.ts';

export interface LookRequest {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The project as its files say. Throws every problem that they have. */
export function readProject({ dir, env }: LookRequest): {
  readonly project: Project;
  readonly warnings: readonly Failure[];
} {
  const { project, problems, warnings } = loadProject(dir, { env });
  if (!project) throw new CampError(problems);
  return { project, warnings };
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

function stoppedStatus(request: LookRequest): ProjectStatus {
  const { project } = readProject(request);
  const { placements } = place(project);
  const left = markedProcesses(projectId(request.dir));
  return {
    project: project.name,
    domain: project.domain,
    running: false,
    urls: [],
    services: [...project.services.values()].flatMap((service): readonly ServiceStatus[] => {
      const placement = placements.get(service.name);
      if (placement?.kind === 'edge') return [];
      const pids = left.filter((one) => one.replica.split(':')[0] === service.name).map((one) => one.pid);
      return [
        {
          name: service.name,
          placement: placement?.kind ?? 'container',
          replicas: service.replicas,
          state: pids.length > 0 ? 'left over' : 'stopped',
          url: null,
          readyMs: null,
          pids,
        },
      ];
    }),
    edge: null,
  };
}

/** What `up` would do, and why; changes nothing. */
export interface PlanReport {
  readonly project: string;
  readonly placements: readonly {
    readonly service: string;
    readonly placement: Placement['kind'];
    readonly why: string;
  }[];
  readonly steps: Plan['steps'];
  readonly text: string;
}

/** Plans against what runs now, without taking the lock. Throws what cannot be placed. */
export async function plan(request: LookRequest): Promise<PlanReport> {
  process.chdir(request.dir);
  const { project } = await readChecked(request);
  const { placements, failures } = place(project);
  if (failures.length > 0) throw new CampError(failures);
  const running = (await ask(stateFolders(request.dir), 'observed', {}, () => undefined)) as Running | undefined;
  const user = userFolders(request.env);
  const steps = reconcile(
    {
      services: project.services,
      placements,
      replicas: new Map(running?.scale ?? []),
      routed: routedServices(project),
    },
    {
      replicas: running?.replicas ?? [],
      leftovers: running ? [] : leftovers(request.dir),
      hasCaddy: findCaddy(user, request.env).tool !== undefined,
      hasAuthority: existsSync(authorityFiles(edgeStorage(user)).root),
      isEdgeRunning: running?.isEdgeRunning ?? false,
    },
    { recreate: 'diverged' },
  );
  return {
    project: project.name,
    placements: [...placements].map(([service, placement]) => ({
      service,
      placement: placement.kind,
      why: placement.why,
    })),
    steps: steps.steps,
    text: printPlan(steps),
  };
}

/** What the supervisor tells the planner of another process. */
export interface Running {
  readonly replicas: readonly { service: string; index: number; configHash: string; isRunning: boolean }[];
  readonly scale: readonly (readonly [string, number])[];
  readonly isEdgeRunning: boolean;
}

function leftovers(dir: string): readonly { replica: string; pids: readonly number[] }[] {
  const byReplica = new Map<string, number[]>();
  for (const one of markedProcesses(projectId(dir)))
    byReplica.set(one.replica, [...(byReplica.get(one.replica) ?? []), one.pid]);
  return [...byReplica].map(([replica, pids]) => ({ replica, pids }));
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
