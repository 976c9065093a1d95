import { lstatSync, readdirSync } from 'node:fs';
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
  for (const name of readdirSync(camp)) if (isLeftover(camp, name)) discard(join(camp, name));
  const pending = join(camp, 'change');
  if (!isThere(pending)) return 'nothing';
  const journal = readJournal(dir, join(pending, 'journal.json'));
  const outcome = journal ? finish(dir, pending, journal) : 'nothing';
  finishJournal(camp);
  return outcome;
}

/** A prepared change that was never begun; or a half-written file so old that no running command still writes it. */
function isLeftover(camp: string, name: string): boolean {
  if (name.startsWith('staging-')) return true;
  if (!/^(\.camp-[0-9a-f]{12}\.tmp|change\.lock\.[0-9a-f]{12})$/.test(name)) return false;
  const written = lstatSync(join(camp, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - written > 60_000;
}

function finish(dir: string, pending: string, journal: Journal): Recovered {
  const steps = journal.entries.map((entry, n) => {
    const state = stateOf(dir, entry);
    const isStaged = isThere(join(pending, 'after', String(n)));
    // Done and edited by a person since is done all the same.
    return state === 'after' || (state === 'other' && !isStaged)
      ? 'done'
      : state === 'before' && isStaged
        ? 'to do'
        : 'conflict';
  });
  if (steps.includes('conflict')) {
    rollBack(dir, pending, journal);
    return 'rolled-back';
  }
  for (const [n, entry] of journal.entries.entries()) if (steps[n] === 'to do') applyEntry(dir, pending, n, entry);
  recordWritten(dir, journal, (n) => readText(join(pending, 'before', String(n))));
  return 'completed';
}
