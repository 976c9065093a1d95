import { rmSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { maxSocketPath } from '../../kit/paths.ts';
import { parseHost } from './engine/host.ts';
import type { CreationRequest } from './engine/types.ts';

/** A socket between a program and the engine, at which is written down what the program has created. */
export interface Recorder {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** In the order in which they were made; undefined where repeating them alone would not do the same again. */
  requests(): readonly CreationRequest[] | undefined;
  close(): void;
}

/** `/v1.51/containers/create?name=shop-api-1` (https://docs.docker.com/reference/api/engine/) */
const creation = /^\/v[\d.]+\/(?:networks|containers)\/create(?:\?|$)/;

/**
 * Listens at `path` and passes all on to the engine at `host`. Undefined where that engine is at no socket of this machine,
 * or where there can be none at `path`. A path that is taken is taken over: nobody else uses it.
 */
export function startRecorder(host: string, path: string): Recorder | undefined {
  const engine = parseHost(host);
  if (engine.kind !== 'socket' || Buffer.byteLength(path) > maxSocketPath) return undefined;
  const { path: socketPath } = engine;
  const made: { readonly request: CreationRequest; readonly id: string }[] = [];
  let isWhole = true;
  const agent = new Agent({ keepAlive: true });

  async function pass(asked: IncomingMessage, answered: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = asked;
    const isCreation = method === 'POST' && creation.test(url);
    if (!isCreation && method !== 'GET' && method !== 'HEAD') isWhole = false;
    const onward = request({ agent, socketPath, method, path: url, headers });
    onward.on('error', () => answered.destroy());
    answered.once('close', () => onward.destroy());
    const answer = new Promise<IncomingMessage>((resolve) => onward.once('response', resolve));
    if (!isCreation) {
      asked.pipe(onward);
      const { statusCode = 502, headers: its } = await answer;
      answered.writeHead(statusCode, its).flushHeaders(); // what follows them may take its time
      pipeline(await answer, answered, () => undefined); // broken off, it breaks off here as well
      return;
    }
    const body = await buffer(asked);
    onward.end(body);
    const { statusCode = 502, headers: its } = await answer;
    const text = await buffer(await answer);
    if (statusCode === 201) note(url, body, text);
    else isWhole = false;
    answered.writeHead(statusCode, its).end(text);
  }

  function note(path: string, body: Buffer, answer: Buffer): void {
    const { Id: id } = JSON.parse(answer.toString('utf8')) as { readonly Id?: string };
    const text = body.toString('utf8');
    // what names a thing by an id that it has only this once
    if (id === undefined || made.some((one) => text.includes(one.id) || path.includes(one.id))) isWhole = false;
    else made.push({ request: { path, body: JSON.parse(text) as CreationRequest['body'] }, id });
  }

  const server = createServer((asked, answered) => void pass(asked, answered).catch(() => answered.destroy()));
  server.on('upgrade', (asked, socket: Socket, head) => {
    isWhole = false;
    passRaw(asked, socket, head, socketPath);
  });
  server.on('error', () => undefined); // told by what follows
  rmSync(path, { force: true });
  server.listen(path);
  // of a socket that is known at once: not every file system has them
  if (!server.listening) return undefined;
  return {
    host: `unix://${path}`,
    requests: () => (isWhole && made.length > 0 ? made.map((one) => one.request) : undefined),
    close() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}

/** A connection that stops being HTTP: whatever it is, it is between the two. */
function passRaw(asked: IncomingMessage, socket: Socket, head: Buffer, path: string): void {
  const onward = connect(path);
  const pairs = asked.rawHeaders.flatMap((name, at, all) => (at % 2 === 0 ? [`${name}: ${all[at + 1]}`] : []));
  onward.write([`${asked.method} ${asked.url} HTTP/1.1`, ...pairs, '', ''].join('\r\n'));
  onward.write(head);
  socket.pipe(onward).pipe(socket);
  socket.on('error', () => onward.destroy());
  onward.on('error', () => socket.destroy());
}
