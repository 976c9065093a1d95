import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { App } from './app.ts';
import { parse } from './client.ts';
import { config } from './config.ts';
import { type Context, correlation, traceparent, within } from './context.ts';
import { createIdempotency } from './idempotency.ts';
import { describe, log, since } from './log.ts';
import { DependencyProblem, Problem, Unavailable } from './problem.ts';
import { createRouter } from './router.ts';
import type { Answer } from './types.ts';

export interface State {
  /** Why requests cannot be taken at all, such as a database that has not been migrated. */
  closed?(): string | undefined;
  /** Why the replica is not ready. */
  trouble?(): Promise<string | undefined>;
}

type RequestContext = Context & Required<Pick<Context, 'deadline' | 'signal'>>;

const soon = { headers: { 'retry-after': '1' } };
const late = () => new Problem(504, 'not done before the deadline of this request');

/** Of an app that has its runtime: what it says of its routes, over HTTP. */
export function createHttp({ parts, client, tx }: Pick<App, 'parts' | 'client' | 'tx'>, state: State = {}) {
  const maxInFlight = config.number('MAX_INFLIGHT', 256);
  const bodyLimit = config.number('BODY_LIMIT', 1024 * 1024);
  const requestMs = config.number('REQUEST_TIMEOUT_MS', 10_000);
  const find = createRouter(parts.routes);
  const database = parts.runtime?.database;
  const idempotently = database && createIdempotency(database);
  const begun: number[] = []; // when the requests of the last second began
  let inFlight = 0;
  let isDraining = false;

  const server = createServer((req, res) => void serve(req, res));
  // Longer than the edge keeps an idle connection (2 min): the side that reuses it must be the one that closes it.
  server.keepAliveTimeout = 125_000;
  server.requestTimeout = 30_000;

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const begin = performance.now();
    const url = new URL(`http://service${req.url}`);
    const header = (name: string) => req.headers[name] as string | undefined;
    const ended = new AbortController();
    res.on('close', () => res.writableFinished || ended.abort());
    const asked = Number(header('x-deadline') || Number.NaN);
    const context = {
      ...correlation(header('x-request-id'), header('traceparent')),
      deadline: Math.min(Date.now() + requestMs, Number.isFinite(asked) ? asked : Number.POSITIVE_INFINITY),
      isRetried: header('x-retries') === '0',
      signal: ended.signal,
    };
    await within(context, async () => {
      if (/^\/(livez|readyz)$/.test(url.pathname)) return send(req, res, context, await health(url.pathname));
      begun.push(begin);
      inFlight += 1;
      const timer = setTimeout(() => ended.abort(), Math.max(0, context.deadline - Date.now()));
      const answer = await reply(req, url, context).catch((error) => refusal(error, url, context));
      clearTimeout(timer);
      inFlight -= 1;
      const { status = 200 } = answer;
      const more = { method: req.method, path: url.pathname, status, ms: since(begin) };
      log[status >= 500 ? 'error' : 'info']('request', more);
      send(req, res, context, answer);
    });
  }

  async function health(path: string): Promise<Answer> {
    if (path === '/livez') return { body: { status: 'alive' } };
    const full = inFlight >= maxInFlight ? 'over its limit' : undefined;
    const why = isDraining ? 'draining' : (full ?? state.closed?.() ?? (await state.trouble?.()));
    return why === undefined ? { body: { status: 'ready' } } : { status: 503, body: { status: 'not ready', why } };
  }

  async function reply(req: IncomingMessage, url: URL, context: RequestContext): Promise<Answer> {
    if (inFlight > maxInFlight) throw new Problem(429, `more than ${maxInFlight} requests at once`, soon);
    const why = state.closed?.();
    if (why !== undefined) throw new Problem(503, why, soon);
    if (context.deadline <= Date.now()) throw late();
    const { promise: ended, reject } = Promise.withResolvers<never>();
    context.signal.addEventListener('abort', () => reject(late()));
    return Promise.race([handle(req, url, context), ended]);
  }

  async function handle(req: IncomingMessage, url: URL, context: RequestContext): Promise<Answer> {
    const { method = 'GET' } = req;
    const { pathname: path, searchParams: query, search } = url;
    const { route, params } = find(method, path);
    const headers = req.headers as Record<string, string>;
    let body: Promise<string> | undefined;
    const text = () => (body ??= readBody(req, bodyLimit));
    const json = async () => {
      const value = parse(await text());
      if (value instanceof SyntaxError) throw new Problem(400, 'the body is not JSON');
      return value;
    };
    const call = { ...context, ...client, method, path, params, query, headers, log, text, json, tx };
    const run = async () => (await route.handler(call)) ?? { status: 204 };
    const key = headers['idempotency-key'];
    if (!route.idempotent || key === undefined || !idempotently) return run();
    return idempotently(`${method} ${route.pattern} ${key}`, [method, path + search, await text()], run);
  }

  function refusal(error: unknown, { pathname: instance }: URL, { requestId }: Context): Answer {
    const { status, message: detail, headers } = asProblem(error);
    if (status === 500) log.error(String((error as Error)?.stack ?? error));
    else if (status > 500) log.warn(detail);
    const dependency = error instanceof DependencyProblem ? error.dependency : undefined;
    const title = STATUS_CODES[status] ?? 'Error';
    return { status, headers, body: { type: 'about:blank', title, status, detail, instance, requestId, dependency } };
  }

  function asProblem(error: unknown): Problem {
    if (error instanceof Problem) return error;
    if (error instanceof Unavailable) return new Problem(503, error.message, soon);
    if (database?.isPassing(error)) return new Problem(503, `the database does not answer: ${describe(error)}`, soon);
    return new Problem(500, 'something went wrong here; the log has it under this request id');
  }

  function send(req: IncomingMessage, res: ServerResponse, context: Context, answer: Answer): void {
    if (res.destroyed) return;
    const { status = 200, headers = {}, body } = answer;
    const type = new Headers(headers).get('content-type');
    const isRaw = type !== null && (typeof body === 'string' || body instanceof Uint8Array);
    const content = body === undefined ? '' : Buffer.from(isRaw ? (body as string) : JSON.stringify(body));
    res.writeHead(status, {
      ...(content ? { 'content-type': `application/${status >= 400 ? 'problem+json' : 'json'}` } : {}),
      ...(status === 204 || status === 304 ? {} : { 'content-length': content.length }),
      ...headers,
      'x-request-id': context.requestId,
      traceparent: traceparent(context),
      'endpoint-load-metrics': metrics(),
      // a body that nobody has read to its end must not be taken for the next request
      ...(isDraining || (status >= 400 && !req.complete) ? { connection: 'close' } : {}),
    });
    res.end(req.method === 'HEAD' ? undefined : content);
  }

  /** How busy this replica is, for those that share out requests: the ORCA header. */
  function metrics(): string {
    while (begun[0] !== undefined && begun[0] < performance.now() - 1_000) begun.shift();
    const utilization = (inFlight / maxInFlight).toFixed(3);
    return `TEXT application_utilization=${utilization}, rps_fractional=${begun.length.toFixed(2)}`;
  }

  return {
    server,
    /** No new connections; resolves when nothing is in flight. */
    drain(): Promise<void> {
      isDraining = true;
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function readBody(req: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let left = limit;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    left -= chunk.length;
    if (left < 0) throw new Problem(413, `the body is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
