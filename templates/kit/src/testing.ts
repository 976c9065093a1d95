import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { App } from './app.ts';
import { toReply } from './client.ts';
import { type Consumer, createConsumers } from './consumer.ts';
import { correlation, traceparent } from './context.ts';
import { toStdout, writeLog } from './log.ts';
import { migrate } from './migrate.ts';
import { createHttp } from './server.ts';
import { openSqlite } from './sqlite.ts';
import type { Answer, CallOptions, DeadLetter, Event, Reply, Transact } from './types.ts';

export interface SentCall {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: any;
}

type Stub = Answer | ((call: SentCall) => Answer | Promise<Answer>);

export type TestEnv = Awaited<ReturnType<typeof testEnv>>;

const mostDeliveries = 50;
const json = { 'content-type': 'application/json' };

/** What went wrong in the services whose test failed before it could close them. */
const open = new Map<readonly string[], string>();
process.once('exit', (code) => {
  if (code === 0 || process.env['KIT_LOG']) return; // then it has been printed
  for (const [lines, service] of open) {
    const worst = lines.filter((line) => /"level":"(warn|error)"/.test(line)).slice(-5);
    if (worst.length > 0) process.stderr.write(`${service} said:\n${worst.join('\n')}\n`);
  }
  process.stderr.write('KIT_LOG=1 shows what the services said\n');
});

/** Runs an app with nothing installed: SQLite in memory, and a broker that delivers every message twice. */
export async function testEnv(app: App) {
  const { parts } = app;
  const database = parts.database && openSqlite(':memory:', app.name);
  const emitted: Event[] = [];
  const letters: DeadLetter[] = [];
  const calls: SentCall[] = [];
  const stubs = new Map<string, Stub>();
  const lines: string[] = [];
  writeLog((line) => {
    lines.push(line);
    if (process.env['KIT_LOG']) toStdout(line);
  });
  open.set(lines, app.name);
  let skew = 0;
  parts.runtime = { database, transport, now: () => Date.now() + skew };

  if (database) await migrate(database, parts.database?.migrations);
  const consumers = database ? createConsumers(parts.handled, database) : [];
  const http = createHttp(app);
  // a test that fails before it closes its environment must not keep the others from ending
  http.server.on('connection', (socket) => socket.unref()).unref();
  await once(http.server.listen(0, '127.0.0.1'), 'listening');
  const base = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`;

  async function transport(url: string, { method = 'GET', headers, body: sent }: RequestInit): Promise<Response> {
    const body = sent ? JSON.parse(String(sent)) : undefined;
    const call = { method, url, headers: Object.fromEntries(headers as Headers), body };
    calls.push(call);
    const stub = stubs.get(`${method} ${url}`);
    if (!stub) throw new Error(`no answer for ${method} ${url}: say env.answer('${method}', '${url}', …) in the test`);
    const { body: content, status = 200, ...more } = typeof stub === 'function' ? await stub(call) : stub;
    const text = content === undefined ? null : JSON.stringify(content);
    return new Response(text, { status, headers: { ...json, ...more.headers } });
  }

  /** Until done, then once more: a consumer that minds is a bug that only shows in production otherwise. */
  async function handle(consumer: Consumer, event: Event): Promise<void> {
    let reason = '';
    for (let deliveries = 1; deliveries <= mostDeliveries; deliveries++) {
      const verdict = await consumer.handle(event, deliveries);
      if (verdict.kind === 'dead') return void letters.push(verdict.letter);
      if (verdict.kind === 'done') return void (await consumer.handle(event, deliveries + 1));
      reason ||= verdict.reason;
    }
    // what waits for something that is away would wait for ever here
    throw new Error(`${consumer.name} is not done with ${event.type} after ${mostDeliveries} deliveries: ${reason}`);
  }

  async function dispatch(event: Event): Promise<void> {
    for (const consumer of consumers) if (consumer.type === event.type) await handle(consumer, event);
  }

  async function settle(): Promise<void> {
    for (;;) {
      const rows = await database?.query('delete from camp_outbox returning position, body');
      if (!rows?.length) return;
      for (const { body } of rows.sort((a, b) => a.position - b.position)) {
        emitted.push(JSON.parse(body));
        await dispatch(JSON.parse(body));
      }
    }
  }

  return {
    /** What was asked of other services. */
    calls,
    /** Until everything emitted has been handled. */
    settle,
    /** The lines of the log, which tests do not print. */
    logs: (): Record<string, any>[] => lines.map((line) => JSON.parse(line)),
    /** What was emitted, in order; all of it, or those of one type. */
    events: (type?: string): Event[] => emitted.filter((event) => type === undefined || event.type === type),
    /** What was given up, with the reason. */
    deadLetters: (): DeadLetter[] => letters,
    /** The answer to an outgoing call: an Answer, or a function of the call. The last one counts. */
    answer: (method: string, url: string, answer: Stub) => void stubs.set(`${method.toUpperCase()} ${url}`, answer),
    async request<T = any>(method: string, path: string, options: CallOptions = {}): Promise<Reply<T>> {
      const { body = null, headers } = options;
      const content = body === null || typeof body === 'string' ? body : JSON.stringify(body);
      const response = await fetch(base + path, { method, headers: { ...json, ...headers }, body: content });
      const reply = await toReply(response);
      await settle();
      return reply;
    },
    /** An event from outside; resolves when it was handled, twice, and whatever it caused. */
    async deliver(type: string, data: unknown, more: Partial<Event> = {}): Promise<void> {
      const id = crypto.randomUUID();
      const ids = { requestId: id, traceparent: traceparent(correlation(id)) };
      await dispatch({ id, source: 'test', time: new Date().toISOString(), ...ids, ...more, type, data });
      await settle();
    },
    tx: (async (work) => {
      const result = await app.tx(work);
      await settle();
      return result;
    }) as Transact,
    /** Lets the clock of sagas jump. */
    async advance(ms: number): Promise<void> {
      skew += ms;
      for (const saga of parts.sagas) while (database && (await saga.tick(database)));
      await settle();
    },
    async close(): Promise<void> {
      open.delete(lines);
      http.server.closeAllConnections();
      await http.drain();
      await database?.close();
    },
  };
}
