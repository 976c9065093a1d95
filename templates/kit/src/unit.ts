import { current, currentOrNew, within } from './context.ts';
import type { Database, Session, Transaction } from './database.ts';
import { createTurns } from './wait.ts';

/**
 * One transaction that may have several parts: `app.tx` inside of a transaction, or several in one idempotent request.
 * It opens with the first part, and a part that fails takes only itself back.
 */
export interface Unit {
  part<T>(work: (session: Session) => Promise<T>): Promise<T>;
  readonly isOpen: boolean;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** Contexts inside of a part: what joins from there must not wait for the part to end. */
const inside = new WeakSet<object>();

/** `onOpen` runs first in the transaction. */
export function createUnit(database: Database, onOpen?: (session: Session) => Promise<void>): Unit {
  const turn = createTurns();
  let open: Transaction | undefined;
  let parts = 0;

  async function begin(): Promise<Transaction> {
    const transaction = await database.begin();
    try {
      await onOpen?.(transaction);
      return transaction;
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  }

  async function guarded<T>(transaction: Transaction, work: () => Promise<T>): Promise<T> {
    const name = `part_${++parts}`;
    await transaction.query(`savepoint ${name}`);
    try {
      return await work();
    } catch (error) {
      await transaction.query(`rollback to savepoint ${name}`).catch(() => {}); // a lost connection has nothing to take back
      throw error;
    }
  }

  const unit: Unit = {
    get isOpen() {
      return open !== undefined;
    },
    async part(work) {
      const context = currentOrNew();
      const release = inside.has(context) ? () => {} : await turn();
      try {
        const isFirst = open === undefined;
        const transaction = (open ??= await begin());
        const deeper = { ...context, unit };
        inside.add(deeper);
        const run = () => within(deeper, () => work(transaction));
        // the only part of a plain transaction needs no savepoint: all of it is rolled back
        return isFirst && onOpen === undefined ? await run() : await guarded(transaction, run);
      } finally {
        release();
      }
    },
    commit: async () => open?.commit(),
    rollback: async () => open?.rollback(),
  };
  return unit;
}

/** Runs work in the transaction of this context, or in one of its own. */
export async function transact<T>(database: Database, work: (session: Session) => Promise<T>): Promise<T> {
  const joined = current()?.unit;
  if (joined) return joined.part(work);
  const unit = createUnit(database);
  try {
    const result = await unit.part(work);
    await unit.commit();
    return result;
  } catch (error) {
    await unit.rollback().catch(() => {});
    throw error;
  }
}
