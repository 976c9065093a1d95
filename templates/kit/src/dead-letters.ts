import { existsSync } from 'node:fs';
import { type Database, openDatabase, sqliteFile } from './database.ts';
import type { DeadLetter } from './types.ts';
import { transact } from './unit.ts';

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

/** Those of `bury`, in a database that is there; undefined where no service with the kit has been at work in it. */
export async function openStoredLetters(url: string): Promise<DeadLetters | undefined> {
  if (!/^postgres(ql)?:/.test(url) && !existsSync(sqliteFile(url))) return undefined; // to open it would make it
  const database = await openDatabase('dlq', url);
  if (!(await hasTable(database))) {
    await database.close();
    return undefined;
  }
  return {
    async list() {
      const rows = await database.query<{ id: string; body: string }>('select id, body from camp_dead_letters order by dead_at');
      return rows.map(({ id, body }) => ({ ...(JSON.parse(body) as DeadLetter), id }));
    },
    async replay({ id, event }) {
      await transact(database, async (session) => {
        await session.query('insert into camp_outbox (id, body) values ($1, $2)', [event.id, JSON.stringify(event)]);
        await session.query('delete from camp_dead_letters where id = $1', [id]);
      });
    },
    close: () => database.close(),
  };
}

async function hasTable(database: Database): Promise<boolean> {
  try {
    await database.query('select 1 from camp_dead_letters limit 1');
    return true;
  } catch (error) {
    const { code, message = '' } = error as { code?: string; message?: string };
    if (code === '42P01' || /no such table/.test(message)) return false;
    throw error;
  }
}
