import { existsSync } from 'node:fs';
import { openDatabase, sqliteFile } from './database.ts';
import type { DeadLetter } from './types.ts';

/** A dead letter where it lies. */
export interface Buried extends DeadLetter {
  readonly id: string;
  /** Sends the event again, under its own id: consumers that had succeeded do nothing, the other tries anew. */
  replay(): Promise<void>;
}

/** Where dead letters lie. */
export interface Graveyard {
  readonly letters: readonly Buried[];
  close(): Promise<void>;
}

/** What `bury` has kept; undefined where no service with the kit has been at work in this database. */
export async function openStored(url: string): Promise<Graveyard | undefined> {
  if (!/^postgres(ql)?:/.test(url) && !existsSync(sqliteFile(url))) return undefined; // to open it would make it
  const database = await openDatabase('dlq', url);
  const replay = (id: string, { event }: DeadLetter) =>
    database.transaction(async ({ query }) => {
      await query('insert into camp_outbox (id, body) values ($1, $2)', [event.id, JSON.stringify(event)]);
      await query('delete from camp_dead_letters where id = $1', [id]);
    });
  try {
    const rows = await database.query('select id, body from camp_dead_letters order by dead_at');
    const letters = rows.map(({ id, body }) => {
      const letter = JSON.parse(body) as DeadLetter;
      return { ...letter, id, replay: () => replay(id, letter) };
    });
    return { letters, close: () => database.close() };
  } catch (error) {
    await database.close();
    const { code, message } = error as { code?: string; message: string };
    if (code === '42P01' || /no such table/.test(message)) return undefined;
    throw error;
  }
}

/** The broker's stream `dlq`: the id of a dead letter is its number there. */
export async function openStream(url: string): Promise<Graveyard> {
  const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
  const { connect, headers } = await import('@nats-io/transport-node');
  const { server } = await import('./nats.ts');
  const nats = await connect({ ...server(url), name: 'dlq', timeout: 5_000, maxReconnectAttempts: 3 });
  const { streams } = await jetstreamManager(nats, { timeout: 5_000 });

  async function replay(seq: number, { event }: DeadLetter): Promise<void> {
    const ids = headers();
    ids.set('x-request-id', event.requestId);
    ids.set('traceparent', event.traceparent);
    // another message for the broker, which would drop the one it knows; the same event for whoever handles it
    const options = { msgID: `${event.id}.replay.${seq}`, headers: ids, timeout: 5_000 };
    await jetstream(nats).publish(`events.${event.type}`, JSON.stringify(event), options);
    await streams.deleteMessage('dlq', seq);
  }

  const info = await streams.info('dlq').catch(() => undefined); // nothing has died yet
  const letters: Buried[] = [];
  for (let seq = info?.state.first_seq ?? 1; seq <= (info?.state.last_seq ?? 0); seq++) {
    const letter = (await streams.getMessage('dlq', { seq }).catch(() => null))?.json<DeadLetter>();
    if (letter) letters.push({ ...letter, id: String(seq), replay: () => replay(seq, letter) });
  }
  return { letters, close: () => nats.close() };
}
