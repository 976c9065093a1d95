import type { Clock } from '../kit/clock.ts';
import type { Ms } from '../kit/events.ts';
import { crashLoop, soundAfterMs } from './backoff.ts';

/** One run of a replica that has ended by itself. */
export interface EndedRun {
  /** How long it was ready; undefined where it never was. */
  readonly readyFor: Ms | undefined;
  /** By a signal from outside, not by its own doing. */
  readonly wasKilled: boolean;
}

/** How often a replica had to be started again: whether that is a crash loop, and how long to wait before the next time. */
export class Restarts {
  readonly #clock: Clock;
  readonly #counted: Ms[] = [];
  #attempt = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody asked for it: nothing that was counts any more. */
  forget(): void {
    this.#counted.length = 0;
  }

  /** The next pause is the first one again. */
  startOver(): void {
    this.#attempt = 1;
  }

  /** A step towards a crash loop. */
  count(): void {
    this.#counted.push(this.#clock.now());
  }

  /** How many steps there were within the window. */
  ofLate(): number {
    const since = this.#clock.now() - crashLoop.windowMs;
    while ((this.#counted[0] ?? since) < since) this.#counted.shift();
    return this.#counted.length;
  }

  /** Counts the end of a run; killed from outside while it served is not a fault of the program. */
  countEnd({ readyFor, wasKilled }: EndedRun): void {
    if (!wasKilled || readyFor === undefined) this.count();
  }

  /** Which pause comes before the next start, as `backoffMs` counts them; undefined: none. */
  nextAttempt({ readyFor, wasKilled }: EndedRun): number | undefined {
    // sound for a while, or killed from outside while it served: no step towards a longer pause
    if (readyFor !== undefined && (readyFor >= soundAfterMs || wasKilled)) this.#attempt = 1;
    const attempt = this.#attempt++;
    // the first restart of something that did run happens at once: its clients are waiting at the edge
    return readyFor !== undefined && attempt === 1 ? undefined : attempt;
  }
}
