import type { Graves, Letter } from './dlq-letters.ts';
import { connectNats, type NatsClient } from './nats-client.ts';

const timeoutMs = 5_000;

/** The stream `dlq` of a broker. */
export async function brokersGraves(url: string): Promise<Graves> {
  const nats = await connectNats(url, timeoutMs);
  try {
    return {
      letters: await lettersAt(nats),
      replay: (letter) => replay(nats, letter),
      close: () => nats.close(),
    };
  } catch (error) {
    nats.close();
    throw error;
  }
}

/** All that the stream `dlq` holds, the oldest first; the id of a letter is its number there. */
async function lettersAt(nats: NatsClient): Promise<readonly Letter[]> {
  const letters: Letter[] = [];
  for (let seq = 1; ; ) {
    const { message, isMissing } = await api(nats, 'STREAM.MSG.GET.dlq', { seq, next_by_subj: 'dlq.>' });
    // no stream: nothing has died yet
    if (isMissing || !message) return letters;
    const body = JSON.parse(Buffer.from(message.data ?? '', 'base64').toString()) as Omit<Letter, 'id'>;
    letters.push({ ...body, id: String(message.seq) });
    seq = message.seq + 1;
  }
}

/** Another message for the broker, which would drop one that it knows; the same event for whoever handles it. */
async function replay(nats: NatsClient, { id, event }: Letter): Promise<void> {
  const headers = {
    'Nats-Msg-Id': `${event.id}.replay.${id}`,
    'x-request-id': event.requestId,
    traceparent: event.traceparent,
  };
  checked(await nats.request(`events.${event.type}`, JSON.stringify(event), headers));
  await api(nats, 'STREAM.MSG.DELETE.dlq', { seq: Number(id) });
}

interface Answer {
  readonly message?: { readonly seq: number; readonly data?: string };
  readonly error?: { readonly code: number; readonly description?: string };
}

async function api(nats: NatsClient, verb: string, body: object): Promise<Answer & { readonly isMissing: boolean }> {
  return checked(await nats.request(`$JS.API.${verb}`, JSON.stringify(body)));
}

/** An error that says no more than that there is none is an answer. */
function checked(text: string): Answer & { readonly isMissing: boolean } {
  // said by NATS itself, where nobody listens on the subject
  if (text === '') throw new Error('NATS runs without JetStream (start it with -js), or has no stream for it');
  const answer = JSON.parse(text) as Answer;
  const isMissing = answer.error?.code === 404;
  if (answer.error && !isMissing)
    throw new Error(answer.error.description ?? `the broker answered ${answer.error.code}`);
  return { ...answer, isMissing };
}
