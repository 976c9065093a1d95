import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { projectId } from '../../src/kit/paths.ts';
import { type MarkedProcess, markedProcesses } from '../../src/kit/process.ts';
import type { Metric, MetricId } from '../../src/stopwatch/types.ts';

/** Every file of a folder with its mode, its time and a hash of it, but camp's own state. */
export function printOf(dir: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const visit = (inner: string): void => {
    for (const name of readdirSync(join(dir, inner)).toSorted()) {
      const path = join(inner, name);
      if (path === '.camp') continue;
      const about = lstatSync(join(dir, path));
      const facts = [(about.mode & 0o7777).toString(8), String(about.mtimeMs)];
      if (about.isSymbolicLink()) facts.push(readlinkSync(join(dir, path)));
      if (about.isFile()) facts.push(hashOf(join(dir, path)));
      found[path] = facts.join(' ');
      if (about.isDirectory()) visit(path);
    }
  };
  visit('');
  return found;
}

function hashOf(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return 'may not be read';
  }
}

/** Processes of the copies of a project: the camp commands on them, and whatever those have started. */
export function processesOfCopy(dir: string): readonly MarkedProcess[] {
  const copy = join(dir, '.camp', 'measure', 'copy', dir.slice(dir.lastIndexOf('/') + 1));
  return [...markedProcesses(projectId(copy)), ...markedProcesses(projectId(dir, 'measure'))];
}

/** What a measuring has left of itself. */
export function leftOfMeasuring(dir: string): readonly string[] {
  return [
    ...processesOfCopy(dir).map(({ pid, replica }) => `process ${pid} ${replica}`),
    ...(existsSync(join(dir, '.camp', 'measure')) ? ['.camp/measure'] : []),
    ...janitorsOf(dir).map((pid) => `janitor ${pid}`),
  ];
}

/** The shells that wait for the end of a measuring of this project, and what they have become then. */
export function janitorsOf(dir: string): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const words = wordsOf(pid);
      return words.includes(dir) && words.includes('measure') && words.includes('--clear');
    });
}

function wordsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // no process, or one that has just ended
  }
}

/** Lines of the history; none where there is none. */
export function historyOf(dir: string): readonly string[] {
  const file = join(dir, '.camp', 'metrics.jsonl');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}

/** A metric of the whole project, or of its first subject. Throws with its reason where it was not measured. */
export function measuredOf(metrics: readonly Metric[], id: MetricId): Metric & { readonly status: 'measured' } {
  const found = metrics.find((one) => one.id === id);
  if (found?.status !== 'measured') throw new Error(`${id}: ${JSON.stringify(found)}`);
  return found;
}
