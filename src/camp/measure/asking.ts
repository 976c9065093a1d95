import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { Ms } from '../../kit/events.ts';
import { lookupLoopback } from '../../kit/loopback.ts';

/** One request and its answer; times are of the monotonic clock, `performance.now()`. */
export interface Asked {
  readonly id: string;
  readonly sentMs: Ms;
  readonly answeredMs: Ms;
  /** 0 where there was no answer. */
  readonly status: number;
  /** The first 64 KiB. */
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Asks through the edge as a client would, each request with an id of its own. */
export interface Asker {
  ask(url: string, asking?: Asking): Promise<Asked>;
  /** Ids of this asker begin so. */
  readonly prefix: string;
  close(): void;
}

const timeoutMs: Ms = 15_000;
const mostBody = 65_536;

/** Connections are verified against the one root; they are kept, so that what is measured is the service and not TLS. */
export function createAsker(caFile: string): Asker {
  const agent = new Agent({ keepAlive: true, ca: readFileSync(caFile), maxSockets: 256 });
  const prefix = `measure-${process.pid}-${Date.now().toString(36)}-`;
  let count = 0;
  return {
    prefix,
    ask(url, { method = 'GET', headers = {}, body } = {}) {
      count += 1;
      const id = `${prefix}${count}`;
      const sentMs = performance.now();
      return new Promise((resolve) => {
        const end = (status: number, text: string): void =>
          resolve({ id, sentMs, answeredMs: performance.now(), status, body: text });
        const asked = request(
          url,
          {
            method,
            agent,
            lookup: lookupLoopback,
            timeout: timeoutMs,
            headers: { accept: '*/*', ...headers, 'x-request-id': id },
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8');
            response.on('data', (chunk: string) => {
              if (text.length < mostBody) text += chunk;
            });
            response.once('end', () => end(response.statusCode ?? 0, text));
            response.once('error', () => end(0, text));
          },
        );
        asked.once('timeout', () => asked.destroy());
        asked.once('error', () => end(0, ''));
        asked.end(body);
      });
    },
    close: () => agent.destroy(),
  };
}
