import { type Context, currentOrNew, traceparent } from './context.ts';
import { log, describe } from './log.ts';
import { DependencyProblem } from './problem.ts';
import { createBudget, equalJitter, fullJitter, parseRetryAfter } from './retry.ts';
import type { Client, Reply } from './types.ts';
import { sleep } from './wait.ts';

export type Transport = (url: string, init: RequestInit) => Promise<Response>;

interface Ask {
  readonly url: string;
  readonly init: RequestInit & { readonly headers: Headers };
  readonly timeoutMs: number;
  readonly deadline: number;
  readonly context: Context;
}

const maxTries = 3;
const openMs = 5_000;

/**
 * One for the process: breakers and budgets are per destination, whoever asks. Only the outermost caller tries again and
 * the deadline goes along, so that a chain of calls ends and its tries do not multiply (Site Reliability Engineering,
 * chapter 22, "Cascading Failures").
 */
export function createClient(transport: Transport = fetch): Client {
  const destinations = new Map<string, Promise<Destination>>();

  const request: Client['request'] = async (method, to, options = {}) => {
    const { origin } = new URL(to);
    const opening = destinations.get(origin) ?? openDestination(origin);
    destinations.set(origin, opening);
    const destination = await opening;
    const context = currentOrNew();
    const now = Date.now();
    // a tenth, at most 100 ms, is kept back: whoever calls what is slow has time to say so before its own caller gives up
    const latest = context.deadline ?? now + 10_000;
    const deadline = context.deadline === undefined ? latest : latest - Math.min(100, Math.max(0, latest - now) / 10);
    const headers = new Headers({ accept: 'application/json', ...options.headers });
    const body = options.body === undefined ? null : JSON.stringify(options.body);
    if (body !== null) headers.set('content-type', 'application/json');
    if (options.idempotencyKey) headers.set('idempotency-key', options.idempotencyKey);
    headers.set('x-request-id', context.requestId);
    headers.set('x-deadline', String(Math.floor(deadline)));
    // whoever is called leaves the tries to us: through a chain of calls they would multiply
    headers.set('x-retries', '0');
    const init = { method: method.toUpperCase(), headers, body, redirect: 'manual' } as const;
    const ask = { url: String(to), init, deadline, context, timeoutMs: options.timeoutMs ?? 2_000 };
    // asking twice does no more than asking once: by its method (RFC 9110, 9.2.2), or because the receiver knows the key
    const isSafe = /^(GET|HEAD|PUT|DELETE|OPTIONS)$/.test(init.method) || headers.has('idempotency-key');

    destination.budget.earn();
    for (let tries = 1; ; tries++) {
      try {
        return await attempt(destination, ask, tries);
      } catch (error) {
        const pauseMs = pauseAfter(error, tries, isSafe);
        const isOver = context.isRetried || tries >= maxTries || context.signal?.aborted;
        if (isOver || pauseMs === undefined || Date.now() + pauseMs >= deadline) throw error;
        // a receiver that says when is not a failure: obeying it costs nothing of the budget
        if ((error as DependencyProblem).isStrike && !destination.budget.spend()) throw error;
        await sleep(pauseMs, context.signal);
      }
    }
  };

  async function attempt(to: Destination, ask: Ask, tries: number): Promise<Reply> {
    await obey(to, ask);
    const reply = await to.run(() => once(to.name, ask));
    if (!isThrottling(reply)) return reply;
    const waitMs = parseRetryAfter(reply.headers['retry-after']) ?? equalJitter(tries, 1_000, 10_000);
    to.notBefore = Math.max(to.notBefore, Date.now() + waitMs);
    const detail = `${to.name} is over its limit (${reply.status}) and asks to wait ${Math.ceil(waitMs / 1_000)} s`;
    throw new DependencyProblem(503, to.name, detail, { reply, waitMs });
  }

  async function once(name: string, { url, init, deadline, timeoutMs, context }: Ask): Promise<Reply> {
    const strike = (status: number, detail: string, reply?: Reply) =>
      new DependencyProblem(status, name, `${name} ${detail}`, { reply, isStrike: true });
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) throw new DependencyProblem(504, name, `no time left to ask ${name}: the deadline is over`);
    const limitMs = Math.ceil(Math.min(timeoutMs, leftMs)); // a timer takes no fractions, which a caller may send
    const time = AbortSignal.timeout(limitMs);
    const gone = context.signal;
    init.headers.set('traceparent', traceparent(context));
    let reply: Reply;
    try {
      const response = await transport(url, { ...init, signal: gone ? AbortSignal.any([time, gone]) : time });
      const { status, headers } = response;
      reply = { status, headers: Object.fromEntries(headers), body: (await response.text()) || undefined };
    } catch (error) {
      // that says nothing about the destination
      if (gone?.aborted && !time.aborted && Date.now() < deadline)
        throw new DependencyProblem(499, name, 'the caller has gone');
      if (time.aborted || gone?.aborted) throw strike(504, `did not answer within ${limitMs} ms`);
      throw strike(502, `cannot be reached: ${describe((error as Error).cause ?? error)}`);
    }
    try {
      const isJson = reply.body !== undefined && /\bjson\b/.test(reply.headers['content-type'] ?? '');
      if (isJson) reply = { ...reply, body: JSON.parse(reply.body) };
    } catch {
      throw strike(502, `answered ${reply.status}, but its JSON is broken`, reply);
    }
    if (reply.status < 500 || isThrottling(reply)) return reply;
    throw strike(502, `answered ${reply.status}${detailOf(reply)}`, reply);
  }

  /** The body of a 2xx; everything else is a problem of this service, with the answer in `reply`. */
  async function contentOf<T>(url: string | URL, asking: Promise<Reply<T>>): Promise<T> {
    const reply = await asking;
    if (reply.status >= 200 && reply.status < 300) return reply.body;
    const name = nameOf(new URL(url).origin);
    throw new DependencyProblem(502, name, `${name} answered ${reply.status}${detailOf(reply)}`, { reply });
  }

  return {
    request,
    get: (url, options) => contentOf(url, request('GET', url, options)),
    post: (url, body, options) => contentOf(url, request('POST', url, { ...options, body })),
  };
}

/** 429 and 503 are answers that stop everybody who asks the same. */
async function obey(to: Destination, { deadline, timeoutMs, context }: Ask): Promise<void> {
  const waitMs = to.notBefore - Date.now();
  if (waitMs <= 0) return;
  // an event's handler has a transaction open, and the broker can wait without: not longer than one try may take
  const isTooLong = context.isRetried && context.open && waitMs > timeoutMs;
  if (isTooLong || Date.now() + waitMs >= deadline) {
    const detail = `${to.name} asked to wait ${Math.ceil(waitMs / 1_000)} s, longer than this request has`;
    throw new DependencyProblem(503, to.name, detail, { waitMs });
  }
  await sleep(waitMs + Math.random() * 50, context.signal);
}

/** Until the next try, in milliseconds; undefined where there must be none. 429 says that nothing was done. */
function pauseAfter(error: unknown, tries: number, isSafe: boolean): number | undefined {
  if (!(error instanceof DependencyProblem)) return undefined;
  if (error.isStrike) return isSafe ? fullJitter(tries, 100, 10_000) : undefined;
  return isSafe || error.reply?.status === 429 ? error.reply && error.waitMs : undefined;
}

const isThrottling = ({ status, headers }: Reply): boolean =>
  status === 429 || (status === 503 && headers['retry-after'] !== undefined);

function detailOf({ body }: Reply): string {
  return typeof body?.detail === 'string' ? `: ${body.detail.slice(0, 200)}` : '';
}

type Destination = Awaited<ReturnType<typeof openDestination>>;

/**
 * What is kept for each host and port: more than half of at least 20 calls in 10 s opens for 5 s, then one probe decides.
 * The circuit breaker and the bulkhead of Michael Nygard, Release It!, chapter 5; a share and not a number in a row,
 * because of a busy service some calls always fail. The library is loaded with the first call.
 */
async function openDestination(origin: string) {
  const { BrokenCircuitError, bulkhead, CircuitState, circuitBreaker, handleWhen, SamplingBreaker, wrap } =
    await import('cockatiel');
  const name = nameOf(origin);
  const breaker = circuitBreaker(
    handleWhen((error) => error instanceof DependencyProblem && error.isStrike),
    { halfOpenAfter: openMs, breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 }) },
  );
  let openedAt = 0;
  breaker.onBreak(() => {
    openedAt = Date.now();
    log.warn(`${name} fails too often and is not asked for ${openMs / 1_000} s`, { dependency: name });
  });
  breaker.onReset(() => log(`${name} answers again`, { dependency: name }));
  const policy = wrap(breaker, bulkhead(64, 64));
  const notAsked = () => {
    const waitMs = Math.max(1_000, openedAt + openMs - Date.now());
    return new DependencyProblem(503, name, `${name} fails too often and is not asked at the moment`, { waitMs });
  };
  return {
    name,
    budget: createBudget(),
    /** It has said 429 or 503: nobody asks before this, in epoch milliseconds. */
    notBefore: 0,
    async run<T>(work: () => Promise<T>): Promise<T> {
      if (breaker.state === CircuitState.HalfOpen) throw notAsked(); // the others do not wait for the one probe
      try {
        return await policy.execute(work);
      } catch (error) {
        if (error instanceof DependencyProblem) throw error;
        if (error instanceof BrokenCircuitError) throw notAsked();
        throw new DependencyProblem(503, name, `too many calls to ${name} at once`, { waitMs: 1_000 });
      }
    },
  };
}

/** As the project calls it: `stock` for STOCK_URL, else the host. */
function nameOf(origin: string): string {
  const urls = Object.entries(process.env).filter(([key, value]) => key.endsWith('_URL') && URL.canParse(value ?? ''));
  const variable = urls.find(([, value]) => new URL(value ?? '').origin === origin)?.[0];
  return variable?.slice(0, -'_URL'.length).toLowerCase().replaceAll('_', '-') ?? new URL(origin).host;
}
