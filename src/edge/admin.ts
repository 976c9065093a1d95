import { type IncomingMessage, request } from 'node:http';
import type { Ms } from '../kit/events.ts';
import type { Json } from './json.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
}

/** Caddy's admin endpoint on a unix socket; node:http because the global fetch is answered 403. */
export interface Admin {
  /** Rejects with a system error (ECONNREFUSED, ENOENT) or `TimeoutError` after `timeoutMs`. */
  ask(method: 'GET' | 'POST', path: string, options: AskOptions): Promise<AdminAnswer>;
}

export interface AskOptions {
  readonly timeoutMs: Ms;
  readonly signal?: AbortSignal;
  readonly body?: string;
  readonly contentType?: string;
}

/** @param socket path of the socket as this process reaches it */
export function createAdmin(socket: string): Admin {
  return {
    ask(method, path, { timeoutMs, signal, body, contentType }) {
      return new Promise((resolve, reject) => {
        const headers = contentType === undefined ? {} : { 'content-type': contentType };
        const timeout = setTimeout(() => asked.destroy(timedOut(path)), timeoutMs);
        const asked = request(
          { socketPath: socket, method, path, headers, agent: false, ...(signal ? { signal } : {}) },
          (response) => {
            void textOf(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
          },
        );
        asked.on('error', reject);
        asked.on('close', () => clearTimeout(timeout));
        asked.end(body);
      });
    },
  };
}

function timedOut(path: string): Error {
  const error = new Error(`caddy did not answer ${path}`);
  error.name = 'TimeoutError';
  return error;
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The words of an error answer: Caddy sends `{"error": "..."}`. */
export function errorOf(answer: AdminAnswer): string {
  try {
    const parsed = JSON.parse(answer.text) as { error?: unknown };
    if (typeof parsed.error === 'string') return parsed.error;
  } catch {
    // not JSON: the text itself is all there is
  }
  return answer.text.trim() || `status ${answer.status}`;
}

export function jsonOf(answer: AdminAnswer): Json {
  return JSON.parse(answer.text) as Json;
}
