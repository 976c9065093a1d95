import { readFileSync } from 'node:fs';
import { type Agent, request } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';

export interface Question {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  /** The only authority that is trusted. */
  readonly caFile: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  /** Default GET. */
  readonly method?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

/** No resolver is asked: every name is this machine. */
const lookup: LookupFunction = (_, options, done) => {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};

/** One request over HTTPS, verified against the CA's root. Rejects with the error of the connection. */
export function ask({
  port,
  host,
  path,
  caFile,
  headers = {},
  agent,
  method = 'GET',
  body,
}: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(caFile);
    const all = body === undefined ? headers : { 'content-type': 'application/json', ...headers };
    const sent = request(
      { host, servername: host, port, path, method, headers: all, ca, lookup, agent: agent ?? false, timeout: 15_000 },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
        response.on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`${host}${path} did not answer within 15 s`)));
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export interface Visit {
  /** The status, or the code of the connection's error. */
  readonly outcome: string;
  readonly ms: number;
  readonly text: string;
}

export interface Visitor {
  readonly visits: readonly Visit[];
  /** Ends after the request that is under way. */
  leave(): Promise<readonly Visit[]>;
}

/** Asks again and again, one request after the other, each on a connection of its own, until told to leave. */
export function visit(question: Question): Visitor {
  const visits: Visit[] = [];
  let isLeaving = false;
  const done = (async () => {
    while (!isLeaving) {
      const began = performance.now();
      const { outcome, text } = await ask(question).then(
        (answer) => ({ outcome: String(answer.status), text: answer.text }),
        (error: NodeJS.ErrnoException) => ({ outcome: error.code ?? error.message, text: '' }),
      );
      visits.push({ outcome, text, ms: performance.now() - began });
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
  })();
  return {
    visits,
    async leave() {
      isLeaving = true;
      await done;
      return visits;
    },
  };
}

/** Opens a WebSocket and resolves with its connection, once the upgrade has been answered. */
export function upgrade({ port, host, path, caFile }: Question): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16, 7).toString('base64'),
    };
    const sent = request({
      host,
      servername: host,
      port,
      path,
      headers,
      ca: readFileSync(caFile),
      lookup,
      agent: false,
    });
    sent.on('upgrade', (_, socket: Socket) => resolve(socket));
    sent.on('response', (response) => reject(new Error(`the upgrade was answered with ${response.statusCode}`)));
    sent.on('error', reject);
    sent.end();
  });
}

/** Sends a word and resolves when it has come back. */
export function echo(socket: Socket, word: string, ms = 3000): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = '';
    const timer = setTimeout(() => end(() => reject(new Error(`no echo of ${word}`))), ms);
    const take = (chunk: Buffer): void => {
      seen += chunk.toString();
      if (seen.includes(word)) end(resolve);
    };
    const closed = (): void => end(() => reject(new Error('the connection was closed')));
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.off('data', take).off('close', closed);
      settle();
    };
    socket.on('data', take).on('close', closed);
    socket.write(word);
  });
}
