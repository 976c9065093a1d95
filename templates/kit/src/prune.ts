import type { Database } from './database.ts';
import { createPatientLog, describe } from './log.ts';
import { sleep } from './wait.ts';

const day = 24 * 60 * 60 * 1_000;

/**
 * What the kit remembers does not grow for ever. The inbox remembers longer than the broker keeps events (7 days) and people keep dead
 * letters, an answer as long as a caller may reasonably repeat its request.
 */
export async function prune(database: Database, now = Date.now()): Promise<void> {
  await database.query('delete from camp_inbox where handled_at < $1', [now - 60 * day]);
  await database.query('delete from camp_idempotency where stored_at < $1', [now - 7 * day]);
}

/** Once an hour. */
export function pruneHourly(database: Database): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const complain = createPatientLog();
  async function run(): Promise<void> {
    for (;;) {
      await sleep(60 * 60 * 1_000, stopping.signal);
      if (stopping.signal.aborted) return;
      await prune(database).catch((error) => complain(`cannot tidy up at the moment: ${describe(error)}`));
    }
  }
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
