import type { Ms } from '../kit/events.ts';
import { CampError, failure } from '../kit/failure.ts';
import { reconcile } from '../plan/reconcile.ts';
import type { Mode, Observed, Plan, PlanOptions, Wanted } from '../plan/types.ts';
import { loadProject } from '../project/load.ts';
import type { Project } from '../project/types.ts';
import { notReadByProcess } from '../project/unread.ts';
import { refuseBadCaddyfile, withCaddyfileProblems } from './caddyfile-check.ts';
import type { EventStream } from './event-stream.ts';
import type { StateFolders } from './folders.ts';
import { refuseUnknownServices } from './known-services.ts';
import type { Machinery } from './machinery.ts';
import type { OtherServices } from './other-services.ts';
import { type Selection, selectionOf } from './selection.ts';
import { withInstalledServers } from './servers.ts';
import { wantedOf } from './wanted.ts';

export interface ConvergeRequest extends Selection {
  readonly only?: readonly string[];
  readonly timeoutMs: Ms;
  readonly recreate?: 'diverged' | 'always';
  /** When the person pressed return, on the supervisor's clock; 0 for the command that became the supervisor; now where nobody has. */
  readonly originMs?: Ms;
}

export interface PlanningSetup {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly folders: StateFolders;
  readonly selection: Selection;
  readonly machinery: Machinery;
  readonly others: OtherServices;
  readonly events: EventStream;
  readonly signal: AbortSignal;
}

/** What is to be done: computed from the files, from what was asked for so far, and from one look at reality. */
export class Planning {
  readonly #setup: PlanningSetup;
  #selection: Selection;
  /** Replica counts that `camp scale` has set. */
  readonly scale = new Map<string, number>();

  constructor(setup: PlanningSetup) {
    this.#setup = setup;
    this.#selection = setup.selection;
  }

  get mode(): Mode {
    return this.#selection.mode ?? 'auto';
  }

  /** From now on files are read, and services placed, as this request says; what it does not say stays. */
  select(request: Selection): void {
    this.#selection = { ...this.#selection, ...selectionOf(request) };
  }

  /** Project, placement, one look at reality, plan: everything before anything is changed. Throws what is wrong in any file. */
  async think(
    request: ConvergeRequest,
  ): Promise<{ readonly project: Project; readonly wanted: Wanted; readonly plan: Plan }> {
    const { dir, env, folders, signal, events, machinery } = this.#setup;
    const check = { dir, env, state: folders.state, signal };
    let project: Project;
    let wanted: Wanted;
    const { containers } = machinery.replicas;
    if (this.mode === 'docker') await containers.greet(signal);
    try {
      project = events.span('load', 'files', () => this.load(request.only));
      events.mark('begin', 'observe', 'machine');
      wanted = await wantedOf(project, {
        mode: this.mode,
        scale: this.scale,
        leases: machinery.leases,
        containers,
        signal,
      });
    } catch (error) {
      throw await withCaddyfileProblems(error, check);
    }
    this.#warnOfUnread(wanted);
    const observed = await this.#observe(project, wanted);
    events.mark('end', 'observe', 'machine');
    const { caddy } = machinery.host;
    await refuseBadCaddyfile(project, { ...check, ...(caddy ? { caddy: caddy.path } : {}) });
    const plan = events.span('plan', 'steps', () => reconcile(wanted, observed, optionsOf(request)));
    return { project, wanted, plan };
  }

  /** The files as they are now. Throws what is wrong in them. */
  load(only: readonly string[] | undefined): Project {
    const { dir, env, events, others } = this.#setup;
    const { mode: _, ...selection } = this.#selection;
    const { project, problems, warnings } = loadProject(dir, { env, ...selection });
    for (const warning of warnings) events.emit({ type: 'warning', message: warning.message, failure: warning });
    if (!project) throw new CampError(problems);
    refuseUnknownServices(project, only);
    return others.withoutRoutes(withInstalledServers(project, env));
  }

  /** A plan after the result must be empty of starts and stops; else two things pull at the same replica. Throws DID_NOT_CONVERGE. */
  async refuseDiverged(project: Project, wanted: Wanted, request: ConvergeRequest): Promise<void> {
    const observed = await this.#observe(project, wanted);
    // what has been saved since the builds began, by a container that writes where it is built too, is for the next up
    const again = reconcile(
      wanted,
      { ...observed, builds: new Map() },
      { ...optionsOf(request), recreate: 'diverged' },
    );
    const left = again.steps.filter((step) => step.kind === 'start' || step.kind === 'stop');
    if (left.length === 0) return;
    throw new CampError(
      failure('service', 'DID_NOT_CONVERGE', `${left.map((step) => step.subject).join(', ')} did not stay as wanted`, {
        hints: ['camp ps', 'camp logs'],
        evidence: left.map((step) => `${step.kind} ${step.subject}: ${step.cause}`),
      }),
    );
  }

  async #observe(project: Project, { services, placements }: Wanted): Promise<Observed> {
    const { signal, machinery } = this.#setup;
    const { replicas, servers, host } = machinery;
    const looking = Promise.all([replicas.observe(signal), replicas.containers.staleBuilds(signal)]);
    looking.catch(() => undefined); // told below
    // while the engine is asked
    const here = {
      ...servers.observe(services, placements),
      leftovers: replicas.processes.leftovers(),
      ...host.observe(project),
    };
    const [observed, builds] = await looking;
    return { ...here, replicas: observed, builds };
  }

  /** Keys that Compose acts on and a process cannot. */
  #warnOfUnread({ services, placements }: Wanted): void {
    for (const service of services.values())
      if (placements.get(service.name)?.kind === 'process')
        for (const failure of notReadByProcess(service))
          this.#setup.events.emit({ type: 'warning', message: failure.message, failure });
  }
}

function optionsOf({ recreate = 'diverged', only }: ConvergeRequest): PlanOptions {
  return { recreate, ...(only?.length ? { only } : {}) };
}
