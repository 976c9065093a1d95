/** Resolves after `ms`, or at once when the signal is aborted. Never rejects. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
    function end(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    }
  });
}

/** Rejects with what `late` makes when the work takes longer; the work itself goes on. */
export async function atMost<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), ms);
  work.catch(() => {}); // when it fails after the time
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Exponential, between half of it and all of it. Whole milliseconds, as every pause here: they end up in integer columns. */
export function equalJitter(attempt: number, baseMs: number, capMs: number): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 20));
  return Math.round(full / 2 + (Math.random() * full) / 2);
}

/** Exponential, anywhere between nothing and all of it. */
export function fullJitter(attempt: number, baseMs: number, capMs: number): number {
  return Math.round(Math.random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 20)));
}
