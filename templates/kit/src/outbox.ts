import type { Broker } from './broker.ts';
import { currentOrNew, traceparent } from './context.ts';
import type { Database, Session } from './database.ts';
import { createPatientLog, describe } from './log.ts';
import type { Envelope, Tx } from './types.ts';
import { sleep } from './wait.ts';

/** The transaction as handlers see it: what it emits is a row of the same transaction. */
export function createTx(session: Session, service: string): Tx {
  const { requestId } = currentOrNew();
  return {
    requestId,
    query: (sql, values) => session.query(sql, values),
    async emit(type, data) {
      const context = currentOrNew();
      const event: Envelope = {
        id: crypto.randomUUID(), type, source: service, time: new Date().toISOString(), data, requestId: context.requestId, traceparent: traceparent(context),
      };
      await session.query('insert into camp_outbox (id, body) values ($1, $2)', [event.id, JSON.stringify(event)]);
      return event.id;
    },
  };
}

export interface Relay {
  /** Something may have been committed. */
  kick(): void;
  stop(): Promise<void>;
}

interface Row {
  readonly position: number;
  readonly body: string;
}

const batch = 100;
const pollMs = 500;

/** Moves what is committed from the outbox to the broker, in its order, and deletes it after the broker has it. ("Transactional outbox", microservices.io.) */
export function createRelay(database: Database, broker: Broker): Relay {
  const complain = createPatientLog();
  const stopping = new AbortController();
  let wake = new AbortController();
  const pass = broker.isLocal ? createLocalPass(database, broker, () => wake.abort()) : () => passInOrder(database, broker);

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const pause = AbortSignal.any([wake.signal, stopping.signal]);
      try {
        const moved = await pass();
        if (moved === batch) continue;
        // somebody else is at it, who may have looked before our rows were there
        await sleep(moved === undefined ? 50 : pollMs, moved === undefined ? stopping.signal : pause);
      } catch (error) {
        complain(`cannot send events at the moment: ${describe(error)}`);
        await sleep(pollMs, stopping.signal);
      }
      wake = new AbortController();
    }
  }
  const running = run();
  return {
    kick: () => wake.abort(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** One replica at a time, one event after the other: that keeps their order. */
async function passInOrder(database: Database, broker: Broker): Promise<number | undefined> {
  const waiting = await database.query('select 1 from camp_outbox limit 1');
  if (waiting.length === 0) return 0;
  let failure: unknown;
  const count = await database.exclusive('camp outbox', async (session) => {
    const rows = await session.query<Row>(`select position, body from camp_outbox order by position limit ${batch} for update skip locked`);
    for (const { position, body } of rows) {
      try {
        await broker.publish(JSON.parse(body) as Envelope);
      } catch (error) {
        failure = error; // those before it have left: their rows go
        break;
      }
      await session.query('delete from camp_outbox where position = $1', [position]);
    }
    return rows.length;
  });
  if (failure !== undefined) throw failure;
  return count;
}

/** To consumers in this process: many at once, because one that fails and is tried again must not hold up the others. */
function createLocalPass(database: Database, broker: Broker, again: () => void): () => Promise<number> {
  const flying = new Set<number>();
  const complain = createPatientLog();
  return async () => {
    const rows = await database.query<Row>(`select position, body from camp_outbox order by position limit ${batch + flying.size}`);
    for (const { position, body } of rows) {
      if (flying.has(position)) continue;
      flying.add(position);
      broker
        .publish(JSON.parse(body) as Envelope)
        .then(() => database.query('delete from camp_outbox where position = $1', [position]))
        .catch((error) => complain(`an event stays in the outbox: ${describe(error)}`))
        .finally(() => {
          flying.delete(position);
          again();
        });
    }
    return 0;
  };
}
