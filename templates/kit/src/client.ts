import { currentOrNew, traceparent } from './context.ts';
import { describe, log } from './log.ts';
import { DependencyProblem } from './problem.ts';
import { createBudget, equalJitter, fullJitter, parseRetryAfter } from './retry.ts';
import type { CallOptions, Client, Reply } from './types.ts';
import { sleep } from './wait.ts';

export type Transport = (url: string, init: RequestInit) => Promise<Response>;

const maxTries = 3;
const openMs = 5_000;
const leastMs = 100;

/**
 * One for the process: breakers and budgets are per destination, whoever asks. Only the outermost caller tries again,
 * and the deadline goes along: a chain of calls ends, and its tries do not multiply (Site Reliability Engineering,
 * chapter 22, "Cascading Failures").
 */
export function createClient(transport: Transport = fetch): Client {
  const destinations = new Map<string, Promise<Destination>>();

  async function request(method: string, url: string | URL, options: CallOptions = {}): Promise<Reply> {
    const { origin } = new URL(url);
    const opening = destinations.get(origin) ?? openDestination(origin);
    destinations.set(origin, opening);
    const to = await opening;
    const ask = prepare(method.toUpperCase(), String(url), options);
    const { context, deadline, init } = ask;
    // asking twice does no more than once: by its method (RFC 9110, 9.2.2), or because the receiver knows the key
    const isSafe = /^(GET|HEAD|PUT|DELETE|OPTIONS)$/.test(init.method) || init.headers.has('idempotency-key');
    to.budget.earn();
    for (let tries = 1; ; tries++) {
      try {
        await obey(to, ask);
        return await to.run(() => once(to, ask, tries));
      } catch (error) {
        const pauseMs = pauseAfter(error, tries, isSafe);
        const isOver = context.isRetried || tries >= maxTries || context.signal?.aborted;
        // with next to no time left, a try says less than the last one did
        if (isOver || pauseMs === undefined || Date.now() + pauseMs + leastMs >= deadline) throw error;
        // a receiver that says when is not a failure: obeying it costs nothing of the budget
        if ((error as DependencyProblem).isStrike && !to.budget.spend()) throw error;
        await sleep(pauseMs, context.signal);
      }
    }
  }

  async function once(to: Destination, ask: Ask, tries: number): Promise<Reply> {
    const { url, init, deadline, timeoutMs } = ask;
    const { name } = to;
    const strike = (status: number, detail: string, reply?: Reply) =>
      new DependencyProblem(status, name, `${name} ${detail}`, { reply, isStrike: true });
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) throw new DependencyProblem(504, name, `no time left to ask ${name}: the deadline is over`);
    const limitMs = Math.ceil(Math.min(timeoutMs, leftMs)); // a timer takes no fractions, which a caller may send
    const time = AbortSignal.timeout(limitMs);
    const gone = ask.context.signal;
    const signal = gone ? AbortSignal.any([time, gone]) : time;
    const asked = transport(url, { ...init, redirect: 'manual', signal }).then(toReply);
    const reply = await asked.catch((error) => {
      // that says nothing about the destination
      const isGone = gone?.aborted && !time.aborted && Date.now() < deadline;
      if (isGone) throw new DependencyProblem(499, name, 'the caller has gone');
      if (signal.aborted) throw strike(504, `did not answer within ${limitMs} ms`);
      throw strike(502, `cannot be reached: ${describe(error.cause ?? error)}`);
    });
    const { status } = reply;
    if (reply.body instanceof SyntaxError) throw strike(502, `answered ${status}, but its JSON is broken`, reply);
    const retryAfter = reply.headers['retry-after'];
    if (status !== 429 && (status !== 503 || retryAfter === undefined)) {
      if (status >= 500) throw strike(502, `answered ${status}${detailOf(reply)}`, reply);
      return reply;
    }
    const waitMs = parseRetryAfter(retryAfter) ?? equalJitter(tries, 1_000, 10_000);
    to.notBefore = Math.max(to.notBefore, Date.now() + waitMs);
    const detail = `${name} is over its limit (${status}) and asks to wait ${Math.ceil(waitMs / 1_000)} s`;
    throw new DependencyProblem(503, name, detail, { reply, waitMs });
  }

  /** The body of a 2xx; everything else is a problem of this service, with the answer in `reply`. */
  async function content(method: string, url: string | URL, options?: CallOptions): Promise<any> {
    const reply = await request(method, url, options);
    if (reply.status >= 200 && reply.status < 300) return reply.body;
    const name = nameOf(new URL(url).origin);
    throw new DependencyProblem(502, name, `${name} answered ${reply.status}${detailOf(reply)}`, { reply });
  }

  return {
    request,
    get: (url, options) => content('GET', url, options),
    post: (url, body, options) => content('POST', url, { ...options, body }),
  };
}

type Ask = ReturnType<typeof prepare>;

function prepare(method: string, url: string, { body, headers, idempotencyKey, timeoutMs = 2_000 }: CallOptions) {
  const context = currentOrNew();
  const latest = context.deadline ?? Date.now() + 10_000;
  // some of it is kept back: whoever calls what is slow has time to say so before its own caller gives up
  const deadline = context.deadline ? latest - Math.min(100, Math.max(0, latest - Date.now()) / 10) : latest;
  const all = new Headers({ accept: 'application/json', 'content-type': 'application/json', ...headers });
  if (idempotencyKey) all.set('idempotency-key', idempotencyKey);
  all.set('x-request-id', context.requestId);
  all.set('traceparent', traceparent(context));
  all.set('x-deadline', String(Math.floor(deadline)));
  // whoever is called leaves the tries to us: through a chain of calls they would multiply
  all.set('x-retries', '0');
  const init = { method, headers: all, body: body === undefined ? null : JSON.stringify(body) };
  return { url, init, deadline, context, timeoutMs };
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

function detailOf({ body }: Reply): string {
  return typeof body?.detail === 'string' ? `: ${body.detail.slice(0, 200)}` : '';
}

/** JSON as what it says, anything else as text. */
export async function toReply(response: Response): Promise<Reply> {
  const { status, headers } = response;
  const text = await response.text();
  const isJson = text !== '' && /\bjson\b/.test(headers.get('content-type') ?? '');
  return { status, headers: Object.fromEntries(headers), body: isJson ? parse(text) : text || undefined };
}

/** What it says; a SyntaxError where it is no JSON. */
export function parse(text: string): any {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

type Destination = Awaited<ReturnType<typeof openDestination>>;

/**
 * What is kept for each host and port: more than half of at least 20 calls in 10 s failing opens for 5 s, then one
 * probe decides (circuit breaker and bulkhead of Michael Nygard, Release It!, chapter 5). A share and not a number in
 * a row, because of a busy service some calls always fail. The library is loaded with the first call.
 */
async function openDestination(origin: string) {
  const cockatiel = await import('cockatiel');
  const name = nameOf(origin);
  const strikes = cockatiel.handleWhen((error) => error instanceof DependencyProblem && error.isStrike === true);
  const sampling = new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 });
  const breaker = cockatiel.circuitBreaker(strikes, { halfOpenAfter: openMs, breaker: sampling });
  const policy = cockatiel.wrap(breaker, cockatiel.bulkhead(64, 64));
  let openedAt = 0;
  breaker.onBreak(() => {
    openedAt = Date.now();
    log.warn(`${name} fails too often and is not asked for ${openMs / 1_000} s`, { dependency: name });
  });
  breaker.onReset(() => log(`${name} answers again`, { dependency: name }));
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
      if (breaker.state === cockatiel.CircuitState.HalfOpen) throw notAsked(); // nobody waits for the one probe
      return policy.execute(work).catch((error) => {
        if (cockatiel.isBrokenCircuitError(error)) throw notAsked();
        if (!cockatiel.isBulkheadRejectedError(error)) throw error;
        throw new DependencyProblem(503, name, `too many calls to ${name} at once`, { waitMs: 1_000 });
      });
    },
  };
}

/** As the project calls it: `stock` for STOCK_URL, else the host. */
function nameOf(origin: string): string {
  const isIt = (key: string) => key.endsWith('_URL') && URL.parse(process.env[key] ?? '')?.origin === origin;
  const variable = Object.keys(process.env).find(isIt);
  return variable?.slice(0, -'_URL'.length).toLowerCase().replaceAll('_', '-') ?? new URL(origin).host;
}
