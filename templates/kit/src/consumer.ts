import type { Subscription, Verdict } from './broker.ts';
import { type Context, correlation, within } from './context.ts';
import type { Database } from './database.ts';
import { createPatientLog, describe, log } from './log.ts';
import { createTx } from './outbox.ts';
import { DependencyProblem, Terminal, Unavailable } from './problem.ts';
import { equalJitter, parseRetryAfter } from './retry.ts';
import type { Event, EventHandler } from './types.ts';
import { transact } from './unit.ts';

export interface ConsumerParts {
  readonly service: string;
  readonly database: Database;
  /** Something may have been emitted. */
  kick(): void;
  /** Between two tries; nothing in tests. */
  readonly backoff?: (attempt: number) => number;
}

const maxAttempts = 5;
const pause = (attempt: number): number => equalJitter(attempt, 500, 10_000);

/**
 * At least once becomes once in effect: the event's row in the inbox and what the handlers do are one transaction.
 * What fails is tried again later, what cannot succeed goes to the dead letters. ("Idempotent consumer", microservices.io.)
 */
export function createConsumer(consumer: string, type: string, handlers: readonly EventHandler[], parts: ConsumerParts): Subscription {
  const { database, service, backoff = pause } = parts;
  const complain = createPatientLog();

  /** False when it was handled before. */
  function handleOnce(event: Event): Promise<boolean> {
    return transact(database, async (session) => {
      const isNew = await session.query(
        'insert into camp_inbox (consumer, event_id, handled_at) values ($1, $2, $3) on conflict do nothing returning event_id',
        [consumer, event.id, Date.now()],
      );
      if (isNew.length === 0) return false;
      for (const handler of handlers) await handler(event, createTx(session, service));
      return true;
    });
  }

  async function afterFailure(event: Event, error: unknown): Promise<Verdict> {
    const reason = describe(error);
    if (error instanceof DependencyProblem && error.isPassing) {
      const asked = parseRetryAfter(error.headers['retry-after'], Date.now()) ?? 0;
      return wait(event, reason, Math.max(backoff(event.deliveries), backoff === pause ? asked : 0));
    }
    if (error instanceof Unavailable || database.isUnavailable(error)) return wait(event, reason);
    const attempts = await countFailure(event);
    if (!(error instanceof Terminal) && attempts < maxAttempts) {
      const delayMs = backoff(attempts);
      log.warn(`${event.type} failed and is tried again: ${reason}`, { consumer, eventId: event.id, attempts, delayMs: Math.round(delayMs) });
      return { kind: 'again', delayMs, reason };
    }
    const stack = error instanceof Terminal ? undefined : (error as Error)?.stack;
    log.error(`${event.type} goes to the dead letters: ${reason}`, { consumer, eventId: event.id, attempts, stack });
    await forgetFailures(event); // so that a replay has all its tries again
    const { deliveries: _, ...envelope } = event;
    return { kind: 'dead', letter: { event: envelope, consumer, reason, attempts, time: new Date().toISOString() } };
  }

  /** Nobody's fault but the moment's: for ever, and not counted. */
  function wait(event: Event, reason: string, delayMs = backoff(Math.min(event.deliveries, 3))): Verdict {
    complain(`${event.type} waits and is tried again: ${reason}`, { consumer, eventId: event.id });
    return { kind: 'again', delayMs, reason };
  }

  async function countFailure(event: Event): Promise<number> {
    const rows = await database.query<{ attempts: number }>(
      'insert into camp_failures (consumer, event_id, attempts) values ($1, $2, 1) on conflict (consumer, event_id) do update set attempts = camp_failures.attempts + 1 returning attempts',
      [consumer, event.id],
    );
    return rows[0]?.attempts ?? 1;
  }

  const forgetFailures = (event: Event) =>
    database.query('delete from camp_failures where consumer = $1 and event_id = $2', [consumer, event.id]);

  async function handle(event: Event): Promise<Verdict> {
    const begin = performance.now();
    try {
      const isNew = await handleOnce(event);
      const ms = Math.round((performance.now() - begin) * 10) / 10;
      log(isNew ? 'event' : 'event again, nothing to do', { type: event.type, eventId: event.id, consumer, deliveries: event.deliveries, ms });
      if (isNew) parts.kick();
      return { kind: 'done' };
    } catch (error) {
      try {
        return await afterFailure(event, error);
      } catch (worse) {
        return wait(event, describe(worse));
      }
    }
  }

  return { consumer, type, handle: (event) => within(contextOf(event), () => handle(event)) };
}

/** The broker tries again, so nothing in here does. */
function contextOf(event: Event): Context {
  return { ...correlation(event.requestId, event.traceparent), isRetried: true };
}
