import { currentOrNew, traceparent } from './context.ts';
import { createDestination, type Destination, NotAsked, Strike } from './destination.ts';
import { describe } from './log.ts';
import { DependencyProblem } from './problem.ts';
import { equalJitter, fullJitter, isIdempotent, parseRetryAfter } from './retry.ts';
import type { CallOptions, Client, Reply } from './types.ts';
import { sleep } from './wait.ts';

export type Transport = (url: string, init: RequestInit) => Promise<Response>;

interface Ask {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  readonly timeoutMs: number;
  readonly deadline: number;
}

type Outcome = { readonly reply: Reply } | { readonly problem: DependencyProblem; readonly delayMs: number | undefined; readonly isTold?: boolean };

const maxTries = 3;
const defaultTimeoutMs = 2_000;
const defaultDeadlineMs = 10_000;

/**
 * Kept back from the time that is left, at each link of a chain: whoever calls what is slow has still time to say so, before the one who
 * called it gives up too and names the wrong service.
 */
const reserve = (leftMs: number): number => Math.min(100, Math.floor(Math.max(0, leftMs) / 10));

/**
 * One for the process: breakers and budgets are per destination, whoever asks. Only the outermost caller tries again and the deadline goes
 * along, so that a chain of calls ends and its tries do not multiply (Site Reliability Engineering, chapter 22, "Cascading Failures").
 */
export function createClient(transport: Transport = (url, init) => fetch(url, init)): Client {
  const destinations = new Map<string, Destination>();

  async function request<T>(method: string, to: string | URL, options: CallOptions & { body?: unknown } = {}): Promise<Reply<T>> {
    const { destination, ask } = prepare(method.toUpperCase(), String(to), options);
    const mayRetry = !currentOrNew().isRetried;
    destination.budget.earn();
    for (let tries = 1; ; tries++) {
      const result = await attempt(destination, ask, tries);
      if ('reply' in result) return result.reply as Reply<T>;
      const { problem, delayMs } = result;
      const isOver = !mayRetry || tries >= maxTries || delayMs === undefined || Date.now() + delayMs >= ask.deadline;
      if (isOver || currentOrNew().signal?.aborted) throw problem;
      // a receiver that says when is not a failure: obeying it costs nothing of the budget
      if (!result.isTold && !destination.budget.spend()) throw problem;
      await sleep(delayMs, currentOrNew().signal);
    }
  }

  async function attempt(destination: Destination, ask: Ask, tries: number): Promise<Outcome> {
    const { name } = destination;
    const isSafe = isIdempotent(ask.method, ask.headers);
    try {
      await obey(destination, ask);
      const reply = await destination.run(() => once(destination, ask));
      if (!isThrottling(reply)) return { reply };
      const waitMs = parseRetryAfter(reply.headers['retry-after'], Date.now()) ?? equalJitter(tries, 1_000, 10_000);
      destination.notBefore = Math.max(destination.notBefore, Date.now() + waitMs);
      const problem = new DependencyProblem(503, name, `${name} is over its limit (${reply.status}) and asks to wait ${Math.ceil(waitMs / 1_000)} s`, reply, waitMs);
      // 429 says that nothing was done
      return { problem, delayMs: isSafe || reply.status === 429 ? waitMs : undefined, isTold: true };
    } catch (error) {
      if (error instanceof NotAsked) return { problem: new DependencyProblem(503, name, error.message, undefined, error.retryAfterMs), delayMs: undefined };
      if (!(error instanceof Strike)) throw error;
      return { problem: strikeProblem(name, error), delayMs: isSafe ? fullJitter(tries, 100, 10_000) : undefined };
    }
  }

  function prepare(method: string, url: string, options: CallOptions & { body?: unknown }): { destination: Destination; ask: Ask } {
    const { origin } = new URL(url);
    let destination = destinations.get(origin);
    if (!destination) destinations.set(origin, (destination = createDestination(origin)));
    const context = currentOrNew();
    const deadline = context.deadline === undefined ? Date.now() + defaultDeadlineMs : context.deadline - reserve(context.deadline - Date.now());
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers = {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(options.idempotencyKey ? { 'idempotency-key': options.idempotencyKey } : {}),
      ...options.headers,
      'x-request-id': context.requestId,
      'x-deadline': String(Math.floor(deadline)),
      // whoever is called leaves the tries to us: through a chain of calls they would multiply
      'x-retries': '0',
    };
    return { destination, ask: { method, url, headers, body, deadline, timeoutMs: options.timeoutMs ?? defaultTimeoutMs } };
  }

  async function once({ name }: Destination, ask: Ask): Promise<Reply> {
    const left = ask.deadline - Date.now();
    if (left <= 0) throw new DependencyProblem(504, name, `no time left to ask ${name}: the deadline is over`);
    const limit = Math.ceil(Math.min(ask.timeoutMs, left)); // a timer takes no fractions, which a caller may send
    const time = AbortSignal.timeout(limit);
    const { signal } = currentOrNew();
    try {
      const response = await transport(ask.url, {
        method: ask.method, headers: { ...ask.headers, traceparent: traceparent(currentOrNew()) }, body: ask.body ?? null, redirect: 'manual',
        signal: signal ? AbortSignal.any([time, signal]) : time,
      });
      const reply = await read(response);
      if (response.status >= 500 && !isThrottling(reply)) throw new Strike('', { cause: reply });
      return reply;
    } catch (error) {
      if (error instanceof Strike) throw error;
      // the caller has gone: that says nothing about the destination
      if (signal?.aborted && !time.aborted && Date.now() < ask.deadline) throw new DependencyProblem(499, name, 'the caller has gone');
      if (time.aborted || signal?.aborted) throw new Strike(`${name} did not answer within ${limit} ms`);
      throw new Strike(`${name} cannot be reached: ${describe((error as Error).cause ?? error)}`, { cause: 'unreachable' });
    }
  }

  /** 429 and 503 are answers that stop everybody who asks the same. */
  async function obey(destination: Destination, ask: Ask): Promise<void> {
    const wait = destination.notBefore - Date.now();
    if (wait <= 0) return;
    // an event's handler has a transaction open, and the broker can wait without: longer than one try may take is not waited for here
    const { isRetried, unit } = currentOrNew();
    const isTooLong = isRetried && unit?.isOpen && wait > ask.timeoutMs;
    if (Date.now() + wait >= ask.deadline || isTooLong) {
      throw new DependencyProblem(503, destination.name, `${destination.name} asked to wait ${Math.ceil(wait / 1_000)} s, longer than this request has`, undefined, wait);
    }
    await sleep(wait + Math.random() * 50, currentOrNew().signal);
  }

  const nameFor = (url: string | URL) => destinations.get(new URL(url).origin)?.name ?? String(url);

  return {
    request,
    get: async (url, options) => content(await request('GET', url, options), nameFor(url)),
    post: async (url, body, options) => content(await request('POST', url, { ...options, body }), nameFor(url)),
  };
}

const isThrottling = ({ status, headers }: Reply) => status === 429 || (status === 503 && headers['retry-after'] !== undefined);

function strikeProblem(name: string, { message, cause }: Strike): DependencyProblem {
  if (cause === 'unreachable') return new DependencyProblem(502, name, message);
  if (cause === undefined) return new DependencyProblem(504, name, message);
  const reply = cause as Reply;
  return new DependencyProblem(502, name, `${name} answered ${reply.status}${message ? `, but ${message}` : detailOf(reply)}`, reply);
}

/** The body of a 2xx; everything else is a problem of this service, with the answer in `reply`. */
function content<T>(reply: Reply<T>, name: string): T {
  if (reply.status >= 200 && reply.status < 300) return reply.body;
  throw new DependencyProblem(502, name, `${name} answered ${reply.status}${detailOf(reply)}`, reply);
}

function detailOf({ body }: Reply): string {
  const detail = (body as { detail?: unknown } | undefined)?.detail;
  return typeof detail === 'string' ? `: ${detail.slice(0, 200)}` : '';
}

async function read(response: Response): Promise<Reply> {
  const headers = Object.fromEntries(response.headers);
  const text = await response.text();
  const isJson = /\bjson\b/.test(headers['content-type'] ?? '');
  if (!isJson) return { status: response.status, headers, body: text === '' ? undefined : text };
  try {
    return { status: response.status, headers, body: JSON.parse(text) };
  } catch {
    // an answer all the same: whoever asks again gets it again
    throw new Strike('its JSON is broken', { cause: { status: response.status, headers, body: text } satisfies Reply });
  }
}
