import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import type { LogRecord } from '../../kit/log-files.ts';
import type { MessageRequest } from '../../project/types.ts';
import { logs } from '../logs.ts';
import type { Asked } from './asking.ts';
import type { Bench } from './bench.ts';
import { type NotApplicable, notApplicable } from './readings.ts';
import type { Routed } from './subjects.ts';

const deadlineMs: Ms = 3000;
const messageMs: Ms = 30_000;

/**
 * From the start of `camp up` until one request can be followed: `camp logs --request` shows the edge's line and one of a service.
 */
export async function firstTrace(bench: Bench, routed: readonly Routed[]): Promise<Ms | NotApplicable> {
  const programs = routed.filter(({ placement }) => placement !== 'static');
  if (programs.length === 0) return notApplicable('only files are served: nobody but the edge could log a request');
  const asked = await Promise.all(programs.map(({ url }) => bench.asker.ask(url)));
  const seenMs = await Promise.race(asked.map((one) => untilLogged(bench, one, isOfService, deadlineMs)));
  return seenMs === undefined
    ? notApplicable(`no service wrote a line with the request's id within ${deadlineMs / 1000} s`)
    : seenMs - bench.cluster.beganMs;
}

/**
 * From the moment at which a request that publishes a message is answered until a consumer's line says that it was handled. The
 * request stands in the compose file, because only the project knows it.
 */
export async function firstMessage(bench: Bench, message: MessageRequest | undefined): Promise<Ms | NotApplicable> {
  if (!message)
    return notApplicable(
      bench.hasBroker
        ? 'no request that publishes a message is named (x-camp: measure: message: in the compose file)'
        : 'there is no broker',
    );
  const { method, path, body, headers } = message;
  const url = new URL(path, bench.frontUrl).href;
  const asked = await bench.asker.ask(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers, 'idempotency-key': `measure-${bench.nonce()}` },
    ...(body === undefined ? {} : { body }),
  });
  if (asked.status < 200 || asked.status > 299)
    return notApplicable(`${method} ${path} was answered ${asked.status || 'not at all'}, so no message was sent`);
  const seenMs = await untilLogged(bench, asked, isOfConsumer, messageMs);
  return seenMs === undefined
    ? notApplicable(`no consumer wrote a line with the request's id within ${messageMs / 1000} s`)
    : Math.max(0, seenMs - asked.answeredMs);
}

/** When the log had both the edge's line of the request and one that is wanted. */
async function untilLogged(
  bench: Bench,
  { id }: Asked,
  isWanted: (record: LogRecord) => boolean,
  withinMs: Ms,
): Promise<Ms | undefined> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    const records: LogRecord[] = [];
    await logs({
      dir: bench.dir,
      env: bench.env,
      services: [],
      requestId: id,
      isFollowing: false,
      onRecord: (record) => records.push(record),
      signal: bench.signal,
    });
    if (records.some(({ replica }) => replica === 'edge') && records.some(isWanted)) return performance.now();
    await delay(5, undefined, { signal: bench.signal });
  }
  return undefined;
}

function isOfService({ replica }: LogRecord): boolean {
  return replica !== 'edge';
}

/** As the kit and the CloudEvents of others have it: the line of a consumer names the event that it has handled. */
function isOfConsumer({ replica, line }: LogRecord): boolean {
  return replica !== 'edge' && /"(?:eventId|messageId|consumer)":/.test(line);
}
