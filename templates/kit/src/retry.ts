/**
 * "Full" and "equal" jitter of Marc Brooker, Exponential Backoff And Jitter (AWS Architecture Blog, 2015): those who
 * failed together do not come back together. Whole milliseconds: they end up in integer columns.
 */
export const fullJitter = (attempt: number, baseMs: number, capMs: number): number =>
  Math.round(Math.random() * exponential(attempt, baseMs, capMs));

/** Between half of it and all of it, where coming back at once would do harm. */
export const equalJitter = (attempt: number, baseMs: number, capMs: number): number =>
  Math.round((0.5 + Math.random() / 2) * exponential(attempt, baseMs, capMs));

const exponential = (attempt: number, baseMs: number, capMs: number): number =>
  Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 20));

/**
 * How many more tries there may be: a fifth of the calls, and ten for those that call seldom. Without it retries triple
 * the load of whoever cannot bear it already (Site Reliability Engineering, chapter 21; Finagle's RetryBudget).
 */
export function createBudget(): { earn(): void; spend(): boolean } {
  let left = 10;
  return {
    earn: () => void (left = Math.min(10, left + 0.2)),
    spend: () => left >= 1 && ((left -= 1), true),
  };
}

/** Retry-After (RFC 9110, 10.2.3): seconds or a date, as milliseconds from now; undefined where there is none. */
export function parseRetryAfter(value = '', now = Date.now()): number | undefined {
  const ms = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
