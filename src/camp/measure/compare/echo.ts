import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Endpoints } from './types.ts';

/** What an echo says of the request that reached it. */
export interface Echoed {
  readonly replica: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** Stand-ins for the replicas of a project that tell what they were asked, and send back what a WebSocket sends. */
export interface Echoes extends AsyncDisposable {
  readonly endpoints: Endpoints;
  /** Ends one replica as a kill would; `revive` brings it back. */
  kill(replica: string): Promise<void>;
  revive(replica: string): Promise<void>;
}

/** A header of every echo, for sites that take it off. */
export const toHide = 'x-powered-by';

/** RFC 6455, section 1.3. */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** One for each endpoint, on a port of its own. */
export async function startEchoes(endpoints: Endpoints): Promise<Echoes> {
  const running = new Map<string, Echo>();
  const own: { -readonly [K in keyof Endpoints[number]]: Endpoints[number][K] }[] = [];
  for (const endpoint of endpoints) {
    const id =
      endpoint.containerPort === undefined ? endpoint.replica : `${endpoint.replica}:${endpoint.containerPort}`;
    const echo = new Echo(id);
    await echo.listen();
    running.set(id, echo);
    own.push({ ...endpoint, replica: id, address: `127.0.0.1:${echo.port}` });
  }
  return {
    endpoints: own,
    kill: async (replica) => running.get(replica)?.end(),
    revive: async (replica) => running.get(replica)?.listen(),
    async [Symbol.asyncDispose]() {
      for (const echo of running.values()) await echo.end();
    },
  };
}

class Echo {
  readonly #replica: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;

  constructor(replica: string) {
    this.#replica = replica;
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      const said: Echoed = { replica: this.#replica, path: request.url ?? '', headers: flat(request) };
      const body = Buffer.from(JSON.stringify(said).padEnd(2000));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length, [toHide]: 'echo' });
      response.end(body);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex) => answerUpgrade(request, socket));
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)));
    this.#server = undefined;
  }
}

function flat({ headers }: IncomingMessage): Echoed['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value?.toString()]));
}

/** Sends back whatever comes, frames and all: masked frames are not what a server sends, but the same bytes. */
export function answerUpgrade(request: IncomingMessage, socket: Duplex): void {
  const accept = acceptOf(String(request.headers['sec-websocket-key']));
  socket.on('error', () => socket.destroy());
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.pipe(socket);
}
