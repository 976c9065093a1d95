import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import type { AccessTail } from './access-tail.ts';
import type { Asked, Asker } from './asking.ts';

/** A request under load, and who answered it. */
export interface Served extends Asked {
  /** The service itself has given the answer that it gives when all is well. */
  readonly isSuccess: boolean;
  /** Address of the replica; empty for files that the edge serves itself. */
  readonly upstream: string;
}

export interface LoadOptions {
  readonly url: string;
  readonly asker: Asker;
  readonly tail: AccessTail;
  /** What the service answers when all is well. */
  readonly status: number;
  /** Files that the edge serves: nobody else answers. */
  readonly isStatic: boolean;
}

/** A hundred requests a second: what is measured by them is known to 10 ms. */
const everyMs: Ms = 10;

/** Requests at a steady rate, each sent when it is due, whatever became of those before. */
export class Load {
  readonly #options: LoadOptions;
  readonly #asked: Asked[] = [];
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    let due = performance.now();
    const tick = (): void => {
      for (; due <= performance.now(); due += everyMs) this.#send();
      this.#timer = setTimeout(tick, Math.max(0, due - performance.now()));
    };
    tick();
  }

  /** Those that have been answered by now, in the order of their answers. */
  get served(): readonly Served[] {
    this.#options.tail.read();
    return this.#asked.map((asked) => this.#judge(asked));
  }

  /** Waits until one of those sent has been served as `isWanted` says; undefined at the deadline. */
  async until(isWanted: (served: Served) => boolean, deadlineMs: Ms, signal: AbortSignal): Promise<Served | undefined> {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      const found = this.served.find((one) => one.isSuccess && isWanted(one));
      if (found || performance.now() > deadline) return found;
      await delay(5, undefined, { signal });
    }
  }

  /** Sends no more, waits for the answers that are due, and returns them all. */
  async stop(): Promise<readonly Served[]> {
    clearTimeout(this.#timer);
    await Promise.all(this.#running);
    await this.#options.tail.settle(this.#asked.filter(({ status }) => status !== 0).map(({ id }) => id));
    return this.served;
  }

  #send(): void {
    const asking = this.#options.asker.ask(this.#options.url).then((asked) => {
      this.#asked.push(asked);
      this.#running.delete(asking);
    });
    this.#running.add(asking);
  }

  #judge(asked: Asked): Served {
    const { status, isStatic, tail } = this.#options;
    const entry = tail.entry(asked.id);
    const isOwn = isStatic || entry?.upstreamStatus === status;
    return { ...asked, isSuccess: asked.status === status && isOwn, upstream: entry?.upstream ?? '' };
  }
}
