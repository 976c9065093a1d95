/**
 * `node packages/kit/src/dlq-cli.ts ls | show ID… | replay ID… | replay --all [--json]`: dead letters at NATS_URL or,
 * where that is not set, in DATABASE_URL or the file DB; and in each of DATABASE_URLS (a JSON array) that has some.
 * Ends with 2 where there is no such letter.
 */
import { parseArgs } from 'node:util';
import { type Buried, openStored, openStream } from './dead-letters.ts';
import { describe } from './log.ts';

/** What was asked for is wrong. */
class Unknown extends Error {}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, all: { type: 'boolean' } },
});
const [verb = 'ls', ...ids] = positionals;

async function main(all: readonly Buried[]): Promise<void> {
  // by its number, or by the event's id, which may have died in several consumers
  const find = (wanted: string) => {
    const found = all.filter(({ id, event }) => id === wanted || event.id === wanted);
    if (found.length === 0) throw new Unknown(`no dead letter ${wanted}; ls lists them`);
    return found;
  };
  const letters = verb === 'ls' || values.all ? all : ids.flatMap(find);
  if (verb === 'ls') print({ letters }, letters.map(line), 'no dead letters');
  else if (verb === 'show' && ids.length > 0)
    print(
      { letters },
      letters.map((letter) => JSON.stringify(letter, null, 2)),
    );
  else if (verb === 'replay' && (values.all || ids.length > 0)) {
    for (const letter of letters) await letter.replay();
    const replayed = letters.map(({ id, consumer, event }) => ({ id, consumer, eventId: event.id, type: event.type }));
    const lines = replayed.map(({ id, type, consumer }) => `replayed ${id}  ${type}  for ${consumer}`);
    print({ replayed }, lines, 'nothing to replay');
  } else throw new Unknown('usage: dlq-cli.ts ls | show ID… | replay ID… | replay --all   [--json]');
}

async function open() {
  const { NATS_URL: nats, DATABASE_URL, DB, DATABASE_URLS } = process.env;
  const single = nats ? undefined : DATABASE_URL || DB;
  const databases = [...(single ? [single] : []), ...(JSON.parse(DATABASE_URLS || '[]') as string[])];
  if (!nats && databases.length === 0) throw new Unknown('set NATS_URL or DATABASE_URL: where are the dead letters?');
  const opened = await Promise.all([nats ? openStream(nats) : undefined, ...databases.map(openStored)]);
  const found = opened.filter((graveyard) => graveyard !== undefined);
  if (found.length > 0) return found;
  throw new Unknown('no database here keeps dead letters: none has the table camp_dead_letters, which the kit makes');
}

const line = ({ id, time, consumer, event, attempts, reason }: Buried): string =>
  [id, time, consumer, event.type, `${attempts}×`, reason].join('  ');

/** For programs one object, whatever there is. */
function print(value: object, lines: readonly string[], none = ''): void {
  process.stdout.write(`${values.json ? JSON.stringify(value, null, 2) : lines.join('\n') || none}\n`);
}

try {
  const graveyards = await open();
  await main(graveyards.flatMap(({ letters }) => letters)).finally(() => graveyards.map((each) => each.close()));
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = error instanceof Unknown ? 2 : 1;
}
