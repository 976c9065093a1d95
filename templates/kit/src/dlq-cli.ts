/** `node packages/kit/src/dlq-cli.ts ls | show ID | replay ID… | replay --all [--json]`, on NATS_URL or, without one, on DATABASE_URL. */
import { parseArgs } from 'node:util';
import type { Buried, DeadLetters } from './dead-letters.ts';
import { describe } from './log.ts';

const usage = 'usage: dlq-cli.ts ls | show ID | replay ID… | replay --all   [--json]';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' }, all: { type: 'boolean' } } });
  const [verb = 'ls', ...ids] = positionals;
  const letters = await open();
  try {
    const all = await letters.list();
    const chosen = verb === 'ls' || values.all ? all : ids.flatMap((id) => find(all, id));
    if (verb === 'ls') print(values.json, all, lines);
    else if (verb === 'show' && ids.length > 0) print(values.json, chosen, (each) => each.map((letter) => JSON.stringify(letter, null, 2)).join('\n'));
    else if (verb === 'replay' && (values.all || ids.length > 0)) await replay(letters, chosen, values.json);
    else throw new Error(usage);
  } finally {
    await letters.close();
  }
}

async function open(): Promise<DeadLetters> {
  const nats = process.env['NATS_URL'] || process.env['NATS'];
  if (nats) return (await import('./nats-dlq.ts')).openNatsLetters(nats);
  if (process.env['DATABASE_URL'] || process.env['DB']) return (await import('./dead-letters.ts')).openStoredLetters();
  throw new Error('set NATS_URL: where are the dead letters?');
}

/** By its number, or by the event's id, which may have died in several consumers. */
function find(all: readonly Buried[], id: string): readonly Buried[] {
  const found = all.filter((letter) => letter.id === id || letter.event.id === id);
  if (found.length === 0) throw new Error(`no dead letter ${id}; ls lists them`);
  return found;
}

async function replay(letters: DeadLetters, chosen: readonly Buried[], json: boolean | undefined): Promise<void> {
  for (const letter of chosen) await letters.replay(letter);
  print(json, chosen.map(({ id, consumer, event }) => ({ id, consumer, eventId: event.id, type: event.type, replayed: true })), (each) =>
    each.length === 0 ? 'nothing to replay' : each.map(({ id, type, consumer }) => `replayed ${id}  ${type}  for ${consumer}`).join('\n'),
  );
}

function lines(all: readonly Buried[]): string {
  if (all.length === 0) return 'no dead letters';
  return all.map(({ id, time, consumer, event, attempts, reason }) => [id, time, consumer, event.type, `${attempts}×`, reason].join('  ')).join('\n');
}

function print<T>(json: boolean | undefined, value: T, words: (value: T) => string): void {
  process.stdout.write(`${json ? JSON.stringify(value, null, 2) : words(value)}\n`);
}

main().catch((error) => {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = 1;
});
