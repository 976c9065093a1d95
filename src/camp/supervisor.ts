import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createEdge } from '../edge/edge.ts';
import { authorityFiles } from '../edge/authority.ts';
import { ensureAuthority, trustEnv } from '../edge/ca.ts';
import type { Edge, Route } from '../edge/types.ts';
import { type Clock } from '../kit/clock.ts';
import type { Emit, Event, Ms, Unstamped } from '../kit/events.ts';
import { CampError, type Failure, failure, failuresOf } from '../kit/failure.ts';
import { hashOf } from '../kit/hash.ts';
import { type Lock } from '../kit/lock.ts';
import { LogWriter } from '../kit/log-files.ts';
import { type UserFolders, userFolders } from '../kit/paths.ts';
import { listeners } from '../kit/ports.ts';
import { processInfo } from '../kit/process.ts';
import { execute } from '../plan/execute.ts';
import { place } from '../plan/place.ts';
import { configHash, reconcile } from '../plan/reconcile.ts';
import type { Observed, Plan, Wanted } from '../plan/types.ts';
import { loadProject } from '../project/load.ts';
import type { Project } from '../project/types.ts';
import type { ProjectStatus, UpReport } from '../report/types.ts';
import { baseEnvironment, type Marks } from '../runtime/native/environment.ts';
import { PortLeases } from '../runtime/native/leases.ts';
import { createNativeRuntime, type NativeRuntime } from '../runtime/native/runtime.ts';
import { measure } from '../stopwatch/measure.ts';
import { findCaddy } from '../tools/find-caddy.ts';
import type { Tool } from '../tools/types.ts';
import { refuseBadCaddyfile, withCaddyfileProblems } from './caddyfile-check.ts';
import { type ClaimedPorts, claimEdgePorts } from './edge-ports.ts';
import { edgeStorage, type StateFolders } from './folders.ts';
import { handlersFor, routedServices } from './handlers.ts';
import { refuseUnknownServices, unknownService } from './known-services.ts';
import type { Running } from './look.ts';
import { statusOf, upReport } from './status.ts';
import { failuresWithWaiting } from './waiting.ts';

export interface SupervisorSetup {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly folders: StateFolders;
  readonly lock: Lock;
  readonly clock: Clock;
  /** `--port` */
  readonly port?: number;
  readonly name?: string;
}

export interface ConvergeRequest {
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
  readonly #user: UserFolders;
  /** Caddy's storage: the CA of this user. */
  readonly #storage: string;
  readonly #sinks = new Set<(event: Event) => void>();
  readonly #leases: PortLeases;
  readonly #logs: LogWriter;
  readonly #scale = new Map<string, number>();
  readonly #runtime: NativeRuntime;
  readonly #marks: Marks;
  readonly #ending = new AbortController();
  readonly #force = new AbortController();
  #queue: Promise<unknown> = Promise.resolve();
  #project: Project | undefined;
  #wanted: Wanted | undefined;
  #edge: Edge | undefined;
  #edgeEnvHash = '';
  #sharedEnv: Readonly<Record<string, string>> | undefined;
  #caddy: Tool | undefined;
  #ports: ClaimedPorts | undefined;
  #routes: readonly Route[] = [];
  #readyMs: ReadonlyMap<string, Ms> = new Map();
  #hasConverged = false;
  #shutdown: Promise<void> | undefined;

  constructor(setup: SupervisorSetup, projectId: string) {
    this.#setup = setup;
    this.#user = userFolders(setup.env);
    this.#storage = edgeStorage(this.#user);
    this.#leases = new PortLeases(setup.folders.state, projectId);
    this.#logs = new LogWriter(setup.folders.logs, (message) => this.emit({ type: 'warning', message }));
    this.#marks = { projectId, replica: 'edge', supervisor: `${process.pid}:${processInfo(process.pid)?.startTime ?? ''}` };
    this.#runtime = createNativeRuntime({
      projectId,
      ownEnv: setup.env,
      supervisor: this.#marks.supervisor,
      sharedEnv: () => this.#shared(),
      leases: this.#leases,
      configHash,
      clock: setup.clock,
      emit: this.emit,
    });
    this.#sinks.add((event) => this.#keep(event));
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

  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  get project(): Project | undefined {
    return this.#project;
  }

  get runtime(): NativeRuntime {
    return this.#runtime;
  }

  /** The project as it is now. */
  status(): ProjectStatus {
    if (!this.#project || !this.#wanted) throw new CampError(failure('usage', 'NOT_RUNNING', 'the project is still being read', { hints: ['camp ps'] }));
    return statusOf({
      project: this.#project,
      wanted: this.#wanted,
      replicas: this.#runtime.replicas(),
      routes: this.#routes,
      readyMs: this.#readyMs,
      edge: this.#edge && this.#ports ? { edge: this.#edge, ports: this.#ports } : undefined,
      isEnding: this.#ending.signal.aborted,
    });
  }

  /** For the planner of another process: what runs, without looking for leftovers. */
  observed(): Running {
    return { replicas: this.#runtime.observe().replicas, scale: [...this.#scale], isEdgeRunning: this.#edge !== undefined };
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
      const { project, wanted, plan } = await this.#think(request);
      this.#project = project;
      this.#wanted = wanted;
      const outcome = await this.#carryOut(plan, request);
      this.#leases.save();
      this.#ending.signal.throwIfAborted();
      const timing = measure(plan, events);
      this.#readyMs = new Map([...this.#readyMs, ...timing.readyMs]);
      if (outcome.failures.length > 0) throw new CampError(failuresWithWaiting(outcome));
      this.#checkConverged(request);
      const report = await upReport(this.status(), timing, this.#project as Project, request.originMs ?? 0);
      this.#hasConverged = true;
      void import('./metrics.ts').then(({ recordUp }) =>
        recordUp(this.#setup.folders.metrics, report, isFresh, this.#caddy?.version, (message) => this.emit({ type: 'warning', message })),
      );
      return report;
    } finally {
      unsubscribe();
    }
  }

  /** Project, placement, one look at reality, plan: everything before anything is changed. Throws what is wrong in any file. */
  async #think(request: ConvergeRequest): Promise<{ readonly project: Project; readonly wanted: Wanted; readonly plan: Plan }> {
    const { dir, env, folders } = this.#setup;
    const check = { dir, env, state: folders.state, signal: this.#ending.signal };
    let project: Project;
    let placed: ReturnType<typeof place>;
    try {
      project = this.#span('load', 'files', () => this.#load(request.only));
      placed = place(project);
      if (placed.failures.length > 0) throw new CampError(placed.failures);
    } catch (error) {
      throw await withCaddyfileProblems(error, check);
    }
    const wanted: Wanted = { services: project.services, placements: placed.placements, replicas: this.#scale, routed: routedServices(project) };
    this.#emitSpan('begin', 'observe', 'machine');
    const observed = this.#observe(project);
    await this.#leases.prepare(replicaKeys(wanted));
    this.#emitSpan('end', 'observe', 'machine');
    await refuseBadCaddyfile(project, { ...check, ...(this.#caddy ? { caddy: this.#caddy.path } : {}) });
    const plan = this.#span('plan', 'steps', () => reconcile(wanted, observed, this.#planOptions(request)));
    return { project, wanted, plan };
  }

  #planOptions(request: ConvergeRequest): { readonly only?: readonly string[]; readonly recreate: 'diverged' | 'always' } {
    return { recreate: request.recreate ?? 'diverged', ...(request.only?.length ? { only: request.only } : {}) };
  }

  #load(only: readonly string[] | undefined): Project {
    const { project, problems, warnings } = loadProject(this.#setup.dir, {
      env: this.#setup.env,
      ...(this.#setup.name === undefined ? {} : { name: this.#setup.name }),
    });
    for (const warning of warnings) this.emit({ type: 'warning', message: warning.message, failure: warning });
    if (!project) throw new CampError(problems);
    refuseUnknownServices(project, only);
    return project;
  }

  #observe(project: Project): Observed {
    this.#caddy ??= findCaddy(this.#user, this.#setup.env).tool;
    return {
      ...this.#runtime.observe(),
      hasCaddy: this.#caddy !== undefined,
      hasAuthority: existsSync(authorityFiles(this.#storage).root),
      isEdgeRunning: this.#edge !== undefined && this.#edgeEnvHash === hashOf(project.edgeEnv),
    };
  }

  #carryOut(plan: Plan, request: ConvergeRequest): ReturnType<typeof execute> {
    const project = this.#project as Project;
    const handlers = handlersFor({
      project,
      runtime: this.#runtime,
      routed: (this.#wanted as Wanted).routed,
      timeoutMs: request.timeoutMs,
      edge: () => this.#theEdge(),
      startEdge: (signal) => this.#startEdge(project, signal),
      route: (signal) => this.#route(signal),
      routes: () => this.#routes,
      provision: (tool, signal) => this.#provision(tool, signal),
    });
    const stopRerouting = this.#rerouteOnMoves();
    return execute(plan, handlers, { signal: this.#ending.signal, emit: this.emit }).finally(stopRerouting);
  }

  /** A plan after the result must be empty of starts and stops; else two things pull at the same replica. */
  #checkConverged(request: ConvergeRequest): void {
    const again = reconcile(this.#wanted as Wanted, this.#observe(this.#project as Project), { ...this.#planOptions(request), recreate: 'diverged' });
    const left = again.steps.filter((step) => step.kind === 'start' || step.kind === 'stop');
    if (left.length === 0) return;
    throw new CampError(
      failure('service', 'DID_NOT_CONVERGE', `${left.map((step) => step.subject).join(', ')} did not stay as wanted`, {
        hints: ['camp ps', 'camp logs'],
        evidence: left.map((step) => `${step.kind} ${step.subject}: ${step.cause}`),
      }),
    );
  }

  async #provision(tool: 'caddy' | 'ca', signal: AbortSignal): Promise<void> {
    if (tool === 'caddy') {
      const { fetchCaddy } = await import('../tools/fetch-caddy.ts');
      this.#caddy = await fetchCaddy({ folders: this.#user, env: this.#setup.env, signal, emit: this.emit });
      return;
    }
    await ensureAuthority({ storage: this.#storage, caddy: this.#theCaddy().path, env: this.#edgeEnv({}) }, signal);
    this.#sharedEnv = undefined;
  }

  async #startEdge(project: Project, signal: AbortSignal): Promise<void> {
    await this.#edge?.stop();
    this.#edgeEnvHash = hashOf(project.edgeEnv);
    const refused = new Set<number>();
    for (;;) {
      this.#ports ??= this.#claimPorts(project, refused);
      const edge = this.#createEdge(project, this.#ports);
      this.#edge = edge;
      try {
        return await edge.start(signal);
      } catch (error) {
        this.#edge = undefined;
        if (this.#setup.port !== undefined || !failuresOf(error).some((one) => one.code === 'PORT_IN_USE')) throw error;
        for (const port of heldPorts(this.#ports)) refused.add(port);
        this.#ports.release();
        this.#ports = undefined;
      }
    }
  }

  #createEdge(project: Project, ports: ClaimedPorts): Edge {
    return createEdge({
      caddy: this.#theCaddy().path,
      projectDir: project.dir,
      runDir: this.#setup.folders.run,
      storage: this.#storage,
      env: this.#edgeEnv(project.edgeEnv),
      ports,
      emit: this.emit,
      guard: this.#runtime.guard,
      onLine: (line) => this.emit({ type: 'output', replica: 'edge', service: 'edge', stream: 'stderr', line }),
      onRestart: () => this.emit({ type: 'note', subject: 'edge', message: 'Caddy had ended and was started again' }),
    });
  }

  #claimPorts(project: Project, refused: ReadonlySet<number>): ClaimedPorts {
    const before = this.#leases.peek('edge:https');
    const ports = claimEdgePorts(join(this.#user.state, 'ports'), `project ${project.name} in ${project.dir}`, {
      ...(this.#setup.port === undefined ? {} : { strict: this.#setup.port }),
      ...(before === undefined ? {} : { before }),
      refused,
    });
    this.#leases.set('edge:https', ports.https);
    if (ports.note && ports.https !== before) this.emit({ type: 'note', subject: 'edge', message: ports.note });
    return ports;
  }

  #edgeEnv(declared: Readonly<Record<string, string>>): Record<string, string> {
    return { ...baseEnvironment(this.#setup.env, [], this.#marks), ...declared };
  }

  async #route(signal: AbortSignal): Promise<void> {
    const project = this.#project as Project;
    const wanted = this.#wanted as Wanted;
    const statics = [...wanted.placements].flatMap(([name, placement]) => (placement.kind === 'static' ? [[name, placement.root] as const] : []));
    this.#routes = await this.#theEdge().route(
      {
        caddyfile: project.caddyfile,
        domain: project.domain,
        services: new Set(project.services.keys()),
        endpoints: this.#wantedEndpoints(wanted),
        statics: new Map(statics),
      },
      signal,
    );
  }

  /** The endpoints that are to be served: replicas that are wanted, known before they listen. */
  #wantedEndpoints(wanted: Wanted): ReturnType<NativeRuntime['endpoints']> {
    const running = new Map(this.#runtime.endpoints().map((endpoint) => [endpoint.replica, endpoint]));
    return [...wanted.placements].flatMap(([name, placement]) => {
      const service = wanted.services.get(name);
      if (placement.kind !== 'process' || !service) return [];
      return Array.from({ length: wanted.replicas.get(name) ?? service.replicas }, (_, i) => {
        const replica = `${name}:${i + 1}`;
        return running.get(replica) ?? { service: name, replica, address: `127.0.0.1:${this.#runtime.portOf(service, i + 1)}` };
      });
    });
  }

  /** A program that listens elsewhere than PORT says is routed to where it does listen, as soon as that is known. */
  #rerouteOnMoves(): () => void {
    return this.subscribe((event) => {
      if (event.type !== 'replica' || event.state.at !== 'ready' || !event.state.endpoint) return;
      const replica = this.#runtime.replicas().find((one) => one.id === event.replica);
      if (!replica || replica.expectedEndpoint.address === event.state.endpoint.address || !this.#edge) return;
      void this.#route(this.#ending.signal).catch((error: unknown) => this.#warn(error));
    });
  }

  /** Restarts a service whose code changed, or that a person wants restarted. */
  restart(service: string): Promise<void> {
    return this.#inTurn(() => this.#runtime.restart(service, this.#ending.signal));
  }

  /** A change of what a service declares: what is missing is installed before it is restarted. */
  installAndRestart(service: string): Promise<void> {
    return this.#inTurn(async () => {
      const fresh = this.#load(undefined).services.get(service);
      if (fresh) await this.#runtime.install(fresh, this.#ending.signal);
      await this.#runtime.restart(service, this.#ending.signal);
    });
  }

  /** Sets how many replicas a service has, until the project is stopped, and converges. */
  scale(counts: ReadonlyMap<string, number>, timeoutMs: Ms, originMs: Ms): Promise<UpReport> {
    return this.#inTurn(() => {
      const project = this.#project;
      for (const [name, count] of counts) {
        if (project && !project.services.has(name)) throw new CampError(unknownService(name, project));
        this.#scale.set(name, count);
      }
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
    await Promise.all([this.#runtime.shutdown(this.#force.signal), this.#edge?.stop()]);
    // a converge that was under way may have started something in the same moment
    await this.#queue.catch(() => undefined);
    await Promise.all([this.#runtime.shutdown(this.#force.signal), this.#edge?.stop()]);
    await this.#logs.flush();
    this.#ports?.release();
    rmSync(this.#setup.folders.run, { recursive: true, force: true });
    this.#setup.lock.release();
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

  #theEdge(): Edge {
    return this.#edge ?? raise(failure('edge', 'EDGE_UNREACHABLE', 'the edge is not running', { hints: ['camp up'] }));
  }

  #theCaddy(): Tool {
    return this.#caddy ?? raise(failure('machine', 'NO_CADDY', 'there is no Caddy', { hints: ['camp doctor'] }));
  }
}

function raise(found: Failure): never {
  throw new CampError(found);
}

/** `api:1`, `api:2`, ... of every service that runs as a process. */
function replicaKeys(wanted: Wanted): readonly string[] {
  return [...wanted.placements].flatMap(([name, placement]) => {
    const service = wanted.services.get(name);
    if (placement.kind !== 'process' || !service || service.env['PORT']) return [];
    return Array.from({ length: wanted.replicas.get(name) ?? service.replicas }, (_, i) => `${name}:${i + 1}`);
  });
}

/** The claimed ports that somebody else listens on; the first when nobody does any more: it changes hands too quickly. */
function heldPorts(ports: ClaimedPorts): readonly number[] {
  const open = new Set(listeners().map((one) => one.port));
  const held = [ports.https, ports.http].filter((port): port is number => port !== undefined && open.has(port));
  return held.length > 0 ? held : [ports.https];
}
