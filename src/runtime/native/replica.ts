import { type Child, type ChildExit, startChild } from '../../kit/child.ts';
import type { Clock } from '../../kit/clock.ts';
import type { Emit, Endpoint, Ms, ReplicaState } from '../../kit/events.ts';
import { CampError, type Failure, failuresOf } from '../../kit/failure.ts';
import { Life } from '../life.ts';
import type { Address, ProbeAnswer } from '../probe.ts';
import { type EndedRun, Restarts } from '../restarts.ts';
import { untilAborted } from '../until-aborted.ts';
import { Wish } from '../wish.ts';
import { type Ending, endRemains, endTree } from './end.ts';
import { cannotStart, earlyExit, notReady } from './failures.ts';
import type { Guard } from './guard.ts';
import { formatAddress, type ListenWatch } from './listening.ts';
import { awaitReadiness } from './readiness.ts';
import type { ReplicaSpec } from './replica-spec.ts';
import { verdictOf } from './verdict.ts';

/** What a replica has around it. */
export interface ReplicaSurroundings {
  readonly projectId: string;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly listening: ListenWatch;
  runProbe(argv: readonly string[], spec: ReplicaSpec): Promise<ProbeAnswer>;
  /** Pending while what services write cannot be taken any more. */
  pressure(): Promise<void> | undefined;
}

const tailLength = 20;

/**
 * One running copy of a service, and its supervisor:
 *
 *     starting ──ready──▶ ready ──exit──▶ backing-off ──▶ starting
 *        │                  │  ▲                 │
 *        │ exit        closed  opens      5 starts in 60 s
 *        ▼                  ▼  │                 ▼
 *     backing-off       unhealthy           crash-loop ──restart──▶ starting
 *
 * and from each of them, when asked to, stopping ──▶ exited.
 */
export class Replica {
  readonly id: string;
  #spec: ReplicaSpec;
  readonly #around: ReplicaSurroundings;
  readonly #life: Life;
  readonly #wish = new Wish();
  readonly #restarts: Restarts;
  readonly #tail: string[] = [];
  readonly #force = new AbortController();
  #child: Child | undefined;
  #supervision: Promise<void> = Promise.resolve();
  #lastAnswer: ProbeAnswer | undefined;
  #address: Address | undefined;
  #readyState: ReplicaState & { at: 'ready' } = { at: 'ready' };

  constructor(spec: ReplicaSpec, around: ReplicaSurroundings) {
    this.#spec = spec;
    this.id = `${spec.service}:${spec.index}`;
    this.#around = around;
    const { clock, emit } = around;
    this.#life = new Life({ replica: this.id, service: spec.service, clock, emit, pid: () => this.pid });
    this.#restarts = new Restarts(clock);
  }

  get spec(): ReplicaSpec {
    return this.#spec;
  }

  get state(): ReplicaState {
    return this.#life.state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get endpoint(): Endpoint | undefined {
    return this.state.at === 'ready' ? this.state.endpoint : undefined;
  }

  /** Where it was told to listen; what it says of itself once it is ready may differ. */
  get expectedEndpoint(): Endpoint {
    return { service: this.spec.service, replica: this.id, address: `127.0.0.1:${this.spec.port}` };
  }

  /** Where it was found to listen, once it is ready. */
  get address(): Address | undefined {
    return this.#address;
  }

  get isRunning(): boolean {
    return this.#life.isRunning;
  }

  /** Starts it. Throws SPAWN_FAILED when the program cannot be executed at all. */
  async start(): Promise<void> {
    this.#wish.run();
    this.#restarts.startOver();
    const first = await this.#spawn();
    this.#supervision = this.#supervise(first);
  }

  /** Resolves when it is ready (a one-shot: when it has ended well). Throws EXITED_EARLY, CRASH_LOOP or NOT_READY. */
  awaitReady(deadlineMs: Ms, signal: AbortSignal): Promise<void> {
    return this.#life.awaitReady(deadlineMs, signal, {
      isCompleted: (code) => this.spec.isOneShot && code === 0,
      earlyExit: (exit) => earlyExit(this.spec, exit, this.#tail),
      notReady: (afterMs) => notReady(this.spec, afterMs, this.#lastAnswer, this.#tail),
    });
  }

  /** Ends it and starts it again with the same configuration; from a crash loop as well. */
  async restart(): Promise<void> {
    if (this.#wish.is('stop')) return;
    this.#restarts.forget();
    if (!this.isRunning) return this.start();
    this.#wish.change('restart');
    await this.#life.changes.next(
      this.spec.stop.graceMs + 5000,
      new AbortController().signal,
      () => this.state.at === 'starting' || !this.isRunning,
    );
  }

  /** Ends it and all that it started, and resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#wish.change('stop');
    await this.#supervision;
    if (this.state.at !== 'exited') this.#life.become({ at: 'exited', code: null, signal: null });
  }

  /** No more grace for anybody. */
  kill(): void {
    this.#force.abort();
  }

  /** It was ready, but its port is closed: it is given until the next look, then restarted. */
  reportClosed(): void {
    if (this.state.at === 'ready') this.#life.become({ at: 'unhealthy', since: this.#around.clock.now() });
    else if (this.state.at === 'unhealthy') {
      this.#life.note('lives, but its port is closed: restarting it');
      this.#wish.change('restart');
    }
  }

  reportOpen(): void {
    if (this.state.at === 'unhealthy') this.#life.become(this.#readyState);
  }

  /** One turn a process: until it ends, and what follows from that. */
  async #supervise(first: Child): Promise<void> {
    let child: Child | undefined = first;
    while (child) {
      const readyFor: Ms | undefined = await this.#attend(child);
      if (this.#wish.is('stop')) return;
      if (this.#wish.is('restart')) {
        this.#restarts.startOver();
      } else {
        const exit: ChildExit = await child.exited;
        const run: EndedRun = { readyFor, wasKilled: exit.signal !== null };
        const verdict = await verdictOf(exit, run, { spec: this.spec, restarts: this.#restarts, tail: this.#tail });
        if (verdict.at === 'over') return this.#life.become(verdict.state);
        this.#life.note(verdict.why);
        const attempt = this.#restarts.nextAttempt(run);
        if (attempt !== undefined) await this.#life.backOff(attempt, this.#wish.changed);
        if (this.#wish.is('stop')) return this.#life.become({ at: 'exited', ...exit });
      }
      child = await this.#spawnAgain();
    }
  }

  /** Watches one process to its end or until the wish changes; returns how long it was ready, if it was. */
  async #attend(child: Child): Promise<Ms | undefined> {
    const ended = new AbortController();
    void child.exited.then(() => ended.abort());
    const signal = AbortSignal.any([ended.signal, this.#wish.changed]);
    let readySince: Ms | undefined;
    try {
      const readiness = await (this.spec.isOneShot ? untilAborted(signal) : this.#readiness(child, signal));
      readySince = this.#around.clock.now();
      this.#becomeReady(readiness.address);
      await untilAborted(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    const readyFor = readySince === undefined ? undefined : this.#around.clock.now() - readySince;
    if (!this.#wish.is('run')) await this.#end(child);
    else await endRemains(child, { projectId: this.#around.projectId, replica: this.id });
    this.#around.guard.remove(child.pid);
    return readyFor;
  }

  #readiness(child: Child, signal: AbortSignal): ReturnType<typeof awaitReadiness> {
    return awaitReadiness(
      {
        pid: child.pid,
        port: this.spec.port,
        probe: this.spec.probe,
        isReached: this.spec.isReached,
        ask: this.spec.server?.ask,
        listening: this.#around.listening,
        onAnswer: (answer) => {
          this.#lastAnswer = answer;
        },
        runProbe: (argv) => this.#around.runProbe(argv, this.spec),
      },
      signal,
    );
  }

  #becomeReady(address: Address | undefined): void {
    this.#address = address;
    if (address && address.port !== this.spec.port)
      this.#life.note(`listens on port ${address.port}, not on PORT=${this.spec.port}`);
    const endpoint = address && { service: this.spec.service, replica: this.id, address: formatAddress(address) };
    this.#readyState = { at: 'ready', ...(endpoint ? { endpoint } : {}) };
    this.#life.become(this.#readyState);
  }

  async #spawnAgain(): Promise<Child | undefined> {
    // a stop that arrives from here on ends the new process as soon as it is there
    if (this.#wish.is('restart')) this.#wish.run();
    try {
      return await this.#spawn();
    } catch (error) {
      const [failure] = failuresOf(error) as readonly [Failure];
      this.#life.become({ at: 'crash-loop', failure });
      return undefined;
    }
  }

  async #spawn(): Promise<Child> {
    this.#lastAnswer = undefined;
    this.#address = undefined;
    this.#tail.length = 0;
    const { server } = this.spec;
    if (server) this.#spec = { ...this.spec, ...(await server.launch(this.spec.port)) };
    const { argv, cwd, env } = this.spec;
    const { pressure } = this.#around;
    const onLine = (stream: 'stdout' | 'stderr', line: string): void => this.#output(stream, line);
    const child = await startChild({ argv, cwd, env, onLine, pressure }).catch((error: unknown) => {
      throw new CampError(failuresOf(error).map((one) => cannotStart(this.spec, one)));
    });
    this.#child = child;
    this.#around.guard.add(child.pid, child.startTime, this.spec.stop);
    this.#life.become({ at: 'starting' });
    void child.exited.then(() => {
      if (this.#child === child) this.#child = undefined;
    });
    return child;
  }

  async #end(child: Child): Promise<void> {
    this.#life.become({ at: 'stopping' });
    const ending: Ending = await endTree(
      child,
      this.spec.stop,
      { projectId: this.#around.projectId, replica: this.id },
      this.#force.signal,
    );
    if (ending.wasKilled && !this.#force.signal.aborted)
      this.#life.note(`did not stop within ${this.spec.stop.graceMs / 1000} s: killed`);
    if (this.#wish.is('stop')) this.#life.become({ at: 'exited', ...(await child.exited) });
  }

  #output(stream: 'stdout' | 'stderr', line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > tailLength) this.#tail.shift();
    if (this.state.at === 'starting') this.#around.listening.nudge(this.spec.port);
    this.#around.emit({ type: 'output', replica: this.id, service: this.spec.service, stream, line });
  }
}
