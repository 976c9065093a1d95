import { correlation, within } from './context.ts';
import { createTx, type Database, transact } from './database.ts';
import { createPatientLog, describe, log } from './log.ts';
import { DependencyProblem, Terminal, Unavailable } from './problem.ts';
import { equalJitter } from './retry.ts';
import type { DeadLetter, Event, EventHandler } from './types.ts';

export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'dead'; readonly letter: DeadLetter };

export interface Consumer {
  /** The durable name; its replicas share the work. */
  readonly name: string;
  readonly type: string;
  /** Never throws. */
  handle(event: Event): Promise<Verdict>;
}

export interface Handled {
  readonly type: string;
  readonly as: string | undefined;
  readonly handler: EventHandler;
}

const maxAttempts = 5;
const pause = (attempt: number): number => equalJitter(attempt, 500, 10_000);

/** One for each type and name: whatever the service does for an event is one transaction. */
export function createConsumers(handled: readonly Handled[], database: Database, service: string): Consumer[] {
  // durable names hold no dots
  const nameOf = ({ as = service, type }: Handled) => `${as}_${type}`.replace(/[^\w-]/g, '_');
  return Object.entries(Object.groupBy(handled, nameOf)).map(([name, all = []]) => {
    const handlers = all.map(({ handler }) => handler);
    return createConsumer(name, all[0]!.type, handlers, database, service);
  });
}

/**
 * At least once becomes once in effect: the event's row in the inbox and what the handlers do are one transaction.
 * What fails is tried again later, what cannot succeed goes to the dead letters. ("Idempotent consumer", microservices.io.)
 */
function createConsumer(
  name: string,
  type: string,
  handlers: readonly EventHandler[],
  database: Database,
  service: string,
): Consumer {
  const complain = createPatientLog();

  /** False when it was handled before. */
  const handleOnce = (event: Event): Promise<boolean> =>
    transact(database, async (session) => {
      const isNew = await session.query(
        `insert into camp_inbox (consumer, event_id, handled_at) values ($1, $2, $3)
         on conflict do nothing returning event_id`,
        [name, event.id, Date.now()],
      );
      if (isNew.length === 0) return false;
      for (const handler of handlers) await handler(event, createTx(session, service));
      return true;
    });

  async function afterFailure(event: Event, error: unknown): Promise<Verdict> {
    const reason = describe(error);
    if (error instanceof DependencyProblem && error.isPassing)
      return wait(event, reason, Math.max(pause(event.deliveries), error.waitMs ?? 0));
    if (error instanceof Unavailable || database.isPassing(error)) return wait(event, reason);
    const attempts = await countFailure(event);
    const more = { consumer: name, eventId: event.id, attempts };
    if (attempts < maxAttempts && !(error instanceof Terminal)) {
      const delayMs = pause(attempts);
      log.warn(`${type} failed and is tried again: ${reason}`, { ...more, delayMs });
      return { kind: 'again', delayMs, reason };
    }
    const stack = error instanceof Terminal ? undefined : (error as Error)?.stack;
    log.error(`${type} goes to the dead letters: ${reason}`, { ...more, stack });
    // so that a replay has all its tries again
    await database.query('delete from camp_failures where consumer = $1 and event_id = $2', [name, event.id]);
    const { deliveries: _, ...envelope } = event;
    const letter = { event: envelope, consumer: name, reason, attempts, time: new Date().toISOString() };
    return { kind: 'dead', letter };
  }

  /** Nobody's fault but the moment's: for ever, and not counted. */
  function wait(event: Event, reason: string, delayMs = pause(Math.min(event.deliveries, 3))): Verdict {
    complain(`${type} waits and is tried again: ${reason}`, { consumer: name, eventId: event.id });
    return { kind: 'again', delayMs, reason };
  }

  async function countFailure(event: Event): Promise<number> {
    const [row] = await database.query<{ attempts: number }>(
      `insert into camp_failures (consumer, event_id, attempts) values ($1, $2, 1)
       on conflict (consumer, event_id) do update set attempts = camp_failures.attempts + 1 returning attempts`,
      [name, event.id],
    );
    return row!.attempts;
  }

  async function handle(event: Event): Promise<Verdict> {
    const begin = performance.now();
    try {
      const isNew = await handleOnce(event);
      const ms = Math.round((performance.now() - begin) * 10) / 10;
      const more = { type, eventId: event.id, consumer: name, deliveries: event.deliveries, ms };
      log(isNew ? 'event' : 'event again, nothing to do', more);
      return { kind: 'done' };
    } catch (error) {
      return afterFailure(event, error).catch((worse) => wait(event, describe(worse)));
    }
  }

  return {
    name,
    type,
    // the broker tries again, so nothing in here does
    handle: (event) =>
      within({ ...correlation(event.requestId, event.traceparent), isRetried: true }, () => handle(event)),
  };
}
