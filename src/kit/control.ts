import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { CampError, type Failure, failuresOf } from './failure.ts';
import { LineSplitter } from './lines.ts';

/**
 * The control protocol: JSON lines over a unix socket that only this user may open (0600 in a 0700 folder).
 * The client sends one request, `{"verb", "args"}`; the server answers with any number of `{"event"}` lines and
 * one last line, `{"result"}` or `{"failures"}`. A client that hangs up aborts its request.
 */
export interface ControlRequest {
  readonly verb: string;
  readonly args: unknown;
}

/** Sends an event; false when the reader is so far behind that the event was left out instead. */
export type Send = (event: unknown) => boolean;

export type ControlHandler = (request: ControlRequest, send: Send, signal: AbortSignal) => Promise<unknown>;

/** A reader that stands still must not fill the memory. */
const mostWaitingBytes = 4 * 1024 * 1024;

export interface ControlServer {
  close(): Promise<void>;
}

/** Listens at `path`; a socket file that is already there belongs to nobody any more (the lock says so). */
export function serveControl(path: string, answer: ControlHandler): Promise<ControlServer> {
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    const hungUp = new AbortController();
    socket.on('close', () => (open.delete(socket), hungUp.abort()));
    socket.on('error', () => undefined);
    const lines = new LineSplitter((line) => void serve(line, socket, answer, hungUp.signal));
    socket.on('data', (chunk: Buffer) => lines.push(chunk));
  });
  const umask = process.umask(0o177);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      try {
        chmodSync(path, 0o600);
      } catch {
        // a project that ends in this very moment has removed it; it had its mode from the mask anyway
      }
      resolve({
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            for (const socket of open) socket.destroySoon();
            rmSync(path, { force: true });
          }),
      });
    });
    // it is bound by now: no other file that is made meanwhile, and no child, may get this mask
    process.umask(umask);
  });
}

async function serve(line: string, socket: Socket, answer: ControlHandler, signal: AbortSignal): Promise<void> {
  const send = (value: unknown): void => {
    if (socket.writable) socket.write(`${JSON.stringify(value)}\n`);
  };
  try {
    const request = JSON.parse(line) as ControlRequest;
    const isBehind = (): boolean => socket.writableLength > mostWaitingBytes;
    const result = await answer(request, (event) => !isBehind() && (send({ event }), true), signal);
    send({ result: result ?? null });
  } catch (error) {
    send({ failures: failuresOf(error).map(plainFailure) });
  }
  socket.end();
}

/** A failure without what JSON cannot carry. */
export function plainFailure({ cause, ...rest }: Failure): Failure {
  return cause instanceof Error && rest.fault === 'bug'
    ? { ...rest, evidence: [...(rest.evidence ?? []), ...(cause.stack ?? '').split('\n')] }
    : rest;
}

/** Nobody listens at the control socket. */
export class NotListening extends Error {}

/** Asks the supervisor that listens at `path`. Throws its failures as CampError, NotListening when there is none. */
export function callControl(
  path: string,
  request: ControlRequest,
  onEvent: (event: unknown) => void,
  signal?: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const abort = (): void => {
      socket.destroy();
      reject(signal?.reason);
    };
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    const lines = new LineSplitter((line) => {
      const message = JSON.parse(line) as { event?: unknown; result?: unknown; failures?: Failure[] };
      if ('event' in message) onEvent(message.event);
      else if (message.failures) reject(new CampError(message.failures));
      else resolve(message.result);
    }, Number.POSITIVE_INFINITY);
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk: Buffer) => lines.push(chunk));
    socket.on('error', (error) => reject(new NotListening(error.message)));
    socket.on('close', () => {
      signal?.removeEventListener('abort', abort);
      reject(new NotListening('the supervisor ended'));
    });
  });
}
