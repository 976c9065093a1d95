import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../kit/clock.ts';
import type { Emit, Endpoint, Ms, ReplicaState } from '../../kit/events.ts';
import { CampError, type Failure, failuresOf } from '../../kit/failure.ts';
import type { Service } from '../../project/types.ts';
import { backoffMs, crashLoop, soundAfterMs } from '../backoff.ts';
import { Changes } from '../changes.ts';
import type { ProbeAnswer } from '../probe.ts';
import { endContainer } from './end.ts';
import { endpointsOf, mainEndpoint } from './endpoints.ts';
import type { Api, ContainerDetail } from './engine/types.ts';
import { cannotStart, crashLoopFailure, earlyExit, notReady, outOfMemory } from './failures.ts';
import { LogFollower } from './log-follower.ts';
import { awaitReadiness } from './readiness.ts';

export interface ReplicaSpec {
  readonly service: Service;
  readonly index: number;
  readonly configHash: string;
  readonly containerId: string;
  /** The port inside the container that routes lead to; absent where none does. */
  readonly httpPort: number | undefined;
  /** Another service waits for its health. */
  readonly isHealthAwaited: boolean;
}

export interface ReplicaSurroundings {
  readonly api: Api;
  readonly isLocalLinux: boolean;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Starts its container. Throws what the engine or Compose says. */
  boot(spec: ReplicaSpec): Promise<void>;
  /** Resolves when the engine can be reached. */
  engineIsBack(signal: AbortSignal): Promise<void>;
  /** Told of a container that is about to be removed. */
  beforeRemoval(container: ContainerDetail): void;
  /** Pending while what services write cannot be taken any more. */
  pressure(): Promise<void> | undefined;
}

type Wish = 'run' | 'restart' | 'stop';

/** Docker's own restarts, `restart: always`, come in quick succession at first: it takes more of them to call it a loop. */
const dockerCrashLoopStarts = 8;
const tailLength = 20;

/**
 * One container, and its supervisor. What is known of it is what the engine last said (`look`); what follows from that is
 * decided here, as for a process:
 *
 *     starting ──ready──▶ ready ──exit──▶ backing-off ──▶ starting
 *        │                  │  ▲                 │
 *        │ exit     unhealthy  healthy    5 starts in 60 s
 *        ▼            paused▼  │                 ▼
 *     backing-off       unhealthy           crash-loop ──restart──▶ starting
 *
 * and from each of them, when asked to, stopping ──▶ exited. Where the container has a restart policy, Docker starts it
 * again and this only follows.
 */
export class ContainerReplica {
  readonly spec: ReplicaSpec;
  readonly id: string;
  state: ReplicaState = { at: 'starting' };
  readonly #around: ReplicaSurroundings;
  readonly #starts: Ms[] = [];
  readonly #changes = new Changes();
  readonly #force = new AbortController();
  readonly #logs: LogFollower;
  #seen: ContainerDetail | undefined;
  #life: Promise<void> = Promise.resolve();
  #looking: Promise<void> = Promise.resolve();
  #wish: Wish = 'run';
  /** Aborted when the wish changes: whatever the life waits for is given up. */
  #wake = new AbortController();
  #lastAnswer: ProbeAnswer | undefined;
  /** Readiness has been seen since it was last started. */
  #isServing = false;
  /** What its health check is made with is not in its image: the engine calls it unhealthy, whatever it does. */
  #isUncheckable = false;

  constructor(spec: ReplicaSpec, around: ReplicaSurroundings) {
    this.spec = spec;
    this.id = `${spec.service.name}:${spec.index}`;
    this.#around = around;
    this.#logs = new LogFollower({
      api: around.api,
      containerId: spec.containerId,
      pressure: around.pressure,
      engineIsBack: around.engineIsBack,
      onLine: ({ stream, line }) =>
        around.emit({ type: 'output', replica: this.id, service: spec.service.name, stream, line }),
    });
  }

  get isRunning(): boolean {
    return this.state.at !== 'exited' && this.state.at !== 'crash-loop';
  }

  get pid(): number | undefined {
    return this.#around.isLocalLinux && this.#seen?.pid ? this.#seen.pid : undefined;
  }

  get endpoints(): readonly Endpoint[] {
    const directly = { isLocalLinux: this.#around.isLocalLinux, httpPort: this.spec.httpPort };
    return this.isRunning && this.#seen ? endpointsOf(this.spec.service, this.id, this.#seen, directly) : [];
  }

  /** Starts its container. Throws PORT_IN_USE, SPAWN_FAILED, DISK_FULL, MOUNT_FAILED, START_REFUSED. */
  async start(): Promise<void> {
    this.#wish = 'run';
    this.#wake = new AbortController();
    await this.#boot();
    this.#life = this.#live();
  }

  /** Supervises a container that a camp which is gone has started. */
  adopt(seen: ContainerDetail): void {
    this.#seen = seen;
    this.#become({ at: 'starting' });
    this.#logs.skipWhatIsThere();
    this.#life = this.#live();
  }

  /** What the engine says of the container; undefined when it has none. */
  #take(seen: ContainerDetail | undefined): void {
    this.#seen = seen;
    if (this.#isServing) this.#settle();
    this.#changes.tell();
  }

  /** Asks the engine afresh; an answer that is older than another never comes after it. */
  async look(): Promise<void> {
    const before = this.#looking;
    this.#looking = (async () => {
      await before.catch(() => undefined);
      this.#take(await this.#around.api.inspectContainer(this.spec.containerId));
    })();
    return this.#looking;
  }

  /** Resolves when it is ready (a one-shot: when it has ended well). Throws EXITED_EARLY, CRASH_LOOP, OUT_OF_MEMORY or NOT_READY. */
  async awaitReady(deadlineMs: Ms, signal: AbortSignal): Promise<void> {
    const deadline = this.#around.clock.now() + deadlineMs;
    for (;;) {
      switch (this.state.at) {
        case 'ready':
          return;
        case 'crash-loop':
          throw new CampError(this.state.failure);
        case 'exited':
          if (this.#isCompleted(this.state.code)) return;
          throw new CampError(await this.#earlyExit(this.state.code));
        case 'starting':
        case 'unhealthy':
        case 'backing-off':
        case 'stopping':
      }
      const left = deadline - this.#around.clock.now();
      if (left <= 0) throw new CampError(await this.#notReady(deadlineMs));
      await this.#changes.next(left, signal);
    }
  }

  /** Ends it and starts it again as it is; from a crash loop as well. */
  async restart(): Promise<void> {
    if (this.#wish === 'stop') return;
    this.#starts.length = 0;
    if (!this.isRunning) {
      await this.#life;
      return this.start();
    }
    this.#change('restart');
    const graceMs = this.spec.service.stop.graceMs + 5000;
    await this.#changes.next(graceMs, neverAborted, () => this.#wish === 'run' || !this.isRunning);
  }

  /** Ends it within its grace and removes it, but no data. */
  async stop(): Promise<void> {
    this.#change('stop');
    if (this.state.at !== 'exited') this.#become({ at: 'stopping' });
    const { api, beforeRemoval } = this.#around;
    const { graceMs } = this.spec.service.stop;
    const { wasKilled, code } = await endContainer(
      api,
      this.spec.containerId,
      graceMs,
      this.#force.signal,
      beforeRemoval,
    );
    if (wasKilled) this.#note(`did not stop within ${graceMs / 1000} s: killed`);
    await this.#life;
    await this.#logs.end();
    this.#become({ at: 'exited', code, signal: null });
  }

  /** Lets it be: somebody else is about to end it. */
  async release(): Promise<void> {
    this.#change('stop');
    await this.#life;
    void this.#logs.end();
  }

  /** No more grace. */
  kill(): void {
    this.#force.abort();
  }

  /** One turn a start: until the container has ended, and what follows from that. */
  async #live(): Promise<void> {
    for (let attempt = 1; ; ) {
      const startedAt = this.#seen?.startedAt ?? '';
      const readyFor = await this.#attend(startedAt);
      if (this.#wish === 'stop') return;
      if ((this.#wish as Wish) === 'restart') {
        attempt = 1;
        await this.#end();
      } else if (!this.#seen || this.#seen.status === 'removing') {
        this.#note('its container was removed from outside');
        return this.#become({ at: 'exited', code: null, signal: null });
      } else if (this.#seen.status === 'restarting' || this.#seen.startedAt !== startedAt) {
        if (!(await this.#followRestart(this.#seen, readyFor))) return;
        continue;
      } else {
        const exit = this.#seen;
        if (!(await this.#mayStartAgain(exit, readyFor))) return;
        // sound for a while, or killed from outside while it served: no step towards a longer pause
        if (readyFor !== undefined && (readyFor >= soundAfterMs || wasKilled(exit))) attempt = 1;
        // the first restart of something that did run happens at once: its clients are waiting at the edge
        if (!(readyFor !== undefined && attempt === 1)) await this.#backOff(attempt);
        attempt++;
        if ((this.#wish as Wish) === 'stop') return;
      }
      if (!(await this.#bootAgain())) return;
    }
  }

  /** Watches one run of the container to its end or until the wish changes; returns how long it was ready, if it was. */
  async #attend(startedAt: string): Promise<Ms | undefined> {
    const isOver = (): boolean => !this.#seen || !isUp(this.#seen) || this.#seen.startedAt !== startedAt;
    const over = new AbortController();
    const look = (): void => {
      if (isOver()) over.abort();
    };
    const unwatch = this.#changes.watch(look);
    look();
    const signal = AbortSignal.any([over.signal, this.#wake.signal]);
    let readySince: Ms | undefined;
    try {
      if (this.#seen) this.#logs.follow(this.#seen);
      if (!this.spec.service.isOneShot && this.#seen) {
        await this.#readiness(this.#seen, signal);
        readySince = this.#around.clock.now();
        this.#isServing = true;
        this.#settle();
      }
      await new Promise<never>((_, reject) => onAbort(signal, reject));
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      unwatch();
      this.#isServing = false;
    }
    return readySince === undefined ? undefined : this.#around.clock.now() - readySince;
  }

  #readiness(container: ContainerDetail, signal: AbortSignal): Promise<void> {
    const { api, isLocalLinux } = this.#around;
    const isHealthy = (): boolean => this.#seen?.health?.status === 'healthy';
    return awaitReadiness(
      {
        api,
        container,
        endpoints: this.endpoints,
        httpPort: this.spec.httpPort,
        isLocalLinux,
        isHealthAwaited: this.spec.isHealthAwaited,
        onUncheckable: (said) => {
          if (!this.#isUncheckable) this.#note(`${said}: taken for ready when it answers`);
          this.#isUncheckable = true;
        },
        healthy: async (until) => {
          while (!isHealthy()) await this.#changes.next(60_000, until, isHealthy);
        },
        onAnswer: (answer) => {
          this.#lastAnswer = answer;
        },
      },
      signal,
    );
  }

  /** Of what serves: ready or not, by what the engine says of its health. */
  #settle(): void {
    const { status, health } = this.#seen ?? {};
    const isWell = status === 'running' && (this.#isUncheckable || health?.status !== 'unhealthy');
    if (isWell && this.state.at !== 'ready') {
      const endpoint = mainEndpoint(this.endpoints, this.spec.httpPort);
      this.#become({ at: 'ready', ...(endpoint ? { endpoint } : {}) });
    }
    if (!isWell && this.state.at === 'ready') {
      this.#note(status === 'paused' ? 'was paused from outside' : `is unhealthy: ${lastHealth(this.#seen)}`);
      this.#become({ at: 'unhealthy', since: this.#around.clock.now() });
    }
  }

  /** Docker starts it again by its policy; false when that has become a crash loop. */
  async #followRestart(exit: ContainerDetail, readyFor: Ms | undefined): Promise<boolean> {
    if (readyFor === undefined || readyFor < soundAfterMs) this.#starts.push(this.#around.clock.now());
    // what runs again already has no code to say any more
    const code = exit.status === 'restarting' ? ` with code ${exit.exitCode}` : '';
    this.#note(`ended${code}: Docker starts it again`);
    if (this.#startsOfLate() >= dockerCrashLoopStarts) {
      await this.#around.api.stopContainer(exit.id, { graceMs: 0 });
      this.#become({ at: 'crash-loop', failure: await this.#crashLoop(exit) });
      return false;
    }
    const attempt = this.#starts.length;
    this.#become({ at: 'backing-off', attempt, until: this.#around.clock.now() + backoffMs(attempt) });
    const isBack = (): boolean => this.#seen?.status !== 'restarting';
    while (!isBack() && this.#wish === 'run')
      await this.#changes.next(60_000, this.#wake.signal, isBack).catch(() => undefined);
    if (this.#wish === 'run' && this.#seen?.status === 'running') {
      this.#lastAnswer = undefined;
      this.#become({ at: 'starting' });
    }
    return true;
  }

  /** Decides what an exit means; false when it is not to be started again now. */
  async #mayStartAgain(exit: ContainerDetail, readyFor: Ms | undefined): Promise<boolean> {
    const hasEnded = exit.exitCode === 0 && (readyFor === undefined || this.spec.httpPort === undefined);
    if (this.spec.service.isOneShot || hasEnded) {
      this.#become({ at: 'exited', code: exit.exitCode, signal: null });
      return false;
    }
    const isHopeless = exit.isOomKilled && readyFor === undefined;
    const { name, maxRetries } = exit.restartPolicy;
    const hasGivenUp = name === 'on-failure' && maxRetries > 0 && exit.restartCount >= maxRetries;
    // killed from outside while it served: not a fault of the program, so not a step towards a crash loop
    if (!wasKilled(exit) || readyFor === undefined) this.#starts.push(this.#around.clock.now());
    if (isHopeless || hasGivenUp || this.#startsOfLate() >= crashLoop.starts) {
      this.#become({ at: 'crash-loop', failure: await this.#crashLoop(exit) });
      return false;
    }
    this.#note(exit.isOomKilled ? 'was killed: it used too much memory' : `ended with code ${exit.exitCode}`);
    return true;
  }

  #startsOfLate(): number {
    const since = this.#around.clock.now() - crashLoop.windowMs;
    while ((this.#starts[0] ?? since) < since) this.#starts.shift();
    return this.#starts.length;
  }

  async #backOff(attempt: number): Promise<void> {
    const pause = backoffMs(attempt);
    this.#become({ at: 'backing-off', attempt, until: this.#around.clock.now() + pause });
    await delay(pause, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  async #bootAgain(): Promise<boolean> {
    // a stop that arrives from here on finds this wake
    if (this.#wish === 'restart') {
      this.#wish = 'run';
      this.#wake = new AbortController();
    }
    for (;;) {
      try {
        await this.#boot();
        return true;
      } catch (error) {
        if ((this.#wish as Wish) === 'stop') return false;
        const [failure] = failuresOf(error) as readonly [Failure];
        if (failure.code === 'ENGINE_UNREACHABLE' || failure.code === 'ENGINE_HANGS') {
          await delay(200);
          await this.#around.engineIsBack(this.#wake.signal).catch(() => undefined);
          if ((this.#wish as Wish) === 'stop') return false;
          continue;
        }
        this.#become({ at: 'crash-loop', failure });
        return false;
      }
    }
  }

  async #boot(): Promise<void> {
    this.#lastAnswer = undefined;
    try {
      await this.#around.boot(this.spec);
      await this.look();
    } catch (error) {
      throw cannotStart({ service: this.spec.service.name, memoryLimit: 0 }, error);
    }
    this.#become({ at: 'starting' });
  }

  async #end(): Promise<void> {
    this.#become({ at: 'stopping' });
    const { api } = this.#around;
    const { graceMs } = this.spec.service.stop;
    await api.stopContainer(this.spec.containerId, { graceMs }).catch(() => undefined);
  }

  /** It has run to its end, and that was all there was to do. */
  #isCompleted(code: number | null): boolean {
    const { service, httpPort } = this.spec;
    return (
      code === 0 &&
      (service.isOneShot || (httpPort === undefined && service.ports.length === 0 && !this.#seen?.healthcheck))
    );
  }

  async #earlyExit(code: number | null): Promise<Failure> {
    const tail = await this.#tail();
    return this.#seen?.isOomKilled ? outOfMemory(this.#subject, tail) : earlyExit(this.#subject, code, tail);
  }

  async #crashLoop(exit: ContainerDetail): Promise<Failure> {
    const tail = await this.#tail();
    return exit.isOomKilled ? outOfMemory(this.#subject, tail) : crashLoopFailure(this.#subject, exit.exitCode, tail);
  }

  async #notReady(afterMs: Ms): Promise<Failure> {
    const said = this.#seen?.status === 'paused' ? 'the container is paused' : this.#lastAnswer?.said;
    return notReady(this.#subject, afterMs, said, await this.#tail());
  }

  get #subject(): { readonly service: string; readonly memoryLimit: number } {
    return { service: this.spec.service.name, memoryLimit: this.#seen?.memoryLimit ?? 0 };
  }

  #tail(): Promise<readonly string[]> {
    return this.#logs.tail(tailLength, this.#seen);
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
    const { pid } = this;
    const service = this.spec.service.name;
    this.#around.emit({ type: 'replica', replica: this.id, service, state, ...(pid === undefined ? {} : { pid }) });
    this.#changes.tell();
  }
}

const neverAborted = new AbortController().signal;

function isUp({ status }: ContainerDetail): boolean {
  return status === 'running' || status === 'paused';
}

/** By KILL or TERM from outside; the kernel's killing for memory does not count. */
function wasKilled({ exitCode, isOomKilled }: ContainerDetail): boolean {
  return !isOomKilled && (exitCode === 137 || exitCode === 143);
}

function lastHealth(seen: ContainerDetail | undefined): string {
  const last = seen?.health?.log.at(-1);
  return last ? last.output.trim().split('\n').at(-1) || `code ${last.exitCode}` : 'its health check fails';
}

function onAbort(signal: AbortSignal, then: (reason: unknown) => void): void {
  if (signal.aborted) then(signal.reason);
  else signal.addEventListener('abort', () => then(signal.reason), { once: true });
}
