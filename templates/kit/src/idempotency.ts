import { createHash } from 'node:crypto';
import { current } from './context.ts';
import { type Database, transact } from './database.ts';
import { Problem } from './problem.ts';
import type { Answer } from './types.ts';

/**
 * Runs a handler at most once in effect for each key. Key, answer and what the handler writes are one transaction: a
 * crash leaves all of it or nothing. The header, 409 and 422 are those of draft-ietf-httpapi-idempotency-key-header.
 */
export function createIdempotency(database: Database) {
  const inProgress = new Set<string>();

  return async (key: string, request: readonly string[], handler: () => Promise<Answer>): Promise<Answer> => {
    if (key.length > 1_000) throw new Problem(400, 'the Idempotency-Key is too long');
    const soon = { headers: { 'retry-after': '1' } };
    if (inProgress.has(key)) throw new Problem(409, 'a request with this Idempotency-Key is in progress', soon);
    inProgress.add(key);
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const once = transact(database, async ({ query }) => {
      // waits for another replica that has the same key in progress
      const isNew = await query(
        `insert into camp_idempotency (key, fingerprint, answer, stored_at) values ($1, $2, '', $3)
         on conflict do nothing returning key`,
        [key, fingerprint, Date.now()],
      );
      if (isNew.length === 0) {
        const [row] = await query('select fingerprint, answer from camp_idempotency where key = $1', [key]);
        const isSame = row.fingerprint === fingerprint;
        if (!isSame) throw new Problem(422, 'this Idempotency-Key was used with another request');
        const answer: Answer = JSON.parse(row.answer);
        return { ...answer, headers: { ...answer.headers, 'idempotent-replayed': 'true' } };
      }
      const answer = await handler();
      if ((answer.status ?? 200) >= 500) await query('delete from camp_idempotency where key = $1', [key]);
      else await query('update camp_idempotency set answer = $2 where key = $1', [key, JSON.stringify(answer)]);
      current()?.signal?.throwIfAborted(); // who has been told that it failed must not find it done
      return answer;
    });
    return once.finally(() => inProgress.delete(key));
  };
}
