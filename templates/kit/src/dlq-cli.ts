/**
 * `node packages/kit/src/dlq-cli.ts ls | replay ID… | replay --all`: the dead letters in DATABASE_URL or the file DB, as
 * JSON; those that a broker keeps are its stream `dlq`. Ends with 2 where the database has no table for them.
 */
import { openDatabase } from './database.ts';
import { describe } from './log.ts';
import type { DeadLetter } from './types.ts';

const [verb = 'ls', ...ids] = process.argv.slice(2);
const database = await openDatabase('dlq');
try {
  const rows = await database.query('select id, body from camp_dead_letters order by dead_at');
  const all = rows.map(({ id, body }) => ({ ...(JSON.parse(body) as DeadLetter), id: String(id) }));
  const letters = verb === 'ls' || ids[0] === '--all' ? all : all.filter(({ id }) => ids.includes(id));
  // the event under its own id: consumers that had succeeded do nothing, the other tries anew
  const replay = ({ id, event }: (typeof all)[0]) =>
    database.transaction(async ({ query }) => {
      await query('insert into camp_outbox (id, body) values ($1, $2)', [event.id, JSON.stringify(event)]);
      await query('delete from camp_dead_letters where id = $1', [id]);
    });
  if (verb === 'replay') for (const letter of letters) await replay(letter);
  process.stdout.write(`${JSON.stringify({ letters }, null, 2)}\n`);
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  const { code, message } = error as { code?: string; message: string };
  process.exitCode = code === '42P01' || /no such table/.test(message) ? 2 : 1;
}
await database.close();
