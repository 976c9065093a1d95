/**
 * Exponential, anywhere between nothing and all of it: those who failed together do not come back together. "Full jitter" of
 * Marc Brooker, Exponential Backoff And Jitter (AWS Architecture Blog, 2015). Whole milliseconds, as every pause here: they end up in
 * integer columns.
 */
export function fullJitter(attempt: number, baseMs: number, capMs: number): number {
  return Math.round(Math.random() * exponential(attempt, baseMs, capMs));
}

/** Between half of it and all of it, where coming back at once would do harm ("equal jitter" of the same source). */
export function equalJitter(attempt: number, baseMs: number, capMs: number): number {
  const full = exponential(attempt, baseMs, capMs);
  return Math.round(full / 2 + (Math.random() * full) / 2);
}

const exponential = (attempt: number, baseMs: number, capMs: number): number => Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 20));

/**
 * How many more tries there may be: a fifth of the calls, and a few for those that call seldom. Without one, retries triple the load of
 * whoever cannot bear it already. A token bucket as Finagle's RetryBudget, whose 20 % it has; the reasons are in Site Reliability
 * Engineering (Google, 2016), chapter 21, "Handling Overload".
 */
export function createBudget(share = 0.2, most = 10): { earn(): void; spend(): boolean } {
  let left = most;
  return {
    earn: () => void (left = Math.min(most, left + share)),
    spend: () => left >= 1 && ((left -= 1), true),
  };
}

/** Retry-After (RFC 9110, 10.2.3): seconds or a date, as milliseconds from now; undefined where there is none. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (!value) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Asking twice does no more than asking once: by its method (RFC 9110, 9.2.2), or because the receiver knows the key. */
export function isIdempotent(method: string, headers: Readonly<Record<string, string>>): boolean {
  return /^(GET|HEAD|PUT|DELETE|OPTIONS)$/.test(method) || Object.keys(headers).some((name) => name.toLowerCase() === 'idempotency-key');
}
