import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, constants, copyFileSync, linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { CampError, fail } from '../kit/failure.ts';
import { failOnDisk, makeFolder, readText, writeWhole } from '../kit/files.ts';
import { campFolder } from './camp-folder.ts';
import { firstMissing, isThere, placeInside } from './inside.ts';
import { type Entry, type Journal, sha256, stateOf } from './journal.ts';
import { recordWritten } from './recorded.ts';
import type { Change } from './types.ts';

/**
 * Writes a change set all-or-nothing. Everything is prepared in a hidden folder inside .camp; one rename of
 * that folder is the moment of no return; then each entry is moved into place. Killed before that moment
 * nothing has changed, killed after it `recoverChanges` completes it. The caller holds the project's lock.
 *
 *     .camp/staging-x/{after,before}/n, journal.json  ──rename──▶  .camp/change/  ──apply──▶  removed
 *
 * Throws FILE_EXISTS, FILE_CHANGED, OUTSIDE_PROJECT (project) and what `writeWhole` throws; then the
 * project is as it was.
 */
export function writeChanges(changes: readonly Change[], dir: string): void {
  if (changes.length === 0) return;
  for (const change of changes) checkUntouched(dir, change);
  const camp = campFolder(dir);
  const staging = join(camp, `staging-${randomBytes(6).toString('hex')}`);
  const pending = join(camp, 'change');
  let journal: Journal;
  try {
    journal = stage(changes, dir, staging);
    renameSync(staging, pending);
  } catch (error) {
    discard(staging);
    rethrow(error, camp);
  }
  try {
    for (const [n, entry] of journal.entries.entries()) applyEntry(dir, pending, n, entry);
    recordWritten(dir, journal, (n) => readText(join(pending, 'before', String(n))));
  } catch (error) {
    rollBack(dir, pending, journal);
    finishJournal(camp);
    rethrow(error, dir);
  }
  finishJournal(camp);
}

/** Ends a journal: from here on nothing is left to recover. */
export function finishJournal(camp: string): void {
  const pending = join(camp, 'change');
  const done = join(camp, `staging-${randomBytes(6).toString('hex')}`);
  try {
    renameSync(pending, done);
    discard(done);
  } catch {
    discard(pending);
  }
}

export function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // what cannot be removed now is removed by the next command
  }
}

function checkUntouched(dir: string, change: Change): void {
  const target = placeInside(dir, change.path);
  if (change.before === undefined) {
    if (isThere(target))
      fail('project', 'FILE_EXISTS', `${change.path} is there already and is not overwritten`, {
        hints: ['choose another name, or move the file away'],
      });
  } else if (readText(target) !== change.before) {
    changedMeanwhile(change.path);
  }
}

function changedMeanwhile(path: string): never {
  fail('project', 'FILE_CHANGED', `${path} was changed while camp was working on it; nothing was written`, {
    hints: ['run the command again'],
  });
}

function stage(changes: readonly Change[], dir: string, staging: string): Journal {
  makeFolder(join(staging, 'after'), 0o700);
  makeFolder(join(staging, 'before'), 0o700);
  const entries = groupIntoEntries(changes, dir);
  for (const [n, { entry, members }] of entries.entries()) {
    for (const change of members) {
      const file = join(
        staging,
        'after',
        String(n),
        entry.kind === 'folder' ? posix.relative(entry.path, change.path) : '',
      );
      makeFolder(dirname(file));
      writeWhole(file, change.after, { mode: change.mode ?? 0o644, durable: entry.kind === 'edit' });
      if (change.before !== undefined) writeWhole(join(staging, 'before', String(n)), change.before);
    }
  }
  const journal: Journal = { format: 1, entries: entries.map(({ entry }) => entry) };
  writeWhole(join(staging, 'journal.json'), JSON.stringify(journal), { mode: 0o600 });
  return journal;
}

interface Group {
  readonly entry: Entry;
  readonly members: readonly Change[];
}

/** New folders first, then new files, then the edits in the order given: nothing refers to what is not there yet. */
function groupIntoEntries(changes: readonly Change[], dir: string): readonly Group[] {
  const root = placeRoot(dir);
  const folders = new Map<string, Change[]>();
  const files: Group[] = [];
  const edits: Group[] = [];
  for (const change of changes) {
    const target = placeInside(dir, change.path);
    const lone = { path: change.path, files: [{ path: '', after: sha256(change.after) }] };
    const top = relative(root, firstMissing(target)).split(sep).join('/');
    if (change.before !== undefined)
      edits.push({ entry: { ...lone, kind: 'edit', before: sha256(change.before) }, members: [change] });
    else if (firstMissing(target) === target) files.push({ entry: { ...lone, kind: 'file' }, members: [change] });
    else folders.set(top, [...(folders.get(top) ?? []), change]);
  }
  const groups = [...folders].map(([path, members]): Group => {
    const below = members.map((change) => ({ path: posix.relative(path, change.path), after: sha256(change.after) }));
    return { entry: { kind: 'folder', path, files: below }, members };
  });
  return [...groups, ...files, ...edits];
}

function placeRoot(dir: string): string {
  return dirname(placeInside(dir, 'x'));
}

/** Moves one prepared entry into place. */
export function applyEntry(dir: string, pending: string, n: number, entry: Entry): void {
  const staged = join(pending, 'after', String(n));
  const target = placeInside(dir, entry.path);
  if (entry.kind === 'edit') {
    if (stateOf(dir, entry) !== 'before') changedMeanwhile(entry.path);
    keepOwnerAndMode(target, staged);
    renameSync(staged, target);
  } else if (entry.kind === 'folder') {
    if (isThere(target))
      fail('project', 'FILE_EXISTS', `${entry.path} has appeared meanwhile and is not overwritten`, {
        hints: ['choose another name'],
      });
    renameSync(staged, target);
  } else {
    placeNewFile(staged, target, entry.path);
  }
}

function placeNewFile(staged: string, target: string, path: string): void {
  try {
    linkSync(staged, target); // unlike a rename it never replaces anything
    discard(staged); // what is no longer staged has been done: recovery reads it so
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST')
      fail('project', 'FILE_EXISTS', `${path} has appeared meanwhile and is not overwritten`, {
        hints: ['move the file away'],
      });
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EXDEV') throw error;
    copyFileSync(staged, target, constants.COPYFILE_EXCL); // a file system without hard links
  }
}

function keepOwnerAndMode(from: string, to: string): void {
  const { mode, uid, gid } = statSync(from);
  const own = statSync(to);
  if (own.uid !== uid || own.gid !== gid) chownSync(to, uid, gid);
  chmodSync(to, mode & 0o7777);
}

/** Takes back what of a change has been done; what a person has changed since stays as it is. */
export function rollBack(dir: string, pending: string, journal: Journal): void {
  for (const [n, entry] of [...journal.entries.entries()].reverse()) {
    if (stateOf(dir, entry) !== 'after') continue;
    const target = placeInside(dir, entry.path);
    const staged = join(pending, 'after', String(n));
    if (entry.kind === 'edit') {
      const old = join(pending, 'before', String(n));
      keepOwnerAndMode(target, old);
      renameSync(old, target);
    } else if (entry.kind === 'file') rmSync(target, { force: true });
    else if (!isThere(staged)) renameSync(target, staged);
  }
}

function rethrow(error: unknown, path: string): never {
  if (error instanceof CampError) throw error;
  failOnDisk(error, path);
}
