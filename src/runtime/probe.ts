import { get } from 'node:http';
import { connect } from 'node:net';
import type { Ms } from '../kit/events.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * How long to wait before the next probe of something that has been starting since `began` (performance.now()): a tenth
 * of the time that has passed, so that what is quick is seen at once, and what is slow not asked all the time.
 */
export function probePauseMs(began: Ms): Ms {
  return Math.min(250, Math.max(5, (performance.now() - began) / 10));
}

export interface ProbeAnswer {
  readonly isReady: boolean;
  /** What the probe saw, in words for NOT_READY: `GET /readyz answered 503`. */
  readonly said: string;
}

/**
 * GET `path`. Any answer below 500 is ready: `/readyz` is asked of programs that never heard of it, too.
 * What does not speak HTTP at all but holds its port open is taken for ready as well (DESIGN section 2).
 */
export function probeHttp(address: Address, path: string, timeoutMs: Ms): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const request = get(
      {
        host: address.host,
        port: address.port,
        path,
        agent: false,
        timeout: timeoutMs,
        headers: { 'user-agent': 'camp-probe', connection: 'close' },
      },
      (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        resolve({ isReady: status < 500, said: `GET ${path} answered ${status}` });
      },
    );
    request.on('timeout', () => {
      resolve({ isReady: false, said: `GET ${path} was not answered within ${timeoutMs} ms` });
      request.destroy();
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isOtherProtocol = error.code?.startsWith('HPE_') === true;
      resolve({
        isReady: isOtherProtocol,
        said: isOtherProtocol ? 'the port is open' : `GET ${path}: ${error.code ?? error.message}`,
      });
    });
  });
}

/** A program that never heard of `/readyz` may fail at a path that it does not know, and serve its pages all the same. */
export async function probeReadyz(address: Address, timeoutMs: Ms): Promise<ProbeAnswer> {
  const answer = await probeHttp(address, '/readyz', timeoutMs);
  if (!answer.said.endsWith(' answered 500')) return answer;
  const front = await probeHttp(address, '/', timeoutMs);
  return front.isReady ? front : answer;
}

/** Whether something accepts connections there. */
export function probeTcp(address: Address, timeoutMs: Ms): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port });
    const end = (isReady: boolean, said: string): void => {
      socket.destroy();
      resolve({ isReady, said });
    };
    socket.setTimeout(timeoutMs, () =>
      end(false, `${address.host}:${address.port} did not accept within ${timeoutMs} ms`),
    );
    socket.once('connect', () => end(true, 'the port is open'));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(false, `${address.host}:${address.port}: ${error.code ?? error.message}`),
    );
  });
}

/** A proxy in front of a container accepts in its place, and hangs up when nothing listens behind it. */
const heldMs: Ms = 50;

/** Whether something accepts connections there and keeps them, or says something at once. */
export function probeHeldOpen(address: Address, timeoutMs: Ms): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port });
    const where = `${address.host}:${address.port}`;
    let held: NodeJS.Timeout | undefined;
    const end = (isReady: boolean, said: string): void => {
      clearTimeout(held);
      socket.destroy();
      resolve({ isReady, said });
    };
    socket.setTimeout(timeoutMs, () => end(false, `${where} did not accept within ${timeoutMs} ms`));
    socket.once('connect', () => {
      held = setTimeout(() => end(true, 'the port is open'), heldMs);
    });
    socket.once('data', () => end(true, 'the port is open'));
    socket.once('end', () => end(false, `${where} hangs up at once`));
    socket.once('error', (error: NodeJS.ErrnoException) => end(false, `${where}: ${error.code ?? error.message}`));
  });
}
