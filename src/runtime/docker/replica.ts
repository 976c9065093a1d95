import { isAbsolute } from 'node:path';
import type { Clock } from '../../kit/clock.ts';
import type { Emit, Endpoint, Ms, ReplicaState } from '../../kit/events.ts';
import type { Failure } from '../../kit/failure.ts';
import type { Service } from '../../project/types.ts';
import { Life } from '../life.ts';
import { Wish } from '../wish.ts';
import { endContainer } from './end.ts';
import { endpointsOf } from './endpoints.ts';
import type { Api, ContainerDetail } from './engine/types.ts';
import { isCompleted } from './exits.ts';
import { crashLoopFailure, earlyExit, notReady, type Subject } from './failures.ts';
import { LogFollower } from './log-follower.ts';
import { Serving } from './serving.ts';
import { Sight } from './sight.ts';
import { Supervision } from './supervision.ts';

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
  /** What paths in messages start from. */
  readonly projectDir: string;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Starts its container. Throws what the engine or Compose says. */
  boot(spec: ReplicaSpec): Promise<void>;
  /** Resolves when the engine can be reached. */
  engineIsBack(signal: AbortSignal): Promise<void>;
  /** Whether a service that this one depends on is still on its way. */
  awaitsOthers(service: Service): boolean;
  /** Told of a container that is about to be removed. */
  beforeRemoval(container: ContainerDetail): void;
  /** Pending while what services write cannot be taken any more. */
  pressure(): Promise<void> | undefined;
}

const tailLength = 20;

/**
 * One container, and its supervisor. What is known of it is what the engine last said (`Sight`); what follows from that,
 * `Supervision` decides, as for a process:
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
  readonly #around: ReplicaSurroundings;
  readonly #life: Life;
  readonly #wish = new Wish();
  readonly #sight: Sight;
  readonly #serving: Serving;
  readonly #logs: LogFollower;
  readonly #supervision: Supervision;
  readonly #force = new AbortController();

  constructor(spec: ReplicaSpec, around: ReplicaSurroundings) {
    this.spec = spec;
    this.id = `${spec.service.name}:${spec.index}`;
    this.#around = around;
    const { api, clock, emit, isLocalLinux } = around;
    const { httpPort, isHealthAwaited } = spec;
    this.#life = new Life({ replica: this.id, service: spec.service.name, clock, emit, pid: () => this.pid });
    this.#sight = new Sight(api, spec.containerId, () => {
      this.#serving.settle();
      this.#life.changes.tell();
    });
    this.#serving = new Serving({
      api,
      isLocalLinux,
      clock,
      life: this.#life,
      sight: this.#sight,
      httpPort,
      isHealthAwaited,
      endpoints: () => this.endpoints,
    });
    this.#logs = new LogFollower({
      api,
      containerId: spec.containerId,
      pressure: around.pressure,
      engineIsBack: around.engineIsBack,
      onLine: ({ stream, line }) =>
        emit({ type: 'output', replica: this.id, service: spec.service.name, stream, line }),
    });
    this.#supervision = new Supervision({
      spec,
      api,
      clock,
      life: this.#life,
      wish: this.#wish,
      sight: this.#sight,
      serving: this.#serving,
      logs: this.#logs,
      boot: around.boot,
      engineIsBack: around.engineIsBack,
      awaitsOthers: () => around.awaitsOthers(spec.service),
      failureOf: (exit) => this.#crashLoop(exit),
    });
  }

  get state(): ReplicaState {
    return this.#life.state;
  }

  /** It is about to be ready, or tries again. */
  get isOnItsWay(): boolean {
    return this.state.at === 'starting' || this.state.at === 'backing-off';
  }

  /** Its container is being started, and looked at when that is done. */
  get isBooting(): boolean {
    return this.#supervision.isBooting;
  }

  get isRunning(): boolean {
    return this.#life.isRunning;
  }

  get pid(): number | undefined {
    return this.#around.isLocalLinux && this.#sight.seen?.pid ? this.#sight.seen.pid : undefined;
  }

  get endpoints(): readonly Endpoint[] {
    const { seen } = this.#sight;
    const directly = { isLocalLinux: this.#around.isLocalLinux, httpPort: this.spec.httpPort };
    return this.isRunning && seen ? endpointsOf(this.spec.service, this.id, seen, directly) : [];
  }

  /** Starts its container. Throws PORT_IN_USE, SPAWN_FAILED, DISK_FULL, MOUNT_FAILED, START_REFUSED. */
  start(): Promise<void> {
    return this.#supervision.start();
  }

  /** Supervises a container that a camp which is gone has started. */
  adopt(seen: ContainerDetail): void {
    this.#supervision.adopt(seen);
  }

  /** Asks the engine afresh. */
  look(): Promise<void> {
    return this.#sight.look();
  }

  /** Resolves when it is ready (a one-shot: when it has ended well). Throws EXITED_EARLY, CRASH_LOOP, OUT_OF_MEMORY or NOT_READY. */
  awaitReady(deadlineMs: Ms, signal: AbortSignal): Promise<void> {
    return this.#life.awaitReady(deadlineMs, signal, {
      isCompleted: (code) => isCompleted(code, this.spec, this.#sight.seen),
      earlyExit: async ({ code }) => {
        const tail = await this.#tail();
        return earlyExit(this.#subject, code, tail);
      },
      notReady: async (afterMs) => {
        const isPaused = this.#sight.seen?.status === 'paused';
        const said = isPaused ? 'the container is paused' : this.#serving.lastAnswer?.said;
        return notReady(this.#subject, afterMs, said, await this.#tail());
      },
    });
  }

  /** Ends it and starts it again as it is; from a crash loop as well. */
  async restart(): Promise<void> {
    if (this.#wish.is('stop')) return;
    this.#supervision.forget();
    if (!this.isRunning) {
      await this.#supervision.over;
      return this.start();
    }
    this.#wish.change('restart');
    const graceMs = this.spec.service.stop.graceMs + 5000;
    await this.#life.changes.next(graceMs, neverAborted, () => this.#wish.is('run') || !this.isRunning);
  }

  /** Ends it within its grace and removes it, but no data. */
  async stop(): Promise<void> {
    this.#wish.change('stop');
    if (this.state.at !== 'exited') this.#life.become({ at: 'stopping' });
    const { api, beforeRemoval } = this.#around;
    const { graceMs } = this.spec.service.stop;
    const { wasKilled, code } = await endContainer(
      api,
      this.spec.containerId,
      graceMs,
      this.#force.signal,
      beforeRemoval,
    );
    if (wasKilled) this.#life.note(`did not stop within ${graceMs / 1000} s: killed`);
    await this.#supervision.over;
    await this.#logs.end();
    this.#life.become({ at: 'exited', code, signal: null });
  }

  /** Lets it be: somebody else is about to end it. */
  async release(): Promise<void> {
    this.#wish.change('stop');
    await this.#supervision.over;
    void this.#logs.end();
  }

  /** No more grace. */
  kill(): void {
    this.#force.abort();
  }

  async #crashLoop(exit: ContainerDetail): Promise<Failure> {
    const tail = await this.#tail();
    return crashLoopFailure({ ...this.#subject, isOomKilled: exit.isOomKilled }, exit.exitCode, tail);
  }

  get #subject(): Subject {
    const { memoryLimit = 0, isOomKilled = false } = this.#sight.seen ?? {};
    const { name: service, build } = this.spec.service;
    const { projectDir } = this.#around;
    const migrations = build && isAbsolute(build.context) && { service, folder: build.context, projectDir };
    return { service, memoryLimit, isOomKilled, ...(migrations ? { migrations } : {}) };
  }

  #tail(): Promise<readonly string[]> {
    return this.#logs.tail(tailLength, this.#sight.seen);
  }
}

const neverAborted = new AbortController().signal;
