import { CampError, fail } from '../kit/failure.ts';
import { connectNats, type NatsClient } from './nats-client.ts';

/** What a consumer has given up, as all of them write it, in whatever language (templates/kit/src/types.ts). */
interface Letter {
  readonly id: string;
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly requestId: string;
    readonly traceparent: string;
  };
  readonly consumer: string;
  readonly reason: string;
  readonly attempts: number;
  readonly time: string;
}

const timeoutMs = 5_000;

/**
 * What the kit's program for dead letters does at a broker (templates/kit/src/dlq-cli.ts), for projects without a kit: `ls`, `show
 * ID`, `replay ID`, `replay --all`, with `--json`. The text to print. Throws NO_DEAD_LETTER (usage) and
 * DLQ_UNREACHABLE (service).
 */
export async function brokersLetters(url: string, args: readonly string[]): Promise<string> {
  let nats: NatsClient | undefined;
  try {
    nats = await connectNats(url, timeoutMs);
    const all = await lettersAt(nats);
    const [verb = 'ls', ...ids] = args.filter((arg) => !arg.startsWith('--'));
    const letters = verb === 'ls' || args.includes('--all') ? all : ids.flatMap((id) => found(all, id));
    if (verb === 'replay') for (const letter of letters) await replay(nats, letter);
    return printed(verb, letters, args.includes('--json'));
  } catch (error) {
    if (error instanceof CampError) throw error;
    return fail('service', 'DLQ_UNREACHABLE', error instanceof Error ? error.message : String(error), {
      hints: ['camp ps', 'camp logs'],
    });
  } finally {
    nats?.close();
  }
}

/** By its number, or by the event's id, which may have died in several consumers. */
function found(all: readonly Letter[], wanted: string): readonly Letter[] {
  const letters = all.filter(({ id, event }) => id === wanted || event.id === wanted);
  if (letters.length > 0) return letters;
  return fail('usage', 'NO_DEAD_LETTER', `no dead letter ${wanted}; ls lists them`, { hints: ['camp dlq ls'] });
}

function printed(verb: string, letters: readonly Letter[], isJson: boolean): string {
  const replayed = letters.map(({ id, consumer, event }) => ({ id, consumer, eventId: event.id, type: event.type }));
  if (isJson) return JSON.stringify(verb === 'replay' ? { replayed } : { letters }, null, 2);
  if (verb === 'show') return letters.map((letter) => JSON.stringify(letter, null, 2)).join('\n');
  if (verb === 'replay')
    return (
      replayed.map(({ id, type, consumer }) => `replayed ${id}  ${type}  for ${consumer}`).join('\n') ||
      'nothing to replay'
    );
  const line = ({ id, time, consumer, event, attempts, reason }: Letter): string =>
    [id, time, consumer, event.type, `${attempts}×`, reason].join('  ');
  return letters.map(line).join('\n') || 'no dead letters';
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
