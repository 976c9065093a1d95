import type { WriteStream } from 'node:tty';

/** A stream of this process as what it is to the person: a relayed supervisor writes to a pipe that ends in a terminal. */
export interface Terminal {
  readonly isTTY: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** `CAMP_TERMINAL=80x24` or `80x24 stderr` (src/detach.ts): the size, and whether stderr alone is a terminal. */
export function terminalOf(name: 'stdout' | 'stderr', env: NodeJS.ProcessEnv = process.env): Terminal {
  const stream: WriteStream = process[name];
  const relayed = /^(\d+)x(\d+)( stderr)?$/.exec(env['CAMP_TERMINAL'] ?? '');
  if (!relayed) return stream;
  return {
    isTTY: name === 'stderr' || relayed[3] === undefined,
    columns: Number(relayed[1]),
    rows: Number(relayed[2]),
    write: (text) => stream.write(text),
    once: (event, listener) => stream.once(event, listener),
  };
}
