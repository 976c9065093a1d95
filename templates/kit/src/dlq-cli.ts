/**
 * `node packages/kit/src/dlq-cli.ts ls | show ID… | replay ID… | replay --all [--json]`: dead letters at NATS_URL or, where that is not
 * set, in DATABASE_URL; and in each of DATABASE_URLS (a JSON array) that has some. Ends with 2 where there is no such letter.
 */
import { parseArgs } from 'node:util';
import { type Buried, type DeadLetters, openStoredLetters } from './dead-letters.ts';
import { describe } from './log.ts';

const usage = 'usage: dlq-cli.ts ls | show ID… | replay ID… | replay --all   [--json]';

/** A letter, and who can send it again. */
interface Found {
  readonly letter: Buried;
  readonly source: DeadLetters;
}

/** What was asked for is wrong. */
class Unknown extends Error {}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' }, all: { type: 'boolean' } } });
  const [verb = 'ls', ...ids] = positionals;
  const sources = await open();
  try {
    const all: Found[] = [];
    for (const source of sources) for (const letter of await source.list()) all.push({ letter, source });
    const chosen = verb === 'ls' || values.all ? all : ids.flatMap((id) => find(all, id));
    const letters = chosen.map(({ letter }) => letter);
    if (verb === 'ls') print(values.json, { letters }, lines(letters));
    else if (verb === 'show' && ids.length > 0) print(values.json, { letters }, letters.map((letter) => JSON.stringify(letter, null, 2)).join('\n'));
    else if (verb === 'replay' && (values.all || ids.length > 0)) await replay(chosen, values.json);
    else throw new Unknown(usage);
  } finally {
    for (const source of sources) await source.close();
  }
}

async function open(): Promise<DeadLetters[]> {
  const { env } = process;
  const nats = env['NATS_URL'] || env['NATS'];
  const single = nats ? undefined : env['DATABASE_URL'] || env['DB'];
  const databases = [...(single ? [single] : []), ...(JSON.parse(env['DATABASE_URLS'] || '[]') as string[])];
  if (!nats && databases.length === 0) throw new Unknown('set NATS_URL or DATABASE_URL: where are the dead letters?');
  const found = await Promise.all([nats && import('./nats-dlq.ts').then(({ openNatsLetters }) => openNatsLetters(nats)), ...databases.map(openStoredLetters)]);
  const sources = found.filter((source) => typeof source === 'object');
  if (sources.length === 0) throw new Unknown('no database here keeps dead letters: none has the table camp_dead_letters, which a service with the kit makes when it starts');
  return sources;
}

/** By its number, or by the event's id, which may have died in several consumers. */
function find(all: readonly Found[], id: string): readonly Found[] {
  const found = all.filter(({ letter }) => letter.id === id || letter.event.id === id);
  if (found.length === 0) throw new Unknown(`no dead letter ${id}; ls lists them`);
  return found;
}

async function replay(chosen: readonly Found[], json: boolean | undefined): Promise<void> {
  for (const { letter, source } of chosen) await source.replay(letter);
  const replayed = chosen.map(({ letter: { id, consumer, event } }) => ({ id, consumer, eventId: event.id, type: event.type }));
  print(json, { replayed }, replayed.map(({ id, type, consumer }) => `replayed ${id}  ${type}  for ${consumer}`).join('\n') || 'nothing to replay');
}

function lines(all: readonly Buried[]): string {
  return all.map(({ id, time, consumer, event, attempts, reason }) => [id, time, consumer, event.type, `${attempts}×`, reason].join('  ')).join('\n') || 'no dead letters';
}

/** For programs one object, whatever there is. */
function print(json: boolean | undefined, value: object, words: string): void {
  process.stdout.write(`${json ? JSON.stringify(value, null, 2) : words}\n`);
}

main().catch((error) => {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = error instanceof Unknown ? 2 : 1;
});
