import { setTimeout as delay } from 'node:timers/promises';
import { settlesWithin } from '../../kit/child.ts';
import type { Ms } from '../../kit/events.ts';
import { CampError } from '../../kit/failure.ts';
import type { Api, ContainerDetail, LogLine } from './engine/types.ts';

/** How long after the end of a container its last lines may take. */
const lastLinesMs: Ms = 1000;

export interface LogSurroundings {
  readonly api: Api;
  readonly containerId: string;
  onLine(line: LogLine): void;
  /** Pending while what services write cannot be taken any more. */
  pressure(): Promise<void> | undefined;
  engineIsBack(signal: AbortSignal): Promise<void>;
}

/** Follows what one container writes, through all its runs; no line comes twice, whatever happens to the connection. */
export class LogFollower {
  readonly #around: LogSurroundings;
  readonly #ending = new AbortController();
  /** The moment of the last line, and how many lines of that moment have been seen. */
  #last = { time: '', count: 0 };
  #skipsOld = false;
  #following: Promise<void> = Promise.resolve();
  #followed = '';

  constructor(around: LogSurroundings) {
    this.#around = around;
  }

  /** What was written before now has been shown by somebody else. */
  skipWhatIsThere(): void {
    this.#skipsOld = true;
  }

  /** From the container's start on; asked again for the same run it does nothing. */
  follow({ startedAt, hasTty }: ContainerDetail): void {
    if (this.#followed === startedAt) return;
    this.#followed = startedAt;
    const isFirst = this.#skipsOld;
    this.#skipsOld = false;
    this.#following = this.#following.then(() => this.#read(startedAt, hasTty, isFirst)).catch(() => undefined);
  }

  /** Waits for the last lines, but not for long. */
  async end(): Promise<void> {
    await settlesWithin(this.#following, lastLinesMs);
    this.#ending.abort();
  }

  /** The last lines of the latest run. */
  async tail(count: number, seen: ContainerDetail | undefined): Promise<readonly string[]> {
    if (!seen) return [];
    const lines: string[] = [];
    const query = { follow: false, tail: count, hasTty: seen.hasTty, since: seen.startedAt };
    await this.#around.api
      .logs(this.#around.containerId, query, ({ line }) => lines.push(line))
      .catch((error: unknown) => {
        if (!(error instanceof CampError)) throw error;
      });
    return lines.slice(-count);
  }

  /** Resolves when the run has ended and all that it wrote has been read. */
  async #read(startedAt: string, hasTty: boolean, skipsOld: boolean): Promise<void> {
    const { api, containerId, pressure, engineIsBack } = this.#around;
    const { signal } = this.#ending;
    let isFirst = skipsOld;
    while (!signal.aborted) {
      const since = this.#last.time > startedAt ? this.#last.time : startedAt;
      const query = { follow: true, hasTty, pressure, ...(isFirst ? { tail: 0 } : { since }) };
      const seen = this.#counter();
      isFirst = false;
      try {
        await api.logs(containerId, query, (line) => seen(line), { signal });
        const now = await api.inspectContainer(containerId, { signal });
        if (now?.startedAt !== startedAt || now.status !== 'running') return;
      } catch (error) {
        if (!(error instanceof CampError) || error.failures[0]?.code === 'ENGINE_REFUSED') return;
      }
      // the connection was cut, not the container
      await delay(100, undefined, { signal });
      await engineIsBack(signal);
    }
  }

  /** Passes on what has not been seen: the engine repeats the lines of the moment that it is asked from. */
  #counter(): (line: LogLine) => void {
    const { time, count } = this.#last;
    let repeated = 0;
    return (line) => {
      if (time !== '' && line.time !== '' && (line.time < time || (line.time === time && ++repeated <= count))) return;
      this.#last =
        line.time === this.#last.time
          ? { time: line.time, count: this.#last.count + 1 }
          : { time: line.time, count: 1 };
      this.#around.onLine(line);
    };
  }
}
