import { connect } from 'node:net';
import type { Ms } from '../../../kit/events.ts';
import type { Address, ProbeAnswer } from '../../probe.ts';

/** More than any greeting needs. */
const most = 64 * 1024;

/**
 * Connects, says `first`, and gives all that was answered so far to `judge` until that has made up its mind; `say` goes
 * on talking.
 */
export function exchange(
  { host, port }: Address,
  first: Buffer | string | undefined,
  judge: (answer: Buffer, say: (words: string | Buffer) => void) => ProbeAnswer | undefined,
  timeoutMs: Ms,
): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let answer = Buffer.alloc(0);
    const end = (said: ProbeAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(said);
    };
    const where = `${host}:${port}`;
    const timer = setTimeout(
      () => end({ isReady: false, said: `${where} did not answer within ${timeoutMs} ms` }),
      timeoutMs,
    );
    socket.once('connect', () => {
      if (first !== undefined) socket.write(first);
    });
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      const judged = judge(answer, (words) => void socket.write(words));
      if (judged) end(judged);
      else if (answer.length > most) end({ isReady: false, said: `${where} speaks another protocol` });
    });
    socket.once('close', () => end({ isReady: false, said: `${where} hung up` }));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end({ isReady: false, said: `${where}: ${error.code ?? error.message}` }),
    );
  });
}
