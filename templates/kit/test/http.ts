import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { within } from '../src/context.ts';
import { createService } from '../src/app.ts';
import { createClient } from '../src/client.ts';
import { createHttp, type State } from '../src/server.ts';
import type { Client } from '../src/types.ts';
import type { Route } from '../src/router.ts';

export interface Peer extends AsyncDisposable {
  readonly url: string;
  readonly requests: IncomingMessage[];
}

/** A dependency that does as it is told. */
export async function peer(answer: (req: IncomingMessage, res: ServerResponse, count: number) => void): Promise<Peer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((req, res) => {
    requests.push(req);
    answer(req, res, requests.length);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    requests,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** A service with these routes and a client of its own, as a process of its own would have. */
export async function host(routes: (client: Client) => Route[], state?: State): Promise<AsyncDisposable & { readonly url: string; readonly drain: () => Promise<void> }> {
  const client = createClient();
  const { parts, tx } = createService('host');
  parts.routes.push(...routes(client));
  const http = createHttp({ parts, tx, client }, state);
  await new Promise<void>((listening) => http.server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`,
    drain: http.drain,
    async [Symbol.asyncDispose]() {
      http.server.closeAllConnections();
      await http.drain();
    },
  };
}

/** As in a request that has so much time. */
export function withDeadline<T>(ms: number, work: () => Promise<T>, isRetried = false): Promise<T> {
  return within({ requestId: 'r-1', traceId: 'a'.repeat(32), deadline: Date.now() + ms, isRetried }, work);
}

export const json = (res: ServerResponse, status: number, body: unknown = {}, headers: Record<string, string> = {}) =>
  void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
