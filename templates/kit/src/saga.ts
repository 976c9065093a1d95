import { currentOrNew, within } from './context.ts';
import type { Database, Session } from './database.ts';
import { createPatientLog, describe, log } from './log.ts';
import { createTx } from './outbox.ts';
import { equalJitter } from './retry.ts';
import type { Event, EventHandler, Saga, SagaOptions, SagaStep, Tx } from './types.ts';
import { transact } from './unit.ts';
import { sleep } from './wait.ts';

/**
 * doing ──(all steps done)──────────────▶ done
 *   └─(a step failed, or the deadline)──▶ undoing ──(all undone)──▶ undone ──(a late "done")──▶ undoing, that step alone
 */
type State = 'doing' | 'undoing' | 'done' | 'undone';

interface Row {
  readonly saga: string;
  readonly id: string;
  readonly state: State;
  readonly step: number;
  /** Undoing ends below this step. */
  readonly down_to: number;
  readonly tries: number;
  readonly has_ended: number;
  readonly data: string;
  readonly reason: string;
  readonly due: number;
  readonly request_id: string;
  readonly trace_id: string;
}

export interface SagaParts {
  readonly service: string;
  readonly database: Database;
  now(): number;
  kick(): void;
}

export interface BuiltSaga<T> extends Saga<T> {
  /** For each event type that answers a step. */
  readonly handlers: ReadonlyMap<string, EventHandler>;
  /** Undoes what is late and asks again for what is not undone; how many. */
  tick(parts: SagaParts): Promise<number>;
}

const never = Number.MAX_SAFE_INTEGER;

/**
 * A persisted orchestrator: its row, its commands and its end are always one transaction. Compensation in reverse order is Garcia-Molina and
 * Salem, Sagas (1987); that it is asked for until it succeeds is what makes it safe.
 */
export function createSaga<T extends object>(name: string, options: SagaOptions<T>, now: () => number): BuiltSaga<T> {
  const { steps, deadlineMs = 60_000 } = options;
  const handlers = new Map<string, EventHandler>();
  for (const type of new Set(steps.flatMap(({ done, failed, undone }) => [done, failed, ...(undone ? [undone] : [])]))) {
    handlers.set(type, (event, tx) => onEvent(event, tx));
  }

  async function begin(tx: Tx, id: string, data: T): Promise<void> {
    const { requestId, traceId } = currentOrNew();
    const rows = await tx.query(
      `insert into camp_sagas (saga, id, state, step, down_to, tries, has_ended, data, reason, due, request_id, trace_id)
       values ($1, $2, 'doing', 0, 0, 0, 0, $3, '', $4, $5, $6) on conflict do nothing returning id`,
      [name, id, JSON.stringify(data), now() + deadlineMs, requestId, traceId],
    );
    if (rows.length > 0) await command(tx, { id, data: JSON.stringify(data) }, steps[0]?.command);
  }

  const command = async (tx: Tx, row: Pick<Row, 'id' | 'data'>, type: string | undefined) => {
    if (type) await tx.emit(type, { ...JSON.parse(row.data), sagaId: row.id });
  };

  async function save(tx: Tx, row: Row, change: Partial<Row>): Promise<Row> {
    const next = { ...row, ...change };
    await tx.query('update camp_sagas set state = $3, step = $4, down_to = $5, tries = $6, has_ended = $7, data = $8, reason = $9, due = $10 where saga = $1 and id = $2', [
      name, next.id, next.state, next.step, next.down_to, next.tries, next.has_ended, next.data, next.reason, next.due,
    ]);
    return next;
  }

  async function onEvent(event: Event, tx: Tx): Promise<void> {
    const id = event.data?.sagaId;
    if (typeof id !== 'string') return;
    const [row] = await tx.query<Row>('select * from camp_sagas where saga = $1 and id = $2 for update', [name, id]);
    if (!row) return;
    const is = (key: 'done' | 'failed' | 'undone') => steps.findIndex((step) => step[key] === event.type);
    const current = steps[row.step];
    if (row.state === 'doing' && current?.done === event.type) await advance(tx, row, event);
    else if (row.state === 'doing' && current?.failed === event.type) await undoFrom(tx, row, row.step - 1, String(event.data.reason ?? `${current.name} failed`), event);
    else if (row.state === 'undoing' && current?.undone === event.type) await undoFrom(tx, row, row.step - 1, row.reason);
    else if (is('done') >= 0) await onLate(tx, row, is('done'));
  }

  async function advance(tx: Tx, row: Row, event: Event): Promise<void> {
    const data = JSON.stringify({ ...JSON.parse(row.data), ...withoutId(event.data) });
    const step = row.step + 1;
    if (step < steps.length) {
      await command(tx, await save(tx, row, { step, data }), steps[step]?.command);
      return;
    }
    const done = await save(tx, row, { state: 'done', step, data, has_ended: 1, due: never });
    log('saga done', { saga: name, sagaId: row.id });
    await options.onDone?.(tx, { id: row.id, data: JSON.parse(done.data), reason: '' });
  }

  /** Takes back this step and those before it; those that have nothing to take back are passed over. */
  async function undoFrom(tx: Tx, row: Row, from: number, reason: string, event?: Event): Promise<void> {
    const data = event ? JSON.stringify({ ...JSON.parse(row.data), ...withoutId(event.data) }) : row.data;
    let step = from;
    for (; step >= row.down_to; step--) {
      const { undo, undone } = steps[step] as SagaStep;
      if (undo) await command(tx, { id: row.id, data }, undo);
      if (undo && undone) break;
    }
    if (step >= row.down_to) {
      await save(tx, row, { state: 'undoing', step, data, reason, tries: 0, due: now() + equalJitter(1, 2_000, 2_000) });
      if (row.state === 'doing') log.warn('saga is undone', { saga: name, sagaId: row.id, reason });
      return;
    }
    await save(tx, row, { state: 'undone', step, data, reason, has_ended: 1, due: never });
    log('saga undone', { saga: name, sagaId: row.id, reason });
    // what came late was taken back alone: the saga has ended before
    if (!row.has_ended) await options.onUndone?.(tx, { id: row.id, data: JSON.parse(data), reason });
  }

  /** A step that was done after it had been given up: it must be taken back too, whatever its undo met before. */
  async function onLate(tx: Tx, row: Row, step: number): Promise<void> {
    if (row.state === 'undone') await undoFrom(tx, { ...row, down_to: step }, step, row.reason);
    else if (row.state === 'undoing' && step >= row.step) await undoFrom(tx, row, step, row.reason);
  }

  async function tick({ database, service, kick }: SagaParts): Promise<number> {
    const [row] = await database.query<Row>('select * from camp_sagas where saga = $1 and due <= $2 order by due limit 1', [name, now()]);
    if (!row) return 0;
    await within({ requestId: row.request_id, traceId: row.trace_id }, () => transact(database, (session) => onDue(session, service, row.id)));
    kick();
    return 1;
  }

  async function onDue(session: Session, service: string, id: string): Promise<void> {
    const tx = createTx(session, service);
    const [row] = await tx.query<Row>('select * from camp_sagas where saga = $1 and id = $2 and due <= $3 for update', [name, id, now()]);
    if (!row) return; // another replica, or an answer, was faster
    const step = steps[row.step];
    if (row.state === 'doing') return undoFrom(tx, row, row.step, `${step?.name ?? 'the saga'} took longer than ${deadlineMs} ms`);
    // no answer to the undo yet: asked again, less and less often, for ever
    await command(tx, row, step?.undo);
    await save(tx, row, { tries: row.tries + 1, due: now() + equalJitter(row.tries + 2, 2_000, 60_000) });
    log.warn('undo is asked for again', { saga: name, sagaId: row.id, step: step?.name, tries: row.tries + 1 });
  }

  return { begin, handlers, tick };
}

function withoutId(data: unknown): object {
  const { sagaId: _, ...rest } = (data ?? {}) as Record<string, unknown>;
  return rest;
}

/** Looks for due sagas, often enough for deadlines in seconds. */
export function watchSagas(sagas: readonly BuiltSaga<any>[], parts: SagaParts): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const complain = createPatientLog();
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      let count = 0;
      try {
        for (const saga of sagas) count += await saga.tick(parts);
      } catch (error) {
        complain(`cannot look after sagas at the moment: ${describe(error)}`);
      }
      if (count === 0) await sleep(500, stopping.signal);
    }
  }
  const running = sagas.length > 0 ? run() : Promise.resolve();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
