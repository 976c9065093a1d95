import { setTimeout as timer } from 'node:timers/promises';
import { createPatientLog, describe } from './log.ts';

/** Resolves after `ms`, or at once when the signal is aborted. */
export const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  timer(ms, undefined, { signal }).catch(() => {});

export type Queue = <T>(work: () => Promise<T>) => Promise<T>;

/** Runs one after the other. */
export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
}

export type Loop = ReturnType<typeof repeat>;

/** Does work again and again, with the pause in milliseconds that it asks for. What fails is said and tried again. */
export function repeat(what: string, work: () => Promise<number>) {
  const complain = createPatientLog();
  let isStopping = false;
  let pause = new AbortController();

  async function run(): Promise<void> {
    while (!isStopping) {
      const ms = await work().catch((error) => {
        complain(`${what} at the moment: ${describe(error)}`);
        return 500;
      });
      await sleep(ms, pause.signal);
      pause = new AbortController();
    }
  }
  const running = run();
  return {
    /** Do not pause: there is something to do. */
    kick: () => pause.abort(),
    /** Resolves when the work in hand is done. */
    stop(): Promise<void> {
      isStopping = true;
      pause.abort();
      return running;
    },
  };
}
