import { currentOrNew, within } from './context.ts';
import { type Database, transact } from './database.ts';
import { log } from './log.ts';
import { equalJitter } from './retry.ts';
import type { Event, SagaOptions, Tx } from './types.ts';

interface Row {
  readonly id: string;
  /**
   * doing ──(all steps done)──────────────▶ done
   *   └─(a step failed, or the deadline)──▶ undoing ──(all undone)──▶ undone ◀──(all undone)── late
   *                                                                     └──(a late "done")──────▲
   */
  readonly state: 'doing' | 'undoing' | 'late' | 'done' | 'undone';
  readonly step: number;
  readonly tries: number;
  readonly data: string;
  readonly reason: string;
  readonly due: number;
  readonly request_id: string;
  readonly trace_id: string;
}

export type Saga<T = any> = ReturnType<typeof createSaga<T>>;

const never = Number.MAX_SAFE_INTEGER;

/**
 * A persisted orchestrator: its row, its commands and its end are always one transaction. Compensation in reverse order
 * is Garcia-Molina and Salem, Sagas (1987); that it is asked for until it succeeds is what makes it safe.
 */
export function createSaga<T>(name: string, options: SagaOptions<T>, now: () => number) {
  const { steps, deadlineMs = 60_000 } = options;

  async function command(tx: Tx, { id, data }: Pick<Row, 'id' | 'data'>, type: string | undefined): Promise<void> {
    if (type) await tx.emit(type, { ...JSON.parse(data), sagaId: id });
  }

  async function save(tx: Tx, { id, state, step, tries, data, reason, due }: Row): Promise<void> {
    await tx.query(
      `update camp_sagas set state = $3, step = $4, tries = $5, data = $6, reason = $7, due = $8
       where saga = $1 and id = $2`,
      [name, id, state, step, tries, data, reason, due],
    );
  }

  /** For each event type that answers a step. */
  async function onAnswer({ type, data }: Event, tx: Tx): Promise<void> {
    const { sagaId, ...news } = data ?? {};
    if (typeof sagaId !== 'string') return;
    const sql = 'select * from camp_sagas where saga = $1 and id = $2 for update';
    const [row] = await tx.query<Row>(sql, [name, sagaId]);
    if (!row) return;
    const current = steps[row.step];
    const merged = { ...row, data: JSON.stringify({ ...JSON.parse(row.data), ...news }) };
    if (row.state === 'doing') {
      if (current?.done === type) await advance(tx, merged, row.step + 1);
      if (current?.failed !== type) return;
      return undoFrom(tx, { ...merged, reason: String(data.reason ?? `${current.name} failed`) }, row.step - 1);
    }
    // a step that was done after it had been given up must be taken back too, whatever its undo met before
    const late = steps.findIndex(({ done }) => done === type);
    if (row.state === 'undone') return late < 0 ? undefined : undoFrom(tx, { ...row, state: 'late' }, late);
    if (row.state === 'done') return;
    if (current?.undone === type) await undoFrom(tx, row, row.step - 1);
    else if (late >= row.step) await undoFrom(tx, row, late);
  }

  async function advance(tx: Tx, row: Row, step: number): Promise<void> {
    const { id } = row;
    if (step < steps.length) {
      await save(tx, { ...row, step });
      return command(tx, row, steps[step]?.command);
    }
    await save(tx, { ...row, step, state: 'done', due: never });
    log('saga done', { saga: name, sagaId: id });
    await options.onDone?.(tx, { id, data: JSON.parse(row.data) });
  }

  /** Takes back this step and those before it; those that have nothing to take back are passed over. */
  async function undoFrom(tx: Tx, row: Row, from: number): Promise<void> {
    const { id, reason } = row;
    const state = row.state === 'late' ? 'late' : 'undoing';
    if (row.state === 'doing') log.warn('saga is undone', { saga: name, sagaId: id, reason });
    for (let step = from; step >= 0; step--) {
      const { undo, undone } = steps[step]!;
      await command(tx, row, undo);
      if (undo && undone) return save(tx, { ...row, state, step, tries: 0, due: now() + equalJitter(1, 2_000, 2_000) });
    }
    await save(tx, { ...row, state: 'undone', step: -1, due: never });
    log('saga undone', { saga: name, sagaId: id, reason });
    if (state === 'undoing') await options.onUndone?.(tx, { id, data: JSON.parse(row.data), reason });
  }

  async function onDue(tx: Tx, id: string): Promise<void> {
    const sql = 'select * from camp_sagas where saga = $1 and id = $2 and due <= $3 for update';
    const [row] = await tx.query<Row>(sql, [name, id, now()]);
    if (!row) return; // another replica, or an answer, was faster
    const step = steps[row.step];
    if (row.state === 'doing')
      return undoFrom(tx, { ...row, reason: `${step?.name} took longer than ${deadlineMs} ms` }, row.step);
    // no answer to the undo yet: asked again, less and less often, for ever
    const tries = row.tries + 1;
    await command(tx, row, step?.undo);
    await save(tx, { ...row, tries, due: now() + equalJitter(tries + 1, 2_000, 60_000) });
    log.warn('undo is asked for again', { saga: name, sagaId: id, step: step?.name, tries });
  }

  return {
    /** A second begin with the same id does nothing. */
    async begin(tx: Tx, id: string, data: T): Promise<void> {
      const { requestId, traceId } = currentOrNew();
      const rows = await tx.query<Row>(
        `insert into camp_sagas (saga, id, state, step, tries, data, reason, due, request_id, trace_id)
         values ($1, $2, 'doing', 0, 0, $3, '', $4, $5, $6) on conflict do nothing returning id, data`,
        [name, id, JSON.stringify(data), now() + deadlineMs, requestId, traceId],
      );
      for (const row of rows) await command(tx, row, steps[0]?.command);
    },
    answers: new Set(steps.flatMap(({ done, failed, undone = done }) => [done, failed, undone])),
    onAnswer,
    /** Undoes one that is late, or asks again for what is not undone; false where there is none. */
    async tick(database: Database): Promise<boolean> {
      const sql = 'select * from camp_sagas where saga = $1 and due <= $2 order by due limit 1';
      const [row] = await database.query<Row>(sql, [name, now()]);
      const ids = { requestId: row?.request_id ?? '', traceId: row?.trace_id ?? '' };
      if (row) await within(ids, () => transact(database, (tx) => onDue(tx, row.id)));
      return row !== undefined;
    },
  };
}
