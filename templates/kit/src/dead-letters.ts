import { type Database, openDatabase } from './database.ts';
import type { DeadLetter } from './types.ts';

/** A dead letter where it lies. */
export interface Buried extends DeadLetter {
  readonly id: string;
}

export interface DeadLetters {
  list(): Promise<Buried[]>;
  /** Sends the event again, under its own id: consumers that had succeeded with it do nothing, the one that had not tries anew. */
  replay(letter: Buried): Promise<void>;
  close(): Promise<void>;
}

/** Where there is no broker, dead letters are kept in the database. */
export async function bury(database: Database, letter: DeadLetter): Promise<void> {
  await database.query('insert into camp_dead_letters (id, consumer, body, dead_at) values ($1, $2, $3, $4) on conflict (id) do nothing', [
    `${letter.event.id}.${letter.consumer}`, letter.consumer, JSON.stringify(letter), Date.now(),
  ]);
}

/** Those of `bury`, by DATABASE_URL or DB. */
export async function openStoredLetters(): Promise<DeadLetters> {
  const database = await openDatabase('dlq');
  return {
    async list() {
      const rows = await database.query<{ id: string; body: string }>('select id, body from camp_dead_letters order by dead_at');
      return rows.map(({ id, body }) => ({ ...(JSON.parse(body) as DeadLetter), id }));
    },
    async replay({ id, event }) {
      const { transact } = await import('./unit.ts');
      await transact(database, async (session) => {
        await session.query('insert into camp_outbox (id, body) values ($1, $2)', [event.id, JSON.stringify(event)]);
        await session.query('delete from camp_dead_letters where id = $1', [id]);
      });
    },
    close: () => database.close(),
  };
}
