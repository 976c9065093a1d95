import type { Clock } from '../kit/clock.ts';
import type { Emit, Event, Unstamped } from '../kit/events.ts';
import { failuresOf } from '../kit/failure.ts';

/** Phases that the supervisor goes through itself; all others are steps of a plan. */
type OwnPhase = 'load' | 'observe' | 'plan';

/** The one stream of a project that runs: what happens is stamped, and told to all who listen. */
export class EventStream {
  readonly #clock: Clock;
  readonly #sinks = new Set<(event: Event) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly emit: Emit = (event: Unstamped) => {
    const time = event.type === 'output' ? { time: new Date().toISOString() } : {};
    const stamped = { ...event, ...time, t: this.#clock.now() } as Event;
    for (const sink of this.#sinks) sink(stamped);
  };

  /** Every event from now on; returns how to end it. */
  subscribe(sink: (event: Event) => void): () => void {
    this.#sinks.add(sink);
    return () => this.#sinks.delete(sink);
  }

  /** Something that went wrong and ends nothing. */
  warn(error: unknown): void {
    for (const found of failuresOf(error)) this.emit({ type: 'warning', message: found.message, failure: found });
  }

  /** A phase that is over when `work` returns. */
  span<T>(phase: OwnPhase, subject: string, work: () => T): T {
    this.mark('begin', phase, subject);
    const result = work();
    this.mark('end', phase, subject);
    return result;
  }

  mark(edge: 'begin' | 'end', phase: OwnPhase, subject: string): void {
    this.emit({ type: 'span', edge, phase, subject });
  }
}
