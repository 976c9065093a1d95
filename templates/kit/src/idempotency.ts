import { createHash } from 'node:crypto';
import type { Database, Session } from './database.ts';
import { Problem } from './problem.ts';
import type { Answer } from './types.ts';
import { createUnit } from './unit.ts';
import { within, currentOrNew } from './context.ts';

/** Thrown inside of a request to end it with the answer that its key had before. */
class Before extends Error {
  readonly answer: Answer;
  constructor(answer: Answer) {
    super('answered before');
    this.answer = answer;
  }
}

const busy = () => new Problem(409, 'a request with this Idempotency-Key is in progress', { headers: { 'retry-after': '1' } });

/**
 * Runs a handler at most once in effect for each key. Key, answer and everything the handler writes are one transaction, so that a crash
 * at any point leaves either all of it or nothing. The header and its 409 and 422 are those of draft-ietf-httpapi-idempotency-key-header.
 */
export function createIdempotency(database: Database): (key: string, fingerprint: string, handler: () => Promise<Answer>) => Promise<Answer> {
  const inProgress = new Set<string>();

  async function lookUp(session: Session, key: string, fingerprint: string): Promise<void> {
    const [row] = await session.query<{ fingerprint: string; answer: string }>('select fingerprint, answer from camp_idempotency where key = $1', [key]);
    if (!row) return;
    if (row.fingerprint !== fingerprint) throw new Problem(422, 'this Idempotency-Key was used with another request');
    throw new Before(JSON.parse(row.answer) as Answer);
  }

  /** The transaction holds the key's lock until it ends: another replica with the same key is told so. */
  async function claim(session: Session, key: string, fingerprint: string): Promise<void> {
    if (database.kind === 'postgres') {
      const [lock] = await session.query<{ ok: boolean }>('select pg_try_advisory_xact_lock(hashtextextended($1, 7)) as ok', [`idempotency ${key}`]);
      if (!lock?.ok) throw busy();
    }
    await lookUp(session, key, fingerprint);
  }

  async function run(key: string, fingerprint: string, handler: () => Promise<Answer>): Promise<Answer> {
    await lookUp(database, key, fingerprint);
    const unit = createUnit(database, (session) => claim(session, key, fingerprint));
    try {
      const answer = await within({ ...currentOrNew(), unit }, handler);
      if ((answer.status ?? 200) < 500) {
        await unit.part((session) =>
          session.query('insert into camp_idempotency (key, fingerprint, answer, stored_at) values ($1, $2, $3, $4)', [key, fingerprint, JSON.stringify(answer), Date.now()]),
        );
      }
      currentOrNew().signal?.throwIfAborted(); // who has been told that it failed must not find it done
      await unit.commit();
      return answer;
    } catch (error) {
      await unit.rollback().catch(() => {});
      throw error;
    }
  }

  return async (key, fingerprint, handler) => {
    if (key.length > 255) throw new Problem(400, 'the Idempotency-Key is longer than 255 characters');
    if (inProgress.has(key)) throw busy();
    inProgress.add(key);
    try {
      return await run(key, fingerprint, handler);
    } catch (error) {
      if (error instanceof Before) return { ...error.answer, headers: { ...error.answer.headers, 'idempotent-replayed': 'true' } };
      throw error;
    } finally {
      inProgress.delete(key);
    }
  };
}

export const fingerprintOf = (...parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');
