import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { runCommand } from '../../kit/spawn.ts';
import { type MeasureRecord, recordOf } from '../../stopwatch/records.ts';
import type { MeasureReport } from '../../stopwatch/types.ts';
import { appendRecord } from '../metrics.ts';

/** How much of the end of the history is read, in bytes: some thousand records. */
const mostRead = 8_000_000;

/** Appends a report to the project's metrics.jsonl; a disk that refuses costs the record, and is told to `onTrouble`. */
export function recordMeasure(
  file: string,
  report: MeasureReport,
  commit: string | undefined,
  onTrouble: (message: string) => void,
): void {
  appendRecord(file, recordOf(report, commit), onTrouble);
}

/** What git has checked out in a folder, in hex; undefined where there is no git, no repository or no commit. */
export async function commitOf(dir: string): Promise<string | undefined> {
  const result = await runCommand(['git', 'rev-parse', '--verify', '--quiet', 'HEAD'], { cwd: dir, timeoutMs: 10_000 });
  const commit = result.exitCode === 0 ? result.stdout.trim() : '';
  return isCommit(commit) ? commit : undefined;
}

/** The last lines of a project's metrics.jsonl, oldest first; none where there is no file, or it may not be read. */
export function historyLines(file: string): readonly string[] {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, mostRead));
    const read = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    const lines = bytes.toString('utf8', 0, read).split('\n');
    return size > bytes.length ? lines.slice(1) : lines;
  } catch {
    return []; // a folder, a pipe
  } finally {
    closeSync(fd);
  }
}

/** The records of `camp measure` among the lines of a metrics.jsonl; what is none, or broken, is left out. */
export function measureRecords(lines: Iterable<string>): readonly MeasureRecord[] {
  return [...lines].flatMap((line) => {
    if (!line.includes('"measure"')) return [];
    try {
      const value: unknown = JSON.parse(line);
      return isRecord(value) ? value : [];
    } catch {
      return [];
    }
  });
}

/** As far as somebody reads it: the file is only camp's own, but may be cut off, edited, or of another version. */
function isRecord(value: unknown): value is MeasureRecord {
  const { schema, kind, time, commit, metrics, configuration, machine, split } = tableOf(value);
  return (
    schema === 1 &&
    kind === 'measure' &&
    typeof time === 'string' &&
    /^\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})$/.test(time) &&
    (commit === undefined || (typeof commit === 'string' && isCommit(commit))) &&
    Array.isArray(metrics) &&
    metrics.every(isMetric) &&
    (configuration === null || Object.values(tableOf(configuration)).every((each) => typeof each === 'number')) &&
    typeof machine === 'object' &&
    machine !== null &&
    (split === undefined || Object.values(tableOf(split)).every((each) => each === null || isSpread(each)))
  );
}

function isMetric(value: unknown): boolean {
  const { id, subject } = tableOf(value);
  return typeof id === 'string' && (subject === undefined || typeof subject === 'string') && isSpread(value);
}

function isSpread(value: unknown): boolean {
  const { median, min, max } = tableOf(value);
  return [median, min, max].every((each) => typeof each === 'number');
}

function tableOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** SHA-1 or SHA-256. */
function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(text);
}
