import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers as createHeaders } from '@nats-io/transport-node';
import { eventPrefix } from './broker.ts';
import type { Buried, DeadLetters } from './dead-letters.ts';
import { server } from './nats.ts';
import type { DeadLetter } from './types.ts';

/** The stream `dlq`: the id of a dead letter is its number there. */
export async function openNatsLetters(url: string): Promise<DeadLetters> {
  const nats = await connect({ ...server(url), name: 'dlq', timeout: 5_000, maxReconnectAttempts: 3 });
  const manager = await jetstreamManager(nats, { timeout: 5_000 });

  async function list(): Promise<Buried[]> {
    const info = await manager.streams.info('dlq').catch(() => undefined); // nothing has died yet
    const letters: Buried[] = [];
    if (!info || info.state.messages === 0) return letters;
    for (let number = info.state.first_seq; number <= info.state.last_seq; number++) {
      const message = await manager.streams.getMessage('dlq', { seq: number }).catch(() => null);
      if (message) letters.push({ ...message.json<DeadLetter>(), id: String(number) });
    }
    return letters;
  }

  async function replay({ id, event }: Buried): Promise<void> {
    const headers = createHeaders();
    headers.set('x-request-id', event.requestId);
    headers.set('traceparent', event.traceparent);
    // another message for the broker, which would drop the one it knows; the same event for everybody who handles it
    const msgID = `${event.id}.replay.${id}`;
    await jetstream(nats).publish(eventPrefix + event.type, JSON.stringify(event), { msgID, headers, timeout: 5_000 });
    await manager.streams.deleteMessage('dlq', Number(id));
  }

  return { list, replay, close: () => nats.close() };
}
