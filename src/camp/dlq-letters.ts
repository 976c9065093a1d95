import { fail } from '../kit/failure.ts';

/** What a consumer has given up, as all of them write it, in whatever language (templates/kit/src/types.ts). */
export interface Letter {
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
  readonly id: string;
}

/** Where dead letters lie: with a broker, or in a database. */
export interface Graves {
  readonly letters: readonly Letter[];
  /** Gives the event to its consumers once more. */
  replay(letter: Letter): Promise<unknown>;
  close(): void;
}

/** Does as `ls`, `show ID`, `replay ID` or `replay --all` say, with `--json`: the text to print. Throws NO_DEAD_LETTER (usage). */
export async function tend(graves: readonly Graves[], args: readonly string[]): Promise<string> {
  const [verb = 'ls', ...ids] = args.filter((arg) => !arg.startsWith('--'));
  const all = graves.flatMap(({ letters }) => letters);
  const letters = verb === 'ls' || args.includes('--all') ? all : ids.flatMap((id) => found(all, id));
  if (verb === 'replay')
    for (const letter of letters) await graves.find((each) => each.letters.includes(letter))?.replay(letter);
  return printed(verb, letters, args.includes('--json'));
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
