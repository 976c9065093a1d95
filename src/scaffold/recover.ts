import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readText } from '../kit/files.ts';
import { isThere } from './inside.ts';
import { type Journal, readJournal, stateOf } from './journal.ts';
import { recordWritten } from './recorded.ts';
import { applyEntry, discard, finishJournal, rollBack } from './write.ts';

export type Recovered = 'nothing' | 'completed' | 'rolled-back';

/**
 * Finishes what an interrupted `init` or `add` began: completes it, or, where a person has changed one of
 * its files since, takes the rest back. Cheap where there is nothing to do. The caller holds the lock.
 */
export function recoverChanges(dir: string): Recovered {
  const camp = join(dir, '.camp');
  if (!isThere(camp)) return 'nothing';
  for (const name of readdirSync(camp)) if (name.startsWith('staging-')) discard(join(camp, name));
  const pending = join(camp, 'change');
  if (!isThere(pending)) return 'nothing';
  const journal = readJournal(dir, join(pending, 'journal.json'));
  const outcome = journal ? finish(dir, pending, journal) : 'nothing';
  finishJournal(camp);
  return outcome;
}

function finish(dir: string, pending: string, journal: Journal): Recovered {
  const states = journal.entries.map((entry) => stateOf(dir, entry));
  const canComplete = journal.entries.every(
    (_, n) => states[n] === 'after' || (states[n] === 'before' && isThere(join(pending, 'after', String(n)))),
  );
  if (!canComplete) {
    rollBack(dir, pending, journal);
    return 'rolled-back';
  }
  for (const [n, entry] of journal.entries.entries()) if (states[n] === 'before') applyEntry(dir, pending, n, entry);
  recordWritten(dir, journal, (n) => readText(join(pending, 'before', String(n))));
  return 'completed';
}
