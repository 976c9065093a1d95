import type { IncomingMessage, RequestOptions } from 'node:http';
import { Agent, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Ms } from '../../../kit/events.ts';
import { CampError } from '../../../kit/failure.ts';
import { hangs, refused, unreachable } from './failures.ts';
import type { EngineAddress } from './types.ts';

/** One request, as dockerode words it. */
export interface Request {
  readonly method: string;
  /** A `?` at the end: `options` are the query, else the body; both are in it as `_query` and `_body`. */
  readonly path: string;
  readonly options?: Readonly<Record<string, unknown>>;
  /** Body as it is, a tar archive. */
  readonly file?: Uint8Array;
  readonly hijack?: boolean;
}

/** How a request is carried. */
export interface Carriage {
  /** Words for the failure: `start a container`. */
  readonly purpose: string;
  /** `json`: the whole answer, parsed. `stream`: resolves at its beginning; reading it is the caller's. */
  readonly answer: 'json' | 'stream';
  readonly deadlineMs: Ms;
  /** An engine that is busy with just this, and answers others meanwhile, is given several deadlines. */
  readonly isPatient?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Where requests go: what `http.request` needs to get there. */
export interface Route {
  readonly address: EngineAddress;
  readonly target: RequestOptions;
  readonly isTls: boolean;
  /** Before every path: `/v1.41`. */
  readonly prefix: string;
}

/** Without one Node works it out of the host, for plain HTTP too, with an expression that takes it 5 ms to compile. */
const noServerName = { servername: '' };

// agents of our own, so that no proxy of the environment gets between (NODE_USE_ENV_PROXY changes the global ones)
const plain = { request: httpRequest, agent: new Agent({ keepAlive: false }) };
let secure: typeof plain | undefined;

/** Loaded when it is needed: TLS costs twice what the rest of this does. */
async function overTls(): Promise<typeof plain> {
  if (secure) return secure;
  const https = await import('node:https');
  secure = { request: https.request, agent: new https.Agent({ keepAlive: false }) };
  return secure;
}

/**
 * Sends one request; the answer is JSON, or a stream. Throws what failures.ts builds; the signal's reason as it is.
 * In the place of docker-modem, whose promise never settles when the engine dies in the middle of an answer.
 */
export async function dial(route: Route, request: Request, how: Carriage): Promise<unknown> {
  if (how.signal?.aborted) throw explain(route.address, undefined, how.signal);
  const late = new AbortController();
  const signal = how.signal ? AbortSignal.any([how.signal, late.signal]) : late.signal;
  const transport = route.isTls ? await overTls() : plain;
  const endWatch = watchDeadline(how.deadlineMs, {
    isAnswering: async (until) => {
      if (!how.isPatient) return false;
      const answer = (await send(route, ping, until, transport)) as IncomingMessage;
      answer.resume();
      return answer.statusCode === 200;
    },
    onLate: (ms) => late.abort(hangs(route.address, ms)),
  });
  try {
    const answer = await send(route, request, signal, transport);
    if (!('statusCode' in answer)) return answer;
    const status = answer.statusCode ?? 0;
    // 304: it is in the wanted state already
    if (status >= 300 && status !== 304) throw refused(how.purpose, { status, message: wordsOf(await textOf(answer)) });
    return how.answer === 'stream' ? answer : parse(await textOf(answer));
  } catch (error) {
    throw explain(route.address, error, signal);
  } finally {
    endWatch();
  }
}

const ping: Request = { method: 'GET', path: '/_ping' };
/** So many deadlines go by before an engine that answers others is given up, too. */
const mostDeadlines = 6;
/** The last part of a deadline is for looking whether the engine answers at all. */
const pingShare = 0.3;

/**
 * Tells when a call is late: at its deadline when the engine answers nobody, later when it does. An engine holds back
 * whoever asks for a container that it is busy with, for half a minute on a machine with much to do. Returns how to end it.
 */
function watchDeadline(
  deadlineMs: Ms,
  to: { isAnswering(until: AbortSignal): Promise<boolean>; onLate(afterMs: Ms): void },
): () => void {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const wait = (round: number): void => {
    timer = setTimeout(() => void look(round), deadlineMs * (1 - pingShare));
  };
  const look = async (round: number): Promise<void> => {
    const until = AbortSignal.any([over.signal, AbortSignal.timeout(deadlineMs * pingShare)]);
    const isAnswering = round < mostDeadlines && (await to.isAnswering(until).catch(() => false));
    if (over.signal.aborted) return;
    if (isAnswering) return wait(round + 1);
    timer = setTimeout(() => to.onLate(deadlineMs * round), until.aborted ? 0 : deadlineMs * pingShare);
  };
  wait(1);
  return () => {
    over.abort();
    clearTimeout(timer);
  };
}

/** What a broken stream or request means. A caller whose time is over has waited for the engine, too. */
export function explain(address: EngineAddress, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return isTimeout(signal.reason) ? hangs(address) : signal.reason;
  return error instanceof CampError ? error : unreachable(address, error);
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

function send(
  route: Route,
  request: Request,
  signal: AbortSignal,
  transport: typeof plain,
): Promise<IncomingMessage | Socket> {
  const body = bodyOf(request);
  return new Promise((resolve, reject) => {
    const sent = transport.request({
      ...(route.isTls ? {} : noServerName),
      ...route.target,
      agent: transport.agent,
      method: request.method,
      path: route.prefix + pathOf(request),
      headers: {
        ...(body ? { 'content-type': body.type, 'content-length': body.bytes.byteLength } : {}),
        ...(request.hijack ? { connection: 'Upgrade', upgrade: 'tcp' } : {}),
      },
    });
    const end = (): void => void sent.destroy(signal.reason as Error);
    signal.addEventListener('abort', end, { once: true });
    sent.on('close', () => signal.removeEventListener('abort', end));
    sent.on('error', reject);
    sent.on('upgrade', (_answer, socket: Socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    sent.on('response', resolve);
    sent.end(body?.bytes);
  });
}

function bodyOf(request: Request): { readonly type: string; readonly bytes: Uint8Array } | undefined {
  if (request.file) return { type: 'application/x-tar', bytes: request.file };
  if (request.method !== 'POST') return undefined;
  const body = request.options?.['_body'] ?? (request.path.endsWith('?') ? undefined : request.options);
  return body ? { type: 'application/json', bytes: Buffer.from(JSON.stringify(body)) } : undefined;
}

function pathOf({ path, options }: Request): string {
  if (!path.endsWith('?')) return path;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options?.['_query'] ?? options ?? {}))
    if (value !== undefined) query.set(name, typeof value === 'object' ? JSON.stringify(value) : String(value));
  return query.size === 0 ? path.slice(0, -1) : path + query.toString();
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw Object.assign(new Error(`not JSON: ${text.slice(0, 200)}`, { cause }), { code: 'garbage' });
  }
}

function wordsOf(text: string): string {
  try {
    const { message, cause } = JSON.parse(text) as { message?: unknown; cause?: unknown };
    return String(message ?? cause ?? text);
  } catch {
    return text.trim().slice(0, 2000);
  }
}
