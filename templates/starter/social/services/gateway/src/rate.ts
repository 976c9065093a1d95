/** One token bucket a key: `burst` at once, `perSecond` for ever. In memory: each replica counts for itself. */
export class RateLimit {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  readonly #perSecond: number;
  readonly #burst: number;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Takes a token; 0, or the seconds to wait before there is one. */
  take(key: string, now = performance.now()): number {
    const before = this.#buckets.get(key) ?? { tokens: this.#burst, at: now };
    const tokens = Math.min(this.#burst, before.tokens + ((now - before.at) / 1000) * this.#perSecond);
    // whoever was used last is last in the map, so that the oldest go first
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
    if (this.#buckets.size > 10_000) this.#buckets.delete(this.#buckets.keys().next().value ?? '');
    return tokens < 1 ? Math.ceil((1 - tokens) / this.#perSecond) : 0;
  }
}
