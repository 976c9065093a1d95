import type { Clock } from '../kit/clock.ts';
import type { Endpoint, Event, Ms } from '../kit/events.ts';
import { CampError, failure } from '../kit/failure.ts';
import { LogWriter } from '../kit/log-files.ts';
import { execute } from '../plan/execute.ts';
import type { Placement, Plan, RuntimeKind, Wanted } from '../plan/types.ts';
import type { Project } from '../project/types.ts';
import type { ProjectStatus, UpReport } from '../report/types.ts';
import type { DockerRuntime } from '../runtime/docker/types.ts';
import type { NativeRuntime } from '../runtime/native/types.ts';
import { measure } from '../stopwatch/measure.ts';
import { Ending } from './ending.ts';
import { EventStream } from './event-stream.ts';
import type { StateFolders } from './folders.ts';
import { handlersFor } from './handlers.ts';
import { refuseWithoutReplicas } from './known-services.ts';
import type { Running } from './look.ts';
import { type Machinery, machineryOf } from './machinery.ts';
import { OtherServices } from './other-services.ts';
import { type ConvergeRequest, Planning } from './planning.ts';
import type { Selection } from './selection.ts';
import { statusOf, upReport } from './status.ts';
import { Turns } from './turns.ts';
import { failuresWithWaiting } from './waiting.ts';

export interface SupervisorSetup {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly folders: StateFolders;
  readonly clock: Clock;
  /** `--port` */
  readonly port?: number;
  readonly selection: Selection;
}

/**
 * One project that runs: holds its edge, its runtime and its lock, and converges them to the files.
 * It decides nothing by itself: each change is a new plan, computed from the files and one look at reality.
 */
export class Supervisor {
  readonly #setup: SupervisorSetup;
  readonly #events: EventStream;
  readonly #logs: LogWriter;
  readonly #machinery: Machinery;
  readonly #planning: Planning;
  readonly #others: OtherServices;
  readonly #ending = new Ending();
  readonly #turns = new Turns();
  readonly #restarts = new Map<string, Turns>();
  #project: Project | undefined;
  #wanted: Wanted | undefined;
  #readyMs: ReadonlyMap<string, Ms> = new Map();
  #hasConverged = false;

  constructor(setup: SupervisorSetup, projectId: string) {
    const { dir, env, folders, clock, selection } = setup;
    this.#setup = setup;
    const events = new EventStream(clock);
    const logs = new LogWriter(folders.logs, (message) => events.emit({ type: 'warning', message }));
    this.#events = events;
    this.#logs = logs;
    this.#others = new OtherServices(events.emit);
    this.#machinery = machineryOf({
      ...setup,
      projectId,
      emit: events.emit,
      pressure: () => logs.pressure(),
      project: () => this.#project,
      wanted: () => this.#wanted,
    });
    this.#planning = new Planning({
      dir,
      env,
      folders,
      selection,
      machinery: this.#machinery,
      others: this.#others,
      events,
      signal: this.ending,
    });
    events.subscribe((event) => this.#keep(event));
    events.subscribe((event) => this.#onReplica(event));
  }

  readonly emit: EventStream['emit'] = (event) => this.#events.emit(event);

  /** Every event from now on; returns how to end it. */
  subscribe(sink: (event: Event) => void): () => void {
    return this.#events.subscribe(sink);
  }

  /** Resolves when all that services have written so far is in the log files. */
  flushLogs(): Promise<void> {
    return this.#logs.flush();
  }

  /** Undefined while nothing has needed a container. */
  get containerRuntime(): DockerRuntime | undefined {
    return this.#machinery.replicas.containers.running;
  }

  /** Ends what it is told of when this camp dies. */
  get guard(): NativeRuntime['guard'] {
    return this.#machinery.replicas.processes.guard;
  }

  placementOf(service: string): Placement['kind'] | undefined {
    return this.#wanted?.placements.get(service)?.kind;
  }

  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  get project(): Project | undefined {
    return this.#project;
  }

  /** The project as it is now. */
  status(): ProjectStatus {
    if (!this.#project || !this.#wanted)
      throw new CampError(failure('usage', 'NOT_RUNNING', 'the project is still being read', { hints: ['camp ps'] }));
    const { replicas, host } = this.#machinery;
    return statusOf({
      project: this.#project,
      wanted: this.#wanted,
      replicas: replicas.all(),
      routes: host.routes,
      others: this.#others.names,
      readyMs: this.#readyMs,
      edge: host.running,
      isEnding: this.ending.aborted,
    });
  }

  /** For the planner of another process: what runs, without looking for leftovers. */
  async observed(): Promise<Running> {
    const { replicas, host } = this.#machinery;
    return {
      replicas: await replicas.observe(this.ending),
      scale: [...this.#planning.scale],
      mode: this.#planning.mode,
      ...(host.kind ? { edge: host.kind } : {}),
    };
  }

  /** Where this machine reaches the replicas that are ready. */
  endpoints(): readonly Endpoint[] {
    return this.#machinery.replicas.all().flatMap(({ state, endpoints }) => (state.at === 'ready' ? endpoints : []));
  }

  /** What a command of a service runs with; undefined for what is no service of the project as it runs. */
  environmentOf(name: string): Readonly<Record<string, string>> | undefined {
    const service = this.#project?.services.get(name);
    return service && this.#machinery.replicas.processes.environmentOf(service, 1);
  }

  /** Reads the files, plans and carries the plan out; one at a time. Throws what could not be done. */
  converge(request: ConvergeRequest): Promise<UpReport> {
    return this.#inTurn(() => this.#converge(request));
  }

  async #converge(request: ConvergeRequest): Promise<UpReport> {
    const events: Event[] = [];
    const originMs = request.originMs ?? this.#setup.clock.now();
    const unsubscribe = this.subscribe((event) => {
      if (event.type === 'span') events.push(event);
    });
    try {
      this.#planning.select(request);
      const { project, wanted, plan } = await this.#planning.think(request);
      this.#project = project;
      this.#wanted = wanted;
      const others = this.#others.names.size;
      const outcome = await this.#carryOut(plan, request);
      this.#machinery.leases.save();
      this.ending.throwIfAborted();
      if (this.#others.names.size > others) {
        this.#project = this.#others.withoutRoutes(project);
        await this.#route(this.ending);
      }
      // ports that the engine chose are known only now
      if (outcome.failures.length === 0 && this.#machinery.routing.hasNews(wanted)) await this.#route(this.ending);
      const timing = measure(plan, events, originMs);
      // files that the edge serves have no process that could be ready: they are when they are first answered
      this.#readyMs = new Map([...timing.answeredMs, ...this.#readyMs, ...timing.readyMs]);
      if (outcome.failures.length > 0) throw new CampError(failuresWithWaiting(outcome));
      await this.#planning.refuseDiverged(this.#project, wanted, request);
      const report = await upReport(this.status(), timing, this.#project);
      this.#record(report, !this.#hasConverged);
      this.#hasConverged = true;
      return report;
    } finally {
      unsubscribe();
    }
  }

  #record(report: UpReport, isFresh: boolean): void {
    const { metrics } = this.#setup.folders;
    const caddyVersion = this.#machinery.host.caddy?.version;
    void import('./metrics.ts').then(({ recordUp }) =>
      recordUp(metrics, report, isFresh, caddyVersion, (message) => this.emit({ type: 'warning', message })),
    );
  }

  async #carryOut(plan: Plan, request: ConvergeRequest): ReturnType<typeof execute> {
    const project = this.#project as Project;
    const { replicas, host, servers, forgetTrust } = this.#machinery;
    await replicas.containers.running?.adopt(this.ending);
    const handlers = handlersFor({
      project,
      replicas,
      timeoutMs: request.timeoutMs,
      edge: () => host.edge,
      startEdge: (kind, signal) => host.start(kind, project, signal),
      route: (signal) => this.#route(signal),
      routes: () => host.routes,
      endpointsOf: (replica) => replicas.endpointsOf(replica, this.#wanted),
      onOther: (service) => this.#others.add(service),
      provision: async ({ tool, ...wish }, signal) => {
        if (tool !== 'caddy' && tool !== 'ca') return servers.provision({ tool, ...wish }, signal);
        await host.provision(tool, signal);
        forgetTrust();
      },
    });
    return execute(plan, handlers, { signal: this.ending, emit: this.emit });
  }

  #route(signal: AbortSignal): Promise<void> {
    const { routing } = this.#machinery;
    return routing.route(this.#project as Project, this.#wanted as Wanted, this.#hasConverged, signal);
  }

  #onReplica(event: Event): void {
    if (!this.#machinery.routing.isNews(event, this.#wanted)) return;
    void this.#route(this.ending).catch((error: unknown) => {
      if (!this.ending.aborted) this.#events.warn(error);
    });
  }

  /**
   * Restarts a service whose code changed, or that a person wants restarted: to the same configuration, so that it needs
   * no plan and no turn, and a service that does not come back keeps no other one waiting.
   */
  restart(service: string): Promise<void> {
    this.ending.throwIfAborted();
    const turns = this.#restarts.get(service) ?? new Turns();
    this.#restarts.set(service, turns);
    const { replicas } = this.#machinery;
    return turns.take(() => replicas.runtime(this.#kindOf(service)).restart(service, this.ending));
  }

  /** A change of what a service declares: what is missing is installed before it is restarted. */
  installAndRestart(service: string): Promise<void> {
    return this.#inTurn(async () => {
      const { processes } = this.#machinery.replicas;
      const fresh = this.#planning.load(undefined).services.get(service);
      if (fresh) await processes.install(fresh, this.ending);
      await processes.restart(service, this.ending);
    });
  }

  #kindOf(service: string): RuntimeKind {
    return this.placementOf(service) === 'container' ? 'container' : 'process';
  }

  /** Sets how many replicas a service has, until the project is stopped, and converges. */
  scale(counts: ReadonlyMap<string, number>, timeoutMs: Ms, originMs: Ms): Promise<UpReport> {
    return this.#inTurn(() => {
      for (const name of counts.keys()) refuseWithoutReplicas(this, name);
      for (const [name, count] of counts) this.#planning.scale.set(name, count);
      return this.#converge({ timeoutMs, originMs });
    });
  }

  /** Ends everything; safe to call twice. `isForced` leaves nobody any grace. */
  stop(isForced = false): Promise<void> {
    const { replicas, host } = this.#machinery;
    const settled = (): Promise<unknown> => this.#turns.settled;
    return this.#ending.begin(
      { replicas, host, emit: this.emit, settled, flushLogs: () => this.flushLogs() },
      isForced,
    );
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(() => {
      this.ending.throwIfAborted();
      return work();
    });
  }

  #keep(event: Event): void {
    if (event.type !== 'output') return;
    const { service, replica, stream, line, time = '' } = event;
    this.#logs.append({ time, service, replica, stream, line });
  }
}
