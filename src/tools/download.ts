import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Ms } from '../kit/events.ts';

const connectTimeoutMs: Ms = 8000;
const idleTimeoutMs: Ms = 30_000;
const maxRedirects = 5;
const maxBytes = 200 * 1024 * 1024;

export interface Download {
  readonly content: Buffer;
  readonly sha512: string;
}

/**
 * Fetches a URL into memory, following redirects to https only (and to http where the first URL is, which only
 * tests use). Throws an Error in plain words; `env` may name a proxy (HTTPS_PROXY), which recent Nodes honour.
 */
export async function download(url: string, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Download> {
  let current = new URL(url);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const response = await get(current, env, signal);
    const location = response.headers.location;
    if ((response.statusCode ?? 0) >= 300 && (response.statusCode ?? 0) < 400 && location !== undefined) {
      response.resume();
      const next = new URL(location, current);
      if (next.protocol !== 'https:' && next.protocol !== new URL(url).protocol)
        throw new Error(`redirected to ${next.protocol}`);
      current = next;
      continue;
    }
    if (response.statusCode !== 200) {
      response.resume();
      throw new Error(`${current.host} answered ${response.statusCode}`);
    }
    return await read(response, current.host);
  }
  throw new Error('redirected too often');
}

async function get(url: URL, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<IncomingMessage> {
  const { request, Agent } = url.protocol === 'http:' ? await import('node:http') : await import('node:https');
  // `proxyEnv` is known from Node 24.5 on and ignored before.
  const agent = new Agent({ proxyEnv: env } as object);
  return await new Promise((resolve, reject) => {
    const asked = request(url, { agent, signal, headers: { 'user-agent': 'camp', accept: '*/*' } }, (response) => {
      clearTimeout(connecting);
      resolve(response);
    });
    const connecting = setTimeout(
      () => asked.destroy(new Error(`${url.host} is not reachable (no answer within ${connectTimeoutMs / 1000} s)`)),
      connectTimeoutMs,
    );
    // whoever takes the connection may think about the answer for longer
    asked.on('socket', (socket) => {
      if (!socket.connecting) clearTimeout(connecting);
      socket.once('connect', () => clearTimeout(connecting));
    });
    asked.setTimeout(idleTimeoutMs, () => asked.destroy(new Error(`${url.host} stopped sending`)));
    asked.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(connecting);
      reject(error.code ? new Error(`${url.host} is not reachable (${error.code})`, { cause: error }) : error);
    });
    asked.end();
  });
}

async function read(response: IncomingMessage, host: string): Promise<Download> {
  const hash = createHash('sha512');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`${host} sends more than ${maxBytes} bytes`);
    hash.update(chunk);
    chunks.push(chunk);
  }
  const expected = Number(response.headers['content-length'] ?? size);
  if (size !== expected) throw new Error(`${host} sent ${size} of ${expected} bytes`);
  return { content: Buffer.concat(chunks), sha512: hash.digest('hex') };
}
