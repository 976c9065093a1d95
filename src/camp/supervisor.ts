import { resolve } from 'node:path';
import { trustEnv } from '../edge/ca.ts';
import type { Clock } from '../kit/clock.ts';
import type { Emit, Event, Ms, Unstamped } from '../kit/events.ts';
import { CampError, failure, failuresOf } from '../kit/failure.ts';
import { LogWriter } from '../kit/log-files.ts';
import { userFolders } from '../kit/paths.ts';
import { processInfo } from '../kit/process.ts';
import { configHash } from '../plan/config-hash.ts';
import { execute } from '../plan/execute.ts';
import { reconcile } from '../plan/reconcile.ts';
import type { Mode, Observed, Placement, Plan, RuntimeKind, Wanted } from '../plan/types.ts';
import { loadProject } from '../project/load.ts';
import { routesOfServices } from '../project/routes.ts';
import type { Project } from '../project/types.ts';
import { notReadByProcess } from '../project/unread.ts';
import type { ProjectStatus, UpReport } from '../report/types.ts';
import type { DockerRuntime } from '../runtime/docker/types.ts';
import { PortLeases } from '../runtime/native/leases.ts';
import { createNativeRuntime } from '../runtime/native/runtime.ts';
import type { NativeRuntime } from '../runtime/native/types.ts';
import { measure } from '../stopwatch/measure.ts';
import { refuseBadCaddyfile, withCaddyfileProblems } from './caddyfile-check.ts';
import { ContainerHost } from './containers/host.ts';
import { mayBeLeft } from './containers/mark.ts';
import { factsOf } from './containers/ports.ts';
import { EdgeHost } from './edge-host.ts';
import { edgeStorage, type StateFolders } from './folders.ts';
import { handlersFor } from './handlers.ts';
import { refuseUnknownServices, unknownService } from './known-services.ts';
import type { Running } from './look.ts';
import { Replicas } from './replicas.ts';
import { Routing } from './routing.ts';
import { type Selection, selectionOf } from './selection.ts';
import { ServerHost, withInstalledServers } from './servers.ts';
import { statusOf, upReport } from './status.ts';
import { failuresWithWaiting } from './waiting.ts';
import { wantedOf } from './wanted.ts';

export interface SupervisorSetup {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly folders: StateFolders;
  readonly clock: Clock;
  /** `--port` */
  readonly port?: number;
  readonly selection: Selection;
}

export interface ConvergeRequest extends Selection {
  readonly only?: readonly string[];
  readonly timeoutMs: Ms;
  readonly recreate?: 'diverged' | 'always';
  /** When the person pressed return, on the supervisor's clock; 0 for the command that became the supervisor. */
  readonly originMs?: Ms;
}

/**
 * One project that runs: holds its edge, its runtime and its lock, and converges them to the files.
 * It decides nothing by itself: each change is a new plan, computed from the files and one look at reality.
 */
export class Supervisor {
  readonly #setup: SupervisorSetup;
  /** Caddy's storage: the CA of this user. */
  readonly #storage: string;
  readonly #sinks = new Set<(event: Event) => void>();
  readonly #leases: PortLeases;
  readonly #logs: LogWriter;
  readonly #scale = new Map<string, number>();
  readonly #replicas: Replicas;
  readonly #servers: ServerHost;
  readonly #host: EdgeHost;
  readonly #routing: Routing;
  readonly #ending = new AbortController();
  readonly #force = new AbortController();
  #queue: Promise<unknown> = Promise.resolve();
  readonly #restarts = new Map<string, Promise<unknown>>();
  #selection: Selection;
  #project: Project | undefined;
  #wanted: Wanted | undefined;
  #sharedEnv: Readonly<Record<string, string>> | undefined;
  #readyMs: ReadonlyMap<string, Ms> = new Map();
  /** Services that a guess has led a route to, and that do not speak HTTP. */
  readonly #others = new Set<string>();
  #hasConverged = false;
  #shutdown: Promise<void> | undefined;
  /** It did not answer when its containers were to be removed. */
  #isEngineLost = false;

  constructor(setup: SupervisorSetup, projectId: string) {
    this.#setup = setup;
    this.#selection = setup.selection;
    const user = userFolders(setup.env);
    this.#storage = edgeStorage(user);
    this.#leases = new PortLeases(setup.folders.state, projectId);
    this.#logs = new LogWriter(setup.folders.logs, (message) => this.emit({ type: 'warning', message }));
    const marks = {
      projectId,
      replica: 'edge',
      supervisor: `${process.pid}:${processInfo(process.pid)?.startTime ?? ''}`,
    };
    const containers = new ContainerHost({
      env: setup.env,
      folders: setup.folders,
      storage: this.#storage,
      leases: this.#leases,
      clock: setup.clock,
      emit: this.emit,
      pressure: () => this.#logs.pressure(),
      edgePorts: (project, heldPorts) => this.#edgePorts(project, heldPorts),
      portOf: (service, index) => processes.portOf(service, index),
      processes: () => this.#replicas.listening(this.#project),
    });
    this.#servers = new ServerHost({
      env: setup.env,
      folders: setup.folders,
      emit: this.emit,
      placementOf: (service) => this.placementOf(service),
    });
    const processes = createNativeRuntime({
      projectId,
      projectDir: setup.dir,
      ownEnv: setup.env,
      supervisor: marks.supervisor,
      sharedEnv: () => this.#shared(),
      leases: this.#leases,
      configHash,
      isReached: (service) => this.#wanted?.routed.has(service) ?? false,
      containers: () => containers.neighbours(),
      servers: this.#servers.runtime(),
      serviceOf: (name) => this.#project?.services.get(name),
      factsOf,
      clock: setup.clock,
      emit: this.emit,
      pressure: () => this.#logs.pressure(),
    });
    this.#replicas = new Replicas(processes, containers);
    this.#host = new EdgeHost({
      env: setup.env,
      user,
      storage: this.#storage,
      runDir: setup.folders.run,
      stateDir: setup.folders.state,
      marks,
      leases: this.#leases,
      guard: processes.guard,
      emit: this.emit,
      edgeContainer: () => containers.edgeContainer(),
      ...(setup.port === undefined ? {} : { port: setup.port }),
    });
    this.#routing = new Routing(this.#host, this.#replicas, setup.clock);
    this.#sinks.add((event) => this.#keep(event));
    this.#sinks.add((event) => this.#onReplica(event));
  }

  /** What every service gets; read from the disk once, because the bundle of roots is large. */
  #shared(): Readonly<Record<string, string>> {
    const { state, run } = this.#setup.folders;
    // `go run` leaves what it built behind when it is ended: there it goes with the project
    const folders = { NODE_COMPILE_CACHE: resolve(state, 'cache', 'node'), GOTMPDIR: resolve(run) };
    this.#sharedEnv ??= { ...trustEnv(this.#storage, this.#setup.env), ...folders };
    return this.#sharedEnv;
  }

  readonly emit: Emit = (event: Unstamped) => {
    const time = event.type === 'output' ? { time: new Date().toISOString() } : {};
    const stamped = { ...event, ...time, t: this.#setup.clock.now() } as Event;
    for (const sink of this.#sinks) sink(stamped);
  };

  /** Every event from now on; returns how to end it. */
  subscribe(sink: (event: Event) => void): () => void {
    this.#sinks.add(sink);
    return () => this.#sinks.delete(sink);
  }

  /** Resolves when all that services have written so far is in the log files. */
  flushLogs(): Promise<void> {
    return this.#logs.flush();
  }

  /** Undefined while nothing has needed a container. */
  get containerRuntime(): DockerRuntime | undefined {
    return this.#replicas.containers.running;
  }

  /** Ends what it is told of when this camp dies. */
  get guard(): NativeRuntime['guard'] {
    return this.#replicas.processes.guard;
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
    return statusOf({
      project: this.#project,
      wanted: this.#wanted,
      replicas: this.#replicas.all(),
      routes: this.#host.routes,
      others: this.#others,
      readyMs: this.#readyMs,
      edge: this.#host.running,
      isEnding: this.#ending.signal.aborted,
    });
  }

  /** For the planner of another process: what runs, without looking for leftovers. */
  async observed(): Promise<Running> {
    return {
      replicas: await this.#replicas.observe(this.#ending.signal),
      scale: [...this.#scale],
      mode: this.#mode,
      ...(this.#host.kind ? { edge: this.#host.kind } : {}),
    };
  }

  /** What a command of a service runs with; undefined for what is no service of the project as it runs. */
  environmentOf(name: string): Readonly<Record<string, string>> | undefined {
    const service = this.#project?.services.get(name);
    return service && this.#replicas.processes.environmentOf(service, 1);
  }

  /** Claimed before a container can be created that publishes them; those that others listen on are left to them. */
  #edgePorts(project: Project, heldPorts: ReadonlySet<number>): readonly number[] {
    const { https, http } = this.#host.portsOf(project, heldPorts);
    return http === undefined ? [https] : [https, http];
  }

  get #mode(): Mode {
    return this.#selection.mode ?? 'auto';
  }

  /** Reads the files, plans and carries the plan out; one at a time. Throws what could not be done. */
  converge(request: ConvergeRequest): Promise<UpReport> {
    return this.#inTurn(() => this.#converge(request));
  }

  async #converge(request: ConvergeRequest): Promise<UpReport> {
    const events: Event[] = [];
    const unsubscribe = this.subscribe((event) => {
      if (event.type === 'span') events.push(event);
    });
    const isFresh = !this.#hasConverged;
    try {
      this.#selection = { ...this.#selection, ...selectionOf(request) };
      const { project, wanted, plan } = await this.#think(request);
      this.#project = project;
      this.#wanted = wanted;
      const others = this.#others.size;
      const outcome = await this.#carryOut(plan, request);
      this.#leases.save();
      this.#ending.signal.throwIfAborted();
      if (this.#others.size > others) {
        this.#project = this.#withoutOthers(project);
        await this.#route(this.#ending.signal);
      }
      // ports that the engine chose are known only now
      if (outcome.failures.length === 0 && this.#routing.hasNews(wanted)) await this.#route(this.#ending.signal);
      const timing = measure(plan, events);
      // files that the edge serves have no process that could be ready: they are when they are first answered
      this.#readyMs = new Map([...timing.answeredMs, ...this.#readyMs, ...timing.readyMs]);
      if (outcome.failures.length > 0) throw new CampError(failuresWithWaiting(outcome));
      await this.#checkConverged(request);
      const report = await upReport(this.status(), timing, this.#project as Project, request.originMs ?? 0);
      this.#hasConverged = true;
      void import('./metrics.ts').then(({ recordUp }) =>
        recordUp(this.#setup.folders.metrics, report, isFresh, this.#host.caddy?.version, (message) =>
          this.emit({ type: 'warning', message }),
        ),
      );
      return report;
    } finally {
      unsubscribe();
    }
  }

  /** Project, placement, one look at reality, plan: everything before anything is changed. Throws what is wrong in any file. */
  async #think(
    request: ConvergeRequest,
  ): Promise<{ readonly project: Project; readonly wanted: Wanted; readonly plan: Plan }> {
    const { dir, env, folders } = this.#setup;
    const signal = this.#ending.signal;
    const check = { dir, env, state: folders.state, signal };
    let project: Project;
    let wanted: Wanted;
    try {
      project = this.#span('load', 'files', () => this.#load(request.only));
      this.#emitSpan('begin', 'observe', 'machine');
      wanted = await wantedOf(project, {
        mode: this.#mode,
        scale: this.#scale,
        leases: this.#leases,
        containers: this.#replicas.containers,
        signal,
      });
    } catch (error) {
      throw await withCaddyfileProblems(error, check);
    }
    this.#warnOfUnread(wanted);
    const observed = await this.#observe(project, wanted);
    this.#emitSpan('end', 'observe', 'machine');
    await refuseBadCaddyfile(project, { ...check, ...(this.#host.caddy ? { caddy: this.#host.caddy.path } : {}) });
    const plan = this.#span('plan', 'steps', () => reconcile(wanted, observed, this.#planOptions(request)));
    return { project, wanted, plan };
  }

  #planOptions(request: ConvergeRequest): {
    readonly only?: readonly string[];
    readonly recreate: 'diverged' | 'always';
  } {
    return { recreate: request.recreate ?? 'diverged', ...(request.only?.length ? { only: request.only } : {}) };
  }

  #load(only: readonly string[] | undefined): Project {
    const { mode: _, ...selection } = this.#selection;
    const { project, problems, warnings } = loadProject(this.#setup.dir, { env: this.#setup.env, ...selection });
    for (const warning of warnings) this.emit({ type: 'warning', message: warning.message, failure: warning });
    if (!project) throw new CampError(problems);
    refuseUnknownServices(project, only);
    return this.#withoutOthers(withInstalledServers(project, this.#setup.env));
  }

  #withoutOthers(project: Project): Project {
    if (project.caddyfile.path !== undefined || !project.compose || this.#others.size === 0) return project;
    const text = routesOfServices(project.services.values(), project.name, this.#others);
    return { ...project, caddyfile: { text } };
  }

  /** Keys that Compose acts on and a process cannot. */
  #warnOfUnread({ services, placements }: Wanted): void {
    for (const service of services.values())
      if (placements.get(service.name)?.kind === 'process')
        for (const failure of notReadByProcess(service))
          this.emit({ type: 'warning', message: failure.message, failure });
  }

  async #observe(project: Project, { services, placements }: Wanted): Promise<Observed> {
    return {
      ...this.#servers.observe(services, placements),
      replicas: await this.#replicas.observe(this.#ending.signal),
      leftovers: this.#replicas.processes.leftovers(),
      builds: await this.#replicas.containers.staleBuilds(this.#ending.signal),
      ...this.#host.observe(project),
    };
  }

  async #carryOut(plan: Plan, request: ConvergeRequest): ReturnType<typeof execute> {
    const project = this.#project as Project;
    await this.#replicas.containers.running?.adopt(this.#ending.signal);
    const handlers = handlersFor({
      project,
      replicas: this.#replicas,
      timeoutMs: request.timeoutMs,
      edge: () => this.#host.edge,
      startEdge: (kind, signal) => this.#host.start(kind, project, signal),
      route: (signal) => this.#route(signal),
      routes: () => this.#host.routes,
      endpointsOf: (replica) => this.#replicas.endpointsOf(replica, this.#wanted),
      isOther: (service) => {
        this.#others.add(service);
        const message = 'does not speak HTTP: it has its own address and no name';
        this.emit({ type: 'note', subject: service, message });
      },
      provision: async ({ tool, ...wish }, signal) => {
        if (tool !== 'caddy' && tool !== 'ca') return this.#servers.provision({ tool, ...wish }, signal);
        await this.#host.provision(tool, signal);
        this.#sharedEnv = undefined;
      },
    });
    return execute(plan, handlers, { signal: this.#ending.signal, emit: this.emit });
  }

  /** A plan after the result must be empty of starts and stops; else two things pull at the same replica. */
  async #checkConverged(request: ConvergeRequest): Promise<void> {
    const wanted = this.#wanted as Wanted;
    const observed = await this.#observe(this.#project as Project, wanted);
    // what has been saved since the builds began, by a container that writes where it is built too, is for the next up
    const again = reconcile(
      wanted,
      { ...observed, builds: new Map() },
      { ...this.#planOptions(request), recreate: 'diverged' },
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

  #route(signal: AbortSignal): Promise<void> {
    return this.#routing.route(this.#project as Project, this.#wanted as Wanted, this.#hasConverged, signal);
  }

  #onReplica(event: Event): void {
    if (!this.#routing.isNews(event, this.#wanted)) return;
    void this.#route(this.#ending.signal).catch((error: unknown) => this.#warn(error));
  }

  /**
   * Restarts a service whose code changed, or that a person wants restarted: to the same configuration, so that it needs
   * no plan and no turn, and a service that does not come back keeps no other one waiting.
   */
  restart(service: string): Promise<void> {
    this.#ending.signal.throwIfAborted();
    const turn = (this.#restarts.get(service) ?? Promise.resolve()).then(() =>
      this.#replicas.runtime(this.#kindOf(service)).restart(service, this.#ending.signal),
    );
    this.#restarts.set(
      service,
      turn.catch(() => undefined),
    );
    return turn;
  }

  /** A change of what a service declares: what is missing is installed before it is restarted. */
  installAndRestart(service: string): Promise<void> {
    return this.#inTurn(async () => {
      const fresh = this.#load(undefined).services.get(service);
      if (fresh) await this.#replicas.processes.install(fresh, this.#ending.signal);
      await this.#replicas.processes.restart(service, this.#ending.signal);
    });
  }

  #kindOf(service: string): RuntimeKind {
    return this.placementOf(service) === 'container' ? 'container' : 'process';
  }

  /** Sets how many replicas a service has, until the project is stopped, and converges. */
  scale(counts: ReadonlyMap<string, number>, timeoutMs: Ms, originMs: Ms): Promise<UpReport> {
    return this.#inTurn(() => {
      const project = this.#project;
      const unknown = [...counts.keys()].filter((name) => project && !project.services.has(name));
      if (project && unknown.length > 0) throw new CampError(unknown.map((name) => unknownService(name, project)));
      for (const [name, count] of counts) this.#scale.set(name, count);
      return this.#converge({ timeoutMs, originMs });
    });
  }

  /** Ends everything; safe to call twice. `isForced` leaves nobody any grace. */
  stop(isForced = false): Promise<void> {
    if (isForced) this.#force.abort();
    this.#ending.abort(new Error('the project is being stopped'));
    this.#shutdown ??= this.#end();
    return this.#shutdown;
  }

  async #end(): Promise<void> {
    await this.#endAll();
    // a converge that was under way may have started something in the same moment
    await this.#queue.catch(() => undefined);
    await this.#endAll();
    await this.#logs.flush();
    this.#host.releasePorts();
  }

  async #endAll(): Promise<void> {
    await Promise.all([this.#replicas.processes.shutdown(this.#force.signal), this.#endContainers()]);
  }

  /** An engine that is away keeps its containers until `camp down`; everything else ends all the same. */
  async #endContainers(): Promise<void> {
    if (this.#isEngineLost) return;
    try {
      await this.#host.stop();
      await this.#replicas.containers.shutdown(this.#force.signal);
    } catch (error) {
      const [failure] = error instanceof CampError ? error.failures : [];
      if (failure?.fault !== 'machine') throw error;
      // a second try would wait for the same engine
      this.#isEngineLost = true;
      if (!this.#replicas.containers.mayHaveLeft) return;
      const left = mayBeLeft(failure);
      this.emit({ type: 'warning', message: left.message, failure: left });
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(() => {
      this.#ending.signal.throwIfAborted();
      return work();
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  #span<T>(phase: 'load' | 'plan', subject: string, work: () => T): T {
    this.#emitSpan('begin', phase, subject);
    const result = work();
    this.#emitSpan('end', phase, subject);
    return result;
  }

  #emitSpan(edge: 'begin' | 'end', phase: 'load' | 'observe' | 'plan', subject: string): void {
    this.emit({ type: 'span', edge, phase, subject });
  }

  #keep(event: Event): void {
    if (event.type !== 'output') return;
    const { service, replica, stream, line, time = '' } = event;
    this.#logs.append({ time, service, replica, stream, line });
  }

  #warn(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    for (const found of failuresOf(error)) this.emit({ type: 'warning', message: found.message, failure: found });
  }
}
