import type { Consumer } from './consumer.ts';
import type { Database, Session } from './database.ts';
import { createPatientLog, describe } from './log.ts';
import type { DeadLetter, Event } from './types.ts';
import { type Loop, repeat, sleep } from './wait.ts';

interface Row {
  readonly position: number;
  readonly body: string;
}

const batch = 100;
const pollMs = 500;
const first = 'select position, body from camp_outbox order by position limit';
const taken = 'delete from camp_outbox where position = $1';

/**
 * Moves what is committed from the outbox to the broker, in its order, and deletes what the broker has. One replica at
 * a time, one event after the other: that keeps the order. ("Transactional outbox", microservices.io.)
 */
export function relay(database: Database, publish: (event: Event) => Promise<void>): Loop {
  async function pass({ query }: Session): Promise<number> {
    const rows = await query<Row>(`${first} ${batch} for update`); // waits for another replica that is at it
    for (const { position, body } of rows) {
      await publish(JSON.parse(body) as Event); // one that comes twice after a failure is dropped by the broker
      await query(taken, [position]);
    }
    return rows.length === batch ? 0 : pollMs;
  }
  return repeat('cannot send events', async () => {
    const waiting = await database.query<Row>(`${first} 1`);
    if (waiting.length === 0) return pollMs;
    // in SQLite there is one process, and a slow broker must not hold its one connection
    return database.kind === 'sqlite' ? pass(database) : database.transaction(pass);
  });
}

/** Where there is no broker, dead letters are kept in the database. */
async function bury(database: Database, letter: DeadLetter): Promise<void> {
  await database.query(
    'insert into camp_dead_letters (id, consumer, body, dead_at) values ($1, $2, $3, $4) on conflict (id) do nothing',
    [`${letter.event.id}.${letter.consumer}`, letter.consumer, JSON.stringify(letter), Date.now()],
  );
}

/**
 * Without a broker: to the consumers of this process, many at once, because one that fails and is tried again must not
 * hold up the others. An event stays in the outbox until all are done with it.
 */
export function deliverHere(database: Database, consumers: readonly Consumer[]): Loop {
  const flying = new Map<number, Promise<void>>();
  const stopping = new AbortController();
  const complain = createPatientLog();

  async function deliver(consumer: Consumer, event: Event): Promise<void> {
    for (let deliveries = 1; !stopping.signal.aborted; deliveries++) {
      const verdict = await consumer.handle(event, deliveries);
      if (verdict.kind === 'done') return;
      if (verdict.kind === 'dead') return bury(database, verdict.letter);
      await sleep(verdict.delayMs, stopping.signal);
    }
    throw new Error('the service stops');
  }

  async function take({ position, body }: Row): Promise<void> {
    const event = JSON.parse(body) as Event;
    try {
      await Promise.all(consumers.filter(({ type }) => type === event.type).map((each) => deliver(each, event)));
      await database.query(taken, [position]);
    } catch (error) {
      complain(`an event stays in the outbox: ${describe(error)}`);
      await sleep(pollMs, stopping.signal);
    }
    flying.delete(position);
    loop.kick();
  }

  const loop = repeat('cannot look for events', async () => {
    const rows = await database.query<Row>(`${first} ${batch + flying.size}`);
    for (const row of rows) if (!flying.has(row.position)) flying.set(row.position, take(row));
    return pollMs;
  });
  return {
    kick: loop.kick,
    async stop() {
      stopping.abort();
      await loop.stop();
      await Promise.all(flying.values());
    },
  };
}
