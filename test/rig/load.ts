import { readFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Question } from './client.ts';

/** How a visitor came: on a connection that was kept open, or on one of its own. */
export type Way = 'kept' | 'fresh';

export interface Arrival {
  readonly way: Way;
  /** The status, or the code of the connection's error. */
  readonly outcome: string;
  readonly text: string;
  /** Whether a connection had to be opened for it. */
  readonly hasOpened: boolean;
  /** Milliseconds since the load began. */
  readonly at: number;
}

export interface Load {
  readonly arrivals: readonly Arrival[];
  /** Lets those who are under way arrive. */
  end(): Promise<readonly Arrival[]>;
}

const lookup: LookupFunction = (_, options, done) => {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};

/** Visitors a second. */
export type Rates = Readonly<Record<Way, number>>;

/**
 * Visitors that come at a steady rate, however long the ones before them take (an open loop). None of them asks again:
 * also a kept connection that is closed while somebody asks on it is an answer that did not come.
 */
export function visitors({ port, host, path, caFile }: Question, rates: Rates): Load {
  const arrivals: Arrival[] = [];
  const began = performance.now();
  const agent = new Agent({ keepAlive: true, maxSockets: 48 });
  const base: RequestOptions = {
    host,
    servername: host,
    port,
    path,
    lookup,
    timeout: 15_000,
    ca: readFileSync(caFile),
  };
  const onTheWay = new Set<Promise<void>>();
  const sent = { kept: 0, fresh: 0 };

  const timer = setInterval(() => {
    const seconds = (performance.now() - began) / 1000;
    for (const way of ['kept', 'fresh'] as const) for (; sent[way] < seconds * rates[way]; sent[way]++) go(way);
  }, 2);

  function go(way: Way): void {
    const visit = arrive(way).finally(() => onTheWay.delete(visit));
    onTheWay.add(visit);
  }

  async function arrive(way: Way): Promise<void> {
    const { outcome, text, hasOpened } = await ask(way);
    arrivals.push({ way, outcome, text, hasOpened, at: Math.round(performance.now() - began) });
  }

  function ask(way: Way): Promise<Omit<Arrival, 'way' | 'at'>> {
    return new Promise((resolve) => {
      const one = request({ ...base, agent: way === 'kept' ? agent : false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ outcome: String(response.statusCode), text, hasOpened: !one.reusedSocket }));
        response.on('error', (error: NodeJS.ErrnoException) =>
          resolve({ outcome: `cut off: ${error.code}`, text, hasOpened: !one.reusedSocket }),
        );
      });
      one.on('timeout', () => one.destroy(new Error('not within 15 s')));
      one.on('error', (error: NodeJS.ErrnoException) =>
        resolve({ outcome: error.code ?? error.message, text: '', hasOpened: !one.reusedSocket }),
      );
      one.end();
    });
  }

  return {
    arrivals,
    async end() {
      clearInterval(timer);
      while (onTheWay.size > 0) await Promise.all(onTheWay);
      agent.destroy();
      return arrivals;
    },
  };
}
