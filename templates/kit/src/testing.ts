import type { AddressInfo } from 'node:net';
import { type App, inside } from './app.ts';
import { createTransact, lazyClient, subscriptions } from './assemble.ts';
import { covers, type Subscription } from './broker.ts';
import { captureLog } from './log.ts';
import { openSqlite } from './sqlite.ts';
import { migrate } from './migrate.ts';
import { createHttp } from './server.ts';
import type { Answer, DeadLetter, Envelope, Reply, Tx } from './types.ts';
import { transact } from './unit.ts';

export interface SentCall {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: any;
}

export interface TestEnv {
  request<T = any>(method: string, path: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<Reply<T>>;
  /** An event from outside; resolves when it was handled, twice, and whatever it caused. */
  deliver(type: string, data: unknown, envelope?: Partial<Envelope>): Promise<void>;
  /** What was emitted, in order; all of it, or those of one type. */
  events(type?: string): Envelope[];
  /** What was given up, with the reason. */
  deadLetters(): DeadLetter[];
  /** The answer to an outgoing call: an Answer, or a function of the call. The last that fits is taken. */
  answer(method: string, url: string, answer: Answer | ((call: SentCall) => Answer | Promise<Answer>)): void;
  readonly calls: SentCall[];
  /** The lines of the log, which tests do not print. */
  logs(): Record<string, any>[];
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Lets the clock of sagas jump. */
  advance(ms: number): Promise<void>;
  /** Until everything emitted has been handled. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const mostDeliveries = 50;

interface Stub {
  readonly method: string;
  readonly url: string;
  readonly answer: Answer | ((call: SentCall) => Answer | Promise<Answer>);
}

/** Services whose test has not closed them. */
const open = new Map<readonly string[], string>();
let isWatched = false;

/** What went wrong in the service whose test failed before it could close it. */
function showIfFailed(): void {
  if (isWatched || process.env['KIT_LOG']) return; // then it has been printed
  isWatched = true;
  process.once('exit', (code) => {
    if (code === 0) return;
    for (const [lines, service] of open) {
      const worst = lines.filter((line) => /"level":"(warn|error)"/.test(line)).slice(-5);
      if (worst.length > 0) process.stderr.write(`${service} said:\n${worst.join('\n')}\n`);
    }
    process.stderr.write('KIT_LOG=1 shows what the services said\n');
  });
}

/** Runs an app with nothing installed: SQLite in memory, and a broker that delivers every message twice. */
export async function testEnv(app: App): Promise<TestEnv> {
  const declared = inside(app).declared();
  const service = declared.name;
  const database = declared.database ? openSqlite(':memory:') : undefined;
  const emitted: Envelope[] = [];
  const letters: DeadLetter[] = [];
  const calls: SentCall[] = [];
  const stubs: Stub[] = [];
  const lines: string[] = [];
  captureLog((line) => void lines.push(line));
  open.set(lines, service);
  showIfFailed();
  let skew = 0;
  const now = () => Date.now() + skew;

  if (database) await migrate(database, declared.database?.migrations);
  const tx = createTransact(service, database, () => {});
  const subscribed = database ? subscriptions(app, { service, database, kick: () => {}, backoff: () => 0 }) : [];
  const client = lazyClient(async () => (await import('./client.ts')).createClient(outgoing));
  inside(app).bind({ database, client, tx, now });
  const http = createHttp({ routes: declared.routes, database, client, tx, closed: () => undefined, trouble: async () => undefined });
  // a test that fails before it closes its environment must not keep the others from ending
  http.server.on('connection', (socket) => socket.unref());
  await new Promise<void>((listening) => http.server.listen(0, '127.0.0.1', listening));
  http.server.unref();
  const base = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`;

  async function outgoing(url: string, init: RequestInit): Promise<Response> {
    const call: SentCall = { method: init.method ?? 'GET', url, headers: { ...(init.headers as Record<string, string>) }, body: init.body ? JSON.parse(String(init.body)) : undefined };
    calls.push(call);
    const stub = stubs.findLast((each) => each.method === call.method && each.url === url);
    if (!stub) throw new Error(`no answer for ${call.method} ${url}: say env.answer('${call.method}', '${url}', …) in the test`);
    const { status = 200, headers = {}, body } = typeof stub.answer === 'function' ? await stub.answer(call) : stub.answer;
    return new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
  }

  /** Until done, then once more: a consumer that minds is a bug that only shows in production otherwise. */
  async function handle(subscription: Subscription, event: Envelope): Promise<void> {
    let first: string | undefined;
    for (let deliveries = 1; ; deliveries++) {
      const verdict = await subscription.handle({ ...event, deliveries });
      // what waits for something that is away would wait for ever here
      if (verdict.kind === 'again') {
        first ??= verdict.reason;
        if (deliveries === mostDeliveries) throw new Error(`${subscription.consumer} is not done with ${event.type} after ${deliveries} deliveries: ${first}`);
        continue;
      }
      if (verdict.kind === 'dead') letters.push(verdict.letter);
      else await subscription.handle({ ...event, deliveries: deliveries + 1 });
      return;
    }
  }

  async function dispatch(event: Envelope): Promise<void> {
    for (const subscription of subscribed) if (covers(subscription.type, event.type)) await handle(subscription, event);
  }

  async function settle(): Promise<void> {
    for (;;) {
      if (!database) return;
      const rows = await transact(database, async (session) => {
        const found = await session.query<{ body: string }>('select body from camp_outbox order by position');
        await session.query('delete from camp_outbox', []);
        return found;
      });
      if (rows.length === 0) return;
      for (const { body } of rows) {
        const event = JSON.parse(body) as Envelope;
        emitted.push(event);
        await dispatch(event);
      }
    }
  }

  return {
    calls,
    logs: () => lines.map((line) => JSON.parse(line)),
    async request(method, path, { body, headers = {} } = {}) {
      const response = await fetch(base + path, {
        method, headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
      await settle();
      return { status: response.status, headers: Object.fromEntries(response.headers), body: isJson && text !== '' ? JSON.parse(text) : text === '' ? undefined : text };
    },
    async deliver(type, data, envelope = {}) {
      const traceId = crypto.randomUUID().replaceAll('-', '');
      await dispatch({
        id: crypto.randomUUID(), source: 'test', time: new Date().toISOString(), requestId: traceId, traceparent: `00-${traceId}-${traceId.slice(0, 16)}-01`, ...envelope, type, data,
      });
      await settle();
    },
    events: (type) => emitted.filter((event) => type === undefined || event.type === type),
    deadLetters: () => [...letters],
    answer: (method, url, answer) => void stubs.push({ method: method.toUpperCase(), url, answer }),
    tx: async (work) => {
      const result = await tx(work);
      await settle();
      return result;
    },
    async advance(ms) {
      skew += ms;
      if (!database) return;
      const parts = { service, database, now, kick: () => {} };
      for (const saga of declared.sagas) while ((await saga.tick(parts)) > 0);
      await settle();
    },
    settle,
    async close() {
      open.delete(lines);
      http.server.closeAllConnections();
      await http.drain();
      for (const stop of declared.stops) await stop();
      await database?.close();
    },
  };
}
