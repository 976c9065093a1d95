import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../kit/clock.ts';
import type { Emit, Ms, ReplicaState } from '../kit/events.ts';
import { CampError, type Failure } from '../kit/failure.ts';
import { backoffMs } from './backoff.ts';
import { Changes } from './changes.ts';

export interface LifeOf {
  /** `api:1` */
  readonly replica: string;
  readonly service: string;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Its process of this machine, where it has one now. */
  pid(): number | undefined;
}

/** What to make of a replica that is not ready. */
export interface Verdicts {
  /** It has run to its end, and that was all there was to do. */
  isCompleted(code: number | null): boolean;
  earlyExit(exit: ReplicaState & { at: 'exited' }): Failure | Promise<Failure>;
  notReady(afterMs: Ms): Failure | Promise<Failure>;
}

/** The state of one replica, whatever it runs in: who changes it here, tells everybody. */
export class Life {
  readonly changes = new Changes();
  readonly #of: LifeOf;
  #state: ReplicaState = { at: 'starting' };

  constructor(of: LifeOf) {
    this.#of = of;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  get isRunning(): boolean {
    return this.#state.at !== 'exited' && this.#state.at !== 'crash-loop';
  }

  become(state: ReplicaState): void {
    this.#state = state;
    const { replica, service, emit } = this.#of;
    const pid = this.#of.pid();
    emit({ type: 'replica', replica, service, state, ...(pid === undefined ? {} : { pid }) });
    this.changes.tell();
  }

  note(message: string): void {
    this.#of.emit({ type: 'note', subject: this.#of.replica, message });
  }

  /** Pauses before start number `attempt`, or until the signal. */
  async backOff(attempt: number, signal: AbortSignal): Promise<void> {
    const pause = backoffMs(attempt);
    this.become({ at: 'backing-off', attempt, until: this.#of.clock.now() + pause });
    await delay(pause, undefined, { signal }).catch(() => undefined);
  }

  /** Resolves when it is ready, or has completed. Throws what the verdicts say, CRASH_LOOP, or the signal's reason. */
  async awaitReady(deadlineMs: Ms, signal: AbortSignal, verdicts: Verdicts): Promise<void> {
    const { clock } = this.#of;
    const deadline = clock.now() + deadlineMs;
    for (;;) {
      const state = this.#state;
      switch (state.at) {
        case 'ready':
          return;
        case 'crash-loop':
          throw new CampError(state.failure);
        case 'exited':
          if (verdicts.isCompleted(state.code)) return;
          throw new CampError(await verdicts.earlyExit(state));
        case 'starting':
        case 'unhealthy':
        case 'backing-off':
        case 'stopping':
      }
      const left = deadline - clock.now();
      if (left <= 0) throw new CampError(await verdicts.notReady(deadlineMs));
      await this.changes.next(left, signal);
    }
  }
}
