import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { config } from './config.ts';
import { type Context, correlation, traceparent, within } from './context.ts';
import type { Database } from './database.ts';
import { createIdempotency, fingerprintOf } from './idempotency.ts';
import { createLoad } from './load.ts';
import { describe, log } from './log.ts';
import { Problem, problemBody, Unavailable } from './problem.ts';
import { createRouter, type Route } from './router.ts';
import type { Answer, Call, Client, Tx } from './types.ts';

export interface ServerParts {
  readonly routes: readonly Route[];
  readonly database: Database | undefined;
  readonly client: Client;
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Why requests cannot be taken at all, such as a database that has not been migrated. */
  closed(): string | undefined;
  /** Why the replica is not ready. */
  trouble(): Promise<string | undefined>;
}

export interface HttpServer {
  readonly server: Server;
  /** No new connections; resolves when nothing is in flight. */
  drain(): Promise<void>;
}

interface Limits {
  readonly maxInFlight: number;
  readonly bodyLimit: number;
  readonly requestMs: number;
}

export function createHttp(parts: ServerParts): HttpServer {
  const limits: Limits = {
    maxInFlight: config.number('MAX_INFLIGHT', 256),
    bodyLimit: config.number('BODY_LIMIT', 1024 * 1024),
    requestMs: config.number('REQUEST_TIMEOUT_MS', 10_000),
  };
  const load = createLoad(limits.maxInFlight);
  const find = createRouter(parts.routes);
  const once = parts.database ? createIdempotency(parts.database) : undefined;
  let isDraining = false;

  const server = createServer((req, res) => void serve(req, res));
  // Longer than the edge keeps an idle connection (2 min): the side that reuses it must be the one that closes it.
  server.keepAliveTimeout = 125_000;
  server.requestTimeout = 30_000;

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const begin = performance.now();
    const url = new URL(req.url ?? '/', 'http://service');
    const isHealth = url.pathname === '/livez' || url.pathname === '/readyz';
    const gone = new AbortController();
    res.on('close', () => res.writableFinished || gone.abort());
    const asked = Number(first(req.headers['x-deadline']) || Number.NaN);
    const latest = Date.now() + limits.requestMs;
    const context: Context & { deadline: number; signal: AbortSignal } = {
      ...correlation(first(req.headers['x-request-id']), first(req.headers['traceparent'])),
      deadline: Number.isFinite(asked) ? Math.min(asked, latest) : latest,
      isRetried: first(req.headers['x-retries']) === '0',
      signal: gone.signal,
    };
    await within(context, async () => {
      const isCounted = !isHealth && !load.isFull;
      if (isCounted) load.enter();
      const answer = isHealth ? await health(url.pathname) : await reply(req, url, context, gone, isCounted);
      if (isCounted) load.leave((answer.status ?? 200) >= 500);
      send(req, res, answer, context);
      if (isHealth) return;
      const ms = Math.round((performance.now() - begin) * 10) / 10;
      const status = answer.status ?? 200;
      log[status >= 500 ? 'error' : 'info']('request', { method: req.method, path: url.pathname, status, ms });
    });
  }

  async function health(path: string): Promise<Answer> {
    if (path === '/livez') return { body: { status: 'alive' } };
    const why = isDraining ? 'draining' : load.isFull ? 'over its limit' : (parts.closed() ?? (await parts.trouble()));
    return why === undefined ? { body: { status: 'ready' } } : { status: 503, body: { status: 'not ready', why } };
  }

  async function reply(req: IncomingMessage, url: URL, context: Context & { deadline: number; signal: AbortSignal }, gone: AbortController, isCounted: boolean): Promise<Answer> {
    const timer = setTimeout(() => gone.abort(), Math.max(0, context.deadline - Date.now()));
    try {
      if (!isCounted) throw new Problem(429, `more than ${limits.maxInFlight} requests at once`, { headers: { 'retry-after': '1' } });
      const closed = parts.closed();
      if (closed !== undefined) throw new Problem(503, closed, { headers: { 'retry-after': '1' } });
      if (context.deadline <= Date.now()) throw late();
      return await Promise.race([handle(req, url, context), ended(context.signal)]);
    } catch (error) {
      return asAnswer(unavailableIf(error), url.pathname, context.requestId);
    } finally {
      clearTimeout(timer);
    }
  }

  const unavailableIf = (error: unknown) =>
    error instanceof Unavailable || !parts.database?.isUnavailable(error) ? error : new Unavailable(`the database does not answer: ${describe(error)}`, { cause: error });

  async function handle(req: IncomingMessage, url: URL, context: Context & { deadline: number; signal: AbortSignal }): Promise<Answer> {
    const method = req.method ?? 'GET';
    const { route, params } = find(method, url.pathname);
    const call = createCall(req, url, params, context);
    const key = first(req.headers['idempotency-key']);
    const run = async () => (await route.handler(call)) ?? { status: 204 };
    if (!route.options.idempotent) return run();
    if (key === undefined && route.options.requireKey) throw new Problem(400, 'send an Idempotency-Key');
    if (key === undefined || !once) return run();
    return once(`${method} ${route.pattern} ${key}`, fingerprintOf(method, url.pathname + url.search, await call.text()), run);
  }

  function createCall(req: IncomingMessage, url: URL, params: Record<string, string>, context: Context & { deadline: number; signal: AbortSignal }): Call {
    let body: Promise<string> | undefined;
    const text = () => (body ??= readBody(req, limits.bodyLimit));
    const { client, tx } = parts;
    return {
      method: req.method ?? 'GET', path: url.pathname, params, query: url.searchParams,
      headers: Object.fromEntries(Object.entries(req.headers).map(([name, value]) => [name, first(value) ?? ''])),
      requestId: context.requestId, traceId: context.traceId, deadline: context.deadline, signal: context.signal, log, text,
      json: async () => parse(await text()),
      tx, get: client.get, post: client.post, request: client.request,
    };
  }

  function send(req: IncomingMessage, res: ServerResponse, { status = 200, headers = {}, body }: Answer, context: Context): void {
    if (res.destroyed) return;
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const type = Object.keys(headers).find((name) => name.toLowerCase() === 'content-type');
    const content = body === undefined ? undefined : isRaw && type !== undefined ? Buffer.from(body as string) : Buffer.from(JSON.stringify(body));
    res.writeHead(status, {
      ...(content && type === undefined ? { 'content-type': status >= 400 ? 'application/problem+json' : 'application/json' } : {}),
      ...(status === 204 || status === 304 ? {} : { 'content-length': content?.length ?? 0 }),
      ...headers,
      'x-request-id': context.requestId,
      traceparent: traceparent(context),
      'endpoint-load-metrics': load.header(),
      // a body that nobody has read to its end must not be taken for the next request
      ...(isDraining || (status >= 400 && !req.complete) ? { connection: 'close' } : {}),
    });
    res.end(req.method === 'HEAD' ? undefined : content);
  }

  return {
    server,
    drain() {
      isDraining = true;
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

const first = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
const late = () => new Problem(504, 'not done before the deadline of this request');

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(late()), { once: true }));
}

function asAnswer(error: unknown, path: string, requestId: string): Answer {
  const problem = asProblem(error);
  if (problem.status === 500) log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  else if (problem.status > 500) log.warn(problem.message);
  return { status: problem.status, headers: problem.headers, body: problemBody(problem, path, requestId) };
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof Unavailable) return new Problem(503, error.message, { headers: { 'retry-after': '1' } });
  return new Problem(500, 'something went wrong here; the log has it under this request id');
}

function parse(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(400, 'the body is not JSON');
  }
}

async function readBody(req: IncomingMessage, limit: number): Promise<string> {
  const tooLong = () => new Problem(413, `the body is longer than ${limit} bytes`);
  if (Number(req.headers['content-length'] ?? 0) > limit) throw tooLong();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
