import { BrokenCircuitError, BulkheadRejectedError, bulkhead, CircuitState, circuitBreaker, handleWhen, SamplingBreaker, wrap } from 'cockatiel';
import { log } from './log.ts';
import { createBudget } from './retry.ts';

/** Counts against the destination: it is slow, dead or broken. */
export class Strike extends Error {}

/** The destination is not asked: it has failed too often, or too many are asking already. */
export class NotAsked extends Error {
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

const openMs = 5_000;

export interface Destination {
  readonly name: string;
  readonly budget: ReturnType<typeof createBudget>;
  /** It has said 429 or 503: nobody asks before this, in epoch milliseconds. */
  notBefore: number;
  run<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * What is kept for each host and port: more than half of at least 20 calls in 10 s opens for 5 s, then one probe decides. The circuit
 * breaker and the bulkhead of Michael Nygard, Release It! (2nd edition, 2018), chapter 5; a share and not a number in a row, because of a busy
 * service some calls always fail.
 */
export function createDestination(origin: string): Destination {
  const name = nameOf(origin);
  const breaker = circuitBreaker(handleWhen((error) => error instanceof Strike), {
    halfOpenAfter: openMs,
    breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 }),
  });
  let openedAt = 0;
  breaker.onBreak(() => {
    openedAt = Date.now();
    log.warn(`${name} fails too often and is not asked for ${openMs / 1_000} s`, { dependency: name });
  });
  breaker.onReset(() => log(`${name} answers again`, { dependency: name }));
  const policy = wrap(breaker, bulkhead(64, 64));
  const notAsked = () => new NotAsked(`${name} fails too often and is not asked at the moment`, Math.max(1_000, openedAt + openMs - Date.now()));
  return {
    name,
    budget: createBudget(),
    notBefore: 0,
    async run(work) {
      // while one probe is out the others do not wait for it
      if (breaker.state === CircuitState.HalfOpen) throw notAsked();
      try {
        return await policy.execute(work);
      } catch (error) {
        if (error instanceof BrokenCircuitError) throw notAsked();
        if (error instanceof BulkheadRejectedError) throw new NotAsked(`too many calls to ${name} at once`, 1_000);
        throw error;
      }
    },
  };
}

/** As the project calls it: `stock` for STOCK_URL, else the host. */
function nameOf(origin: string): string {
  const variable = Object.entries(process.env).find(([key, value]) => key.endsWith('_URL') && value && URL.canParse(value) && new URL(value).origin === origin);
  return variable ? variable[0].slice(0, -'_URL'.length).toLowerCase().replaceAll('_', '-') : new URL(origin).host;
}
