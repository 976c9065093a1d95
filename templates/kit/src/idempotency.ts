import { createHash } from 'node:crypto';
import { current } from './context.ts';
import { type Database, transact } from './database.ts';
import { Problem } from './problem.ts';
import type { Answer } from './types.ts';

/**
 * Runs a handler at most once in effect for each key. Key, answer and everything the handler writes are one transaction:
 * a crash leaves all of it or nothing. The header, 409 and 422 are those of draft-ietf-httpapi-idempotency-key-header.
 */
export function createIdempotency(database: Database) {
  const inProgress = new Set<string>();
  const busy = () =>
    new Problem(409, 'a request with this Idempotency-Key is in progress', { headers: { 'retry-after': '1' } });

  return async (key: string, request: readonly string[], handler: () => Promise<Answer>): Promise<Answer> => {
    if (key.length > 1_000) throw new Problem(400, 'the Idempotency-Key is too long');
    if (inProgress.has(key)) throw busy();
    inProgress.add(key);
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    try {
      return await transact(database, async (session) => {
        // held until the transaction ends: another replica with the same key is told so
        if (!(await session.tryLock(`idempotency ${key}`))) throw busy();
        const [row] = await session.query('select fingerprint, answer from camp_idempotency where key = $1', [key]);
        if (row && row.fingerprint !== fingerprint)
          throw new Problem(422, 'this Idempotency-Key was used with another request');
        if (row) return replayed(JSON.parse(row.answer) as Answer);
        const answer = await handler();
        if ((answer.status ?? 200) < 500)
          await session.query(
            'insert into camp_idempotency (key, fingerprint, answer, stored_at) values ($1, $2, $3, $4)',
            [key, fingerprint, JSON.stringify(answer), Date.now()],
          );
        current()?.signal?.throwIfAborted(); // who has been told that it failed must not find it done
        return answer;
      });
    } finally {
      inProgress.delete(key);
    }
  };
}

const replayed = (answer: Answer): Answer => ({
  ...answer,
  headers: { ...answer.headers, 'idempotent-replayed': 'true' },
});
