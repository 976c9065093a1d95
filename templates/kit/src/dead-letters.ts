import { existsSync } from 'node:fs';
import { type Database, openDatabase, sqliteFile } from './database.ts';
import type { DeadLetter } from './types.ts';

/** A dead letter where it lies. */
export interface Buried extends DeadLetter {
  readonly id: string;
}

export interface DeadLetters {
  list(): Promise<Buried[]>;
  /** Sends the event again, under its own id: consumers that had succeeded with it do nothing, the other tries anew. */
  replay(letter: Buried): Promise<void>;
  close(): Promise<void>;
}

/** Where there is no broker, dead letters are kept in the database. */
export async function bury(database: Database, letter: DeadLetter): Promise<void> {
  await database.query(
    'insert into camp_dead_letters (id, consumer, body, dead_at) values ($1, $2, $3, $4) on conflict (id) do nothing',
    [`${letter.event.id}.${letter.consumer}`, letter.consumer, JSON.stringify(letter), Date.now()],
  );
}

/** Those of `bury`; undefined where no service with the kit has been at work in this database. */
export async function openStoredLetters(url: string): Promise<DeadLetters | undefined> {
  if (!/^postgres(ql)?:/.test(url) && !existsSync(sqliteFile(url))) return undefined; // to open it would make it
  const database = await openDatabase('dlq', url);
  const list = async () => {
    const rows = await database.query('select id, body from camp_dead_letters order by dead_at');
    return rows.map(({ id, body }): Buried => ({ ...(JSON.parse(body) as DeadLetter), id }));
  };
  try {
    await list();
  } catch (error) {
    await database.close();
    const { code, message = '' } = error as { code?: string; message?: string };
    if (code === '42P01' || /no such table/.test(message)) return undefined;
    throw error;
  }
  return {
    list,
    replay: ({ id, event }) =>
      database.transaction(async ({ query }) => {
        await query('insert into camp_outbox (id, body) values ($1, $2)', [event.id, JSON.stringify(event)]);
        await query('delete from camp_dead_letters where id = $1', [id]);
      }),
    close: () => database.close(),
  };
}

/** The broker's stream `dlq`: the id of a dead letter is its number there. */
export async function openNatsLetters(url: string): Promise<DeadLetters> {
  const [{ server }, { jetstream, jetstreamManager }, { connect, headers }] = await Promise.all([
    import('./nats.ts'),
    import('@nats-io/jetstream'),
    import('@nats-io/transport-node'),
  ]);
  const nats = await connect({ ...server(url), name: 'dlq', timeout: 5_000, maxReconnectAttempts: 3 });
  const { streams } = await jetstreamManager(nats, { timeout: 5_000 });
  return {
    async list() {
      const info = await streams.info('dlq').catch(() => undefined); // nothing has died yet
      const letters: Buried[] = [];
      if (!info || info.state.messages === 0) return letters;
      for (let seq = info.state.first_seq; seq <= info.state.last_seq; seq++) {
        const message = await streams.getMessage('dlq', { seq }).catch(() => null);
        if (message) letters.push({ ...message.json<DeadLetter>(), id: String(seq) });
      }
      return letters;
    },
    async replay({ id, event }) {
      const ids = headers();
      ids.set('x-request-id', event.requestId);
      ids.set('traceparent', event.traceparent);
      // another message for the broker, which would drop the one it knows; the same event for whoever handles it
      const options = { msgID: `${event.id}.replay.${id}`, headers: ids, timeout: 5_000 };
      await jetstream(nats).publish(`events.${event.type}`, JSON.stringify(event), options);
      await streams.deleteMessage('dlq', Number(id));
    },
    close: () => nats.close(),
  };
}
