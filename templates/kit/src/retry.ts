/** How many more tries there may be: a fifth of the calls, and a few for those that call seldom. */
export function createBudget(share = 0.2, most = 10): { earn(): void; spend(): boolean } {
  let left = most;
  return {
    earn: () => void (left = Math.min(most, left + share)),
    spend: () => left >= 1 && ((left -= 1), true),
  };
}

/** Retry-After: seconds or a date; undefined where there is none. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (!value) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Asking twice does no more than asking once. */
export function isIdempotent(method: string, headers: Readonly<Record<string, string>>): boolean {
  return /^(GET|HEAD|PUT|DELETE|OPTIONS)$/.test(method) || Object.keys(headers).some((name) => name.toLowerCase() === 'idempotency-key');
}
