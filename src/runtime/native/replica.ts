import { setTimeout as delay } from 'node:timers/promises';
import { type Child, type ChildExit, startChild } from '../../kit/child.ts';
import type { Clock } from '../../kit/clock.ts';
import type { Emit, Endpoint, Ms, ReplicaState } from '../../kit/events.ts';
import { CampError, type Failure, failuresOf } from '../../kit/failure.ts';
import type { Probe } from '../../project/types.ts';
import { backoffMs, crashLoop, soundAfterMs } from '../backoff.ts';
import type { Address, ProbeAnswer } from '../probe.ts';
import { type Ending, endRemains, endTree } from './end.ts';
import { cannotStart, crashLoopFailure, earlyExit, notReady } from './failures.ts';
import type { Guard } from './guard.ts';
import { formatAddress, type ListenWatch } from './listening.ts';
import { awaitReadiness } from './readiness.ts';

/** Everything that a replica is started with; it may be restarted to this, never to something else. */
export interface ReplicaSpec {
  readonly service: string;
  readonly index: number;
  readonly configHash: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  readonly probe: Probe | undefined;
  readonly isReached: boolean;
  readonly isOneShot: boolean;
  readonly stop: { readonly signal: NodeJS.Signals; readonly graceMs: Ms };
}

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

type Wish = 'run' | 'restart' | 'stop';

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
  readonly spec: ReplicaSpec;
  readonly id: string;
  state: ReplicaState = { at: 'starting' };
  readonly #around: ReplicaSurroundings;
  readonly #tail: string[] = [];
  readonly #starts: Ms[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #force = new AbortController();
  #child: Child | undefined;
  #life: Promise<void> = Promise.resolve();
  #wish: Wish = 'run';
  /** Aborted when the wish changes: whatever the life waits for is given up. */
  #wake = new AbortController();
  #lastAnswer: ProbeAnswer | undefined;

  constructor(spec: ReplicaSpec, around: ReplicaSurroundings) {
    this.spec = spec;
    this.id = `${spec.service}:${spec.index}`;
    this.#around = around;
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

  get isRunning(): boolean {
    return this.state.at !== 'exited' && this.state.at !== 'crash-loop';
  }

  /** Starts it. Throws SPAWN_FAILED when the program cannot be executed at all. */
  async start(): Promise<void> {
    this.#wish = 'run';
    this.#wake = new AbortController();
    const first = await this.#spawn();
    this.#life = this.#live(first);
  }

  /** Resolves when it is ready (a one-shot: when it has ended well). Throws EXITED_EARLY, CRASH_LOOP or NOT_READY. */
  async awaitReady(deadlineMs: Ms, signal: AbortSignal): Promise<void> {
    const deadline = this.#around.clock.now() + deadlineMs;
    for (;;) {
      switch (this.state.at) {
        case 'ready':
          return;
        case 'crash-loop':
          throw new CampError(this.state.failure);
        case 'exited':
          if (this.spec.isOneShot && this.state.code === 0) return;
          throw new CampError(earlyExit(this.spec, this.state, this.#tail));
        case 'starting':
        case 'unhealthy':
        case 'backing-off':
        case 'stopping':
      }
      const left = deadline - this.#around.clock.now();
      if (left <= 0) throw new CampError(notReady(this.spec, deadlineMs, this.#lastAnswer, this.#tail));
      await this.#nextState(left, signal);
    }
  }

  /** Ends it and starts it again with the same configuration; from a crash loop as well. */
  async restart(): Promise<void> {
    if (this.#wish === 'stop') return;
    this.#starts.length = 0;
    if (!this.isRunning) return this.start();
    this.#change('restart');
    await this.#nextState(
      this.spec.stop.graceMs + 5000,
      new AbortController().signal,
      () => this.state.at === 'starting' || !this.isRunning,
    );
  }

  /** Ends it and all that it started, and resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#change('stop');
    await this.#life;
    if (this.state.at !== 'exited') this.#become({ at: 'exited', code: null, signal: null });
  }

  /** No more grace for anybody. */
  kill(): void {
    this.#force.abort();
  }

  /** It was ready, but its port is closed: it is given until the next look, then restarted. */
  reportClosed(): void {
    if (this.state.at === 'ready') this.#become({ at: 'unhealthy', since: this.#around.clock.now() });
    else if (this.state.at === 'unhealthy') {
      this.#note('lives, but its port is closed: restarting it');
      this.#change('restart');
    }
  }

  reportOpen(): void {
    if (this.state.at === 'unhealthy') this.#become(this.#readyState);
  }

  #readyState: ReplicaState & { at: 'ready' } = { at: 'ready' };

  /** One turn a process: until it ends, and what follows from that. */
  async #live(first: Child): Promise<void> {
    let child: Child | undefined = first;
    for (let attempt = 1; ; ) {
      const readyFor: Ms | undefined = await this.#attend(child);
      const wish: Wish = this.#wish;
      if (wish === 'stop') return;
      if (wish === 'restart') {
        attempt = 1;
      } else {
        const exit: ChildExit = await child.exited;
        if (!(await this.#mayStartAgain(exit, readyFor))) return;
        // sound for a while, or killed from outside while it served: no step towards a longer pause
        if (readyFor !== undefined && (readyFor >= soundAfterMs || exit.signal !== null)) attempt = 1;
        // the first restart of something that did run happens at once: its clients are waiting at the edge
        if (!(readyFor !== undefined && attempt === 1)) await this.#backOff(attempt);
        attempt++;
        if ((this.#wish as Wish) === 'stop') return this.#become({ at: 'exited', ...exit });
      }
      child = await this.#spawnAgain();
      if (!child) return;
    }
  }

  /** Watches one process to its end or until the wish changes; returns how long it was ready, if it was. */
  async #attend(child: Child): Promise<Ms | undefined> {
    const ended = new AbortController();
    void child.exited.then(() => ended.abort());
    const signal = AbortSignal.any([ended.signal, this.#wake.signal]);
    let readySince: Ms | undefined;
    try {
      const readiness = await (this.spec.isOneShot
        ? new Promise<never>((_, reject) => onAbort(signal, reject))
        : this.#readiness(child, signal));
      readySince = this.#around.clock.now();
      this.#becomeReady(readiness.address);
      await new Promise<never>((_, reject) => onAbort(signal, reject));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    const readyFor = readySince === undefined ? undefined : this.#around.clock.now() - readySince;
    if (this.#wish !== 'run') await this.#end(child);
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
        listening: this.#around.listening,
        onAnswer: (answer) => {
          this.#lastAnswer = answer;
        },
        runProbe: (argv) => this.#around.runProbe(argv, this.spec),
      },
      signal,
    );
  }

  #address: Address | undefined;

  get address(): Address | undefined {
    return this.#address;
  }

  #becomeReady(address: Address | undefined): void {
    this.#address = address;
    if (address && address.port !== this.spec.port)
      this.#note(`listens on port ${address.port}, not on PORT=${this.spec.port}`);
    const endpoint = address && { service: this.spec.service, replica: this.id, address: formatAddress(address) };
    this.#readyState = { at: 'ready', ...(endpoint ? { endpoint } : {}) };
    this.#become(this.#readyState);
  }

  /** Decides what an exit means; false when it is not to be started again now. */
  async #mayStartAgain(exit: ChildExit, readyFor: Ms | undefined): Promise<boolean> {
    const isFinished = this.spec.isOneShot || (readyFor === undefined && exit.code === 0);
    if (isFinished) {
      this.#become({ at: 'exited', ...exit });
      return false;
    }
    // killed from outside while it served: not a fault of the program, so not a step towards a crash loop
    if (exit.signal === null || readyFor === undefined) this.#starts.push(this.#around.clock.now());
    const since = this.#around.clock.now() - crashLoop.windowMs;
    while ((this.#starts[0] ?? since) < since) this.#starts.shift();
    if (this.#starts.length >= crashLoop.starts) {
      await delay(20); // its last lines may still be in the pipe
      this.#become({ at: 'crash-loop', failure: crashLoopFailure(this.spec, exit, this.#tail) });
      return false;
    }
    this.#note(exit.signal ? `was ended by ${exit.signal}` : `ended with code ${exit.code}`);
    return true;
  }

  async #backOff(attempt: number): Promise<void> {
    const pause = backoffMs(attempt);
    this.#become({ at: 'backing-off', attempt, until: this.#around.clock.now() + pause });
    await delay(pause, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  async #spawnAgain(): Promise<Child | undefined> {
    // a stop that arrives from here on finds this wake, and ends the new process as soon as it is there
    if (this.#wish === 'restart') {
      this.#wish = 'run';
      this.#wake = new AbortController();
    }
    try {
      return await this.#spawn();
    } catch (error) {
      const [failure] = failuresOf(error) as readonly [Failure];
      this.#become({ at: 'crash-loop', failure });
      return undefined;
    }
  }

  async #spawn(): Promise<Child> {
    this.#lastAnswer = undefined;
    this.#address = undefined;
    this.#tail.length = 0;
    const { argv, cwd, env } = this.spec;
    const { pressure } = this.#around;
    const onLine = (stream: 'stdout' | 'stderr', line: string): void => this.#output(stream, line);
    const child = await startChild({ argv, cwd, env, onLine, pressure }).catch((error: unknown) => {
      throw new CampError(failuresOf(error).map((one) => cannotStart(this.spec, one)));
    });
    this.#child = child;
    this.#around.guard.add(child.pid, child.startTime, this.spec.stop.graceMs);
    this.#become({ at: 'starting' });
    void child.exited.then(() => {
      if (this.#child === child) this.#child = undefined;
    });
    return child;
  }

  async #end(child: Child): Promise<void> {
    this.#become({ at: 'stopping' });
    const ending: Ending = await endTree(
      child,
      this.spec.stop,
      { projectId: this.#around.projectId, replica: this.id },
      this.#force.signal,
    );
    if (ending.wasKilled && !this.#force.signal.aborted)
      this.#note(`did not stop within ${this.spec.stop.graceMs / 1000} s: killed`);
    if (this.#wish === 'stop') this.#become({ at: 'exited', ...(await child.exited) });
  }

  #output(stream: 'stdout' | 'stderr', line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > tailLength) this.#tail.shift();
    if (this.state.at === 'starting') this.#around.listening.nudge(this.spec.port);
    this.#around.emit({ type: 'output', replica: this.id, service: this.spec.service, stream, line });
  }

  #note(message: string): void {
    this.#around.emit({ type: 'note', subject: this.id, message });
  }

  #change(wish: Wish): void {
    if (this.#wish === 'stop') return;
    this.#wish = wish;
    this.#wake.abort();
  }

  #become(state: ReplicaState): void {
    this.state = state;
    const pid = this.pid;
    this.#around.emit({
      type: 'replica',
      replica: this.id,
      service: this.spec.service,
      state,
      ...(pid === undefined ? {} : { pid }),
    });
    for (const watcher of this.#watchers) watcher();
  }

  /** Resolves at the next change of state (one that `matches`), or after `ms`; rejects with the signal's reason. */
  #nextState(ms: Ms, signal: AbortSignal, matches: () => boolean = () => true): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        this.#watchers.delete(watcher);
        settle();
      };
      const watcher = (): void => {
        if (matches()) end(resolve);
      };
      const abort = (): void => end(() => reject(signal.reason));
      const timer = setTimeout(() => end(resolve), ms);
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      this.#watchers.add(watcher);
    });
  }
}

function onAbort(signal: AbortSignal, then: (reason: unknown) => void): void {
  if (signal.aborted) then(signal.reason);
  else signal.addEventListener('abort', () => then(signal.reason), { once: true });
}
