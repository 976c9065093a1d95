import { correlation, within } from './context.ts';
import { type Database, transact } from './database.ts';
import { createPatientLog, describe, log, since } from './log.ts';
import { DependencyProblem, Terminal, Unavailable } from './problem.ts';
import { equalJitter } from './retry.ts';
import type { DeadLetter, Event, EventHandler } from './types.ts';

export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'dead'; readonly letter: DeadLetter };

export interface Handled {
  readonly type: string;
  readonly as: string | undefined;
  readonly handler: EventHandler;
}

export type Consumer = ReturnType<typeof createConsumer>;

const maxAttempts = 5;
const pause = (attempt: number): number => equalJitter(attempt, 500, 10_000);

/** One for each type and name: whatever the service does for an event is one transaction. */
export function createConsumers(handled: readonly Handled[], database: Database): Consumer[] {
  // the broker's durable names, which hold no dots; replicas with the same one share the work
  const nameOf = ({ as = database.service, type }: Handled) => `${as}_${type}`.replace(/[^\w-]/g, '_');
  return Object.entries(Object.groupBy(handled, nameOf)).map(([name, all = []]) => createConsumer(name, all, database));
}

/**
 * At least once becomes once in effect: the event's row in the inbox and what the handlers do are one transaction. What
 * fails is tried again later, what cannot succeed is a dead letter. ("Idempotent consumer", microservices.io.)
 */
function createConsumer(name: string, handled: readonly Handled[], database: Database) {
  const { type = '' } = handled[0] ?? {};
  const complain = createPatientLog();

  /** False when it was handled before. */
  const handleOnce = (event: Event): Promise<boolean> =>
    transact(database, async (tx) => {
      const isNew = await tx.query(
        `insert into camp_inbox (consumer, event_id, handled_at) values ($1, $2, $3)
         on conflict do nothing returning event_id`,
        [name, event.id, Date.now()],
      );
      if (isNew.length === 0) return false;
      for (const { handler } of handled) await handler(event, tx);
      return true;
    });

  async function afterFailure(event: Event, deliveries: number, error: unknown): Promise<Verdict> {
    const reason = describe(error);
    const more = { consumer: name, eventId: event.id };
    const dependency = error instanceof DependencyProblem ? error : undefined;
    // nobody's fault but the moment's: for ever, and not counted
    if (error instanceof Unavailable || dependency?.isPassing || database.isPassing(error)) {
      complain(`${type} waits and is tried again: ${reason}`, more);
      return { kind: 'again', delayMs: Math.max(pause(Math.min(deliveries, 3)), dependency?.waitMs ?? 0), reason };
    }
    const [row] = await database.query<{ attempts: number }>(
      `insert into camp_failures (consumer, event_id, attempts) values ($1, $2, 1)
       on conflict (consumer, event_id) do update set attempts = camp_failures.attempts + 1 returning attempts`,
      [name, event.id],
    );
    const { attempts = 1 } = row ?? {};
    if (attempts < maxAttempts && !(error instanceof Terminal)) {
      log.warn(`${type} failed and is tried again: ${reason}`, { ...more, attempts });
      return { kind: 'again', delayMs: pause(attempts), reason };
    }
    const stack = error instanceof Terminal ? undefined : (error as Error)?.stack;
    log.error(`${type} goes to the dead letters: ${reason}`, { ...more, attempts, stack });
    // so that a replay has all its tries again
    await database.query('delete from camp_failures where consumer = $1 and event_id = $2', [name, event.id]);
    return { kind: 'dead', letter: { event, consumer: name, reason, attempts, time: new Date().toISOString() } };
  }

  async function handle(event: Event, deliveries: number): Promise<Verdict> {
    const begin = performance.now();
    try {
      const isNew = await handleOnce(event);
      const more = { type, eventId: event.id, consumer: name, deliveries, ms: since(begin) };
      log(isNew ? 'event' : 'event again, nothing to do', more);
      return { kind: 'done' };
    } catch (error) {
      const failed = (why: unknown) => afterFailure(event, deliveries, why);
      return failed(error).catch((worse) => failed(new Unavailable(describe(worse))));
    }
  }

  return {
    name,
    type,
    /** Never throws; `deliveries` is 1 the first time. The broker tries again, so nothing in here does. */
    handle: (event: Event, deliveries: number): Promise<Verdict> =>
      within({ ...correlation(event.requestId, event.traceparent), isRetried: true }, () => handle(event, deliveries)),
  };
}
