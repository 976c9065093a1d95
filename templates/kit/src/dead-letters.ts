import type { Database } from './database.ts';
import type { DeadLetter } from './types.ts';

/** Where there is no broker, dead letters are kept in the database. */
export async function bury(database: Database, letter: DeadLetter): Promise<void> {
  await database.query('insert into camp_dead_letters (id, consumer, body, dead_at) values ($1, $2, $3, $4) on conflict (id) do nothing', [
    `${letter.event.id}.${letter.consumer}`, letter.consumer, JSON.stringify(letter), Date.now(),
  ]);
}
