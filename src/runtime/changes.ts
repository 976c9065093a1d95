import type { Ms } from '../kit/events.ts';

/** Whoever waits for something to become different. */
export class Changes {
  readonly #watchers = new Set<() => void>();

  /** Something is different now. */
  tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Calls back at each change until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Resolves at the next change that `matches`, or after `ms`; rejects with the signal's reason. */
  next(ms: Ms, signal: AbortSignal, matches: () => boolean = () => true): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        unwatch();
        settle();
      };
      const abort = (): void => end(() => reject(signal.reason));
      const timer = setTimeout(() => end(resolve), ms);
      const unwatch = this.watch(() => {
        if (matches()) end(resolve);
      });
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }
}
