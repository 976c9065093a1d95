import { randomBytes } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Ms } from '../../../kit/events.ts';
import { trusting, type Where } from './ask.ts';
import { acceptOf } from './echo.ts';

const timeoutMs: Ms = 2000;

function opened(where: Where, host: string, options: ConnectionOptions): Promise<TLSSocket | string> {
  return new Promise((resolve) => {
    const context = trusting(where.caFile);
    if (!context) return resolve('its authority has made no certificate yet');
    const trust = options.maxVersion === undefined ? { secureContext: context } : { rejectUnauthorized: false };
    const socket = connect({ host: '127.0.0.1', port: where.https, servername: host, ...trust, ...options });
    const timer = setTimeout(() => socket.destroy(new Error('no answer within 2 s')), timeoutMs);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve(error.code ?? error.message);
    });
    socket.once('close', () => resolve('closed'));
  });
}

/** Opens a WebSocket and sends one frame of text, which must come back; undefined where it does, else why not. */
export async function webSocketProblem(where: Where, host: string, path: string): Promise<string | undefined> {
  const socket = await opened(where, host, { ALPNProtocols: ['http/1.1'] });
  if (typeof socket === 'string') return socket;
  const key = randomBytes(16).toString('base64');
  // a frame of text with its mask (RFC 6455, section 5.2), which the echo sends back as it is
  const mask = randomBytes(4);
  const text = Buffer.from('camp');
  const frame = Buffer.concat([
    Buffer.from([0x81, 0x80 | text.length]),
    mask,
    text.map((byte, i) => byte ^ (mask[i % 4] ?? 0)),
  ]);
  try {
    return await new Promise((resolve) => {
      let got = Buffer.alloc(0);
      const timer = setTimeout(() => resolve(got.length > 0 ? firstLine(got) : 'no answer within 2 s'), timeoutMs);
      const settle = (problem: string | undefined): void => {
        clearTimeout(timer);
        resolve(problem);
      };
      socket.on('data', (part: Buffer) => {
        got = Buffer.concat([got, part]);
        const end = got.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = got.subarray(0, end).toString('latin1');
        if (!head.startsWith('HTTP/1.1 101 ')) settle(firstLine(got));
        else if (!head.includes(acceptOf(key))) settle('the answer to the key is another one');
        else if (got.subarray(end + 4).includes(frame)) settle(undefined);
      });
      socket.on('error', (error) => settle(error.message));
      socket.on('close', () => settle('closed before the frame came back'));
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: ${host}:${where.https}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
      );
      // after the handshake, as a client does
      socket.once('data', () => socket.write(frame));
    });
  } finally {
    socket.destroy();
  }
}

function firstLine(got: Buffer): string {
  return got.toString('latin1').split('\r\n')[0] ?? '';
}

/** A request in HTTP/2; undefined where it is answered, else why not. */
export async function http2Problem(where: Where, host: string, path: string): Promise<string | undefined> {
  const socket = await opened(where, host, { ALPNProtocols: ['h2'] });
  if (typeof socket === 'string') return socket;
  if (socket.alpnProtocol !== 'h2') {
    socket.destroy();
    return 'HTTP/2 is not offered';
  }
  return await new Promise((resolve) => {
    const session = connectHttp2(`https://${host}:${where.https}`, { createConnection: () => socket });
    const end = (problem: string | undefined): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(problem);
    };
    const timer = setTimeout(() => end('no answer within 2 s'), timeoutMs);
    session.on('error', (error) => end(error.message));
    const stream = session.request({ ':path': path });
    stream.on('error', (error) => end(error.message));
    stream.on('response', () => end(undefined));
  });
}

/** Whether a client that knows nothing newer than TLS 1.1 (forbidden by RFC 8996) is turned away. */
export async function oldTlsProblem(where: Where, host: string): Promise<string | undefined> {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const socket = await opened(where, host, old);
  if (typeof socket === 'string') return undefined;
  const version = socket.getProtocol();
  socket.destroy();
  return `${version ?? 'an old TLS'} is accepted`;
}
