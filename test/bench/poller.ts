import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';

/** Every name is this machine, whatever the resolver thinks of `.localhost`. */
const lookup: LookupFunction = (_name, options, done) => {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request over a connection of its own; HTTPS is verified against `ca`. Undefined where nobody answered. */
export function ask(url: string, ca?: Buffer): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const receive = (response: IncomingMessage): void => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response
        .on('end', () => resolve({ status: response.statusCode ?? 0, body }))
        .on('error', () => resolve(undefined));
    };
    const options = { agent: false as const, lookup, timeout: 30_000, ...(ca ? { ca } : {}) };
    const request = url.startsWith('https:') ? httpsRequest(url, options, receive) : httpRequest(url, options, receive);
    request
      .on('error', () => resolve(undefined))
      .on('timeout', () => request.destroy())
      .end();
  });
}

const atOnce = 4;
const deadlineMs = 120_000;

/** Asks every URL again and again until each has given an answer that `isRight`; rejects after two minutes. */
export async function untilAll(
  urls: readonly string[],
  ca: () => Buffer | undefined,
  isRight: (answer: Answer) => boolean,
): Promise<void> {
  const waiting = [...urls];
  // the more there are, the less often each is asked: the poller must not become the load that is measured
  const pauseMs = 5 + urls.length / 2;
  const deadline = performance.now() + deadlineMs;
  await Promise.all(
    Array.from({ length: Math.min(atOnce, waiting.length) }, async () => {
      for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
        const roots = ca();
        const answer = roots || url.startsWith('http:') ? await ask(url, roots) : undefined;
        if (answer && isRight(answer)) continue;
        if (performance.now() > deadline) throw new Error(`${url} did not answer: ${JSON.stringify(answer)}`);
        waiting.push(url);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }),
  );
}
