import { existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ms } from './events.ts';

/** One line of a service's output, as it is kept. */
export interface LogRecord {
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly service: string;
  readonly replica: string;
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
}

/** A file larger than this is set aside; the one before it goes. */
const rotateAtBytes = 10 * 1024 * 1024;
const flushAfterMs: Ms = 30;
/** What waits to be written is bounded: a full disk must not fill the memory. */
const mostPendingBytes = 8 * 1024 * 1024;
/** From here on who writes had better wait. */
const pressingBytes = 1024 * 1024;

/** Appends records to one NDJSON file a service, in batches; a disk that refuses is said once, and tried again. */
export class LogWriter {
  readonly #folder: string;
  readonly #onTrouble: (message: string) => void;
  readonly #pending = new Map<string, { lines: string[]; bytes: number; dropped: number }>();
  readonly #sizes = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isInTrouble = false;

  constructor(folder: string, onTrouble: (message: string) => void) {
    this.#folder = folder;
    this.#onTrouble = onTrouble;
  }

  /** Resolves when there is room again; undefined while there is. */
  pressure(): Promise<void> | undefined {
    return this.#waiting > pressingBytes ? this.flush() : undefined;
  }

  append(record: LogRecord): void {
    const pending = this.#pending.get(record.service) ?? { lines: [], bytes: 0, dropped: 0 };
    this.#pending.set(record.service, pending);
    const line = `${JSON.stringify(record)}\n`;
    if (pending.bytes + line.length > mostPendingBytes) pending.dropped++;
    else {
      pending.lines.push(line);
      pending.bytes += line.length;
      this.#waiting += line.length;
    }
    this.#timer ??= setTimeout(() => void this.flush(), flushAfterMs);
  }

  /** Resolves when all that was appended before is in the files, or could not be written. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async #write(): Promise<void> {
    const batches = [...this.#pending];
    this.#pending.clear();
    this.#waiting = 0;
    for (const [service, { lines, bytes, dropped }] of batches) {
      try {
        await this.#appendTo(service, lines.join(''), bytes);
        if (this.#isInTrouble) this.#onTrouble('logs are written again');
        this.#isInTrouble = false;
        if (dropped > 0)
          this.#onTrouble(`${dropped} lines of ${service} were dropped: they came faster than the disk takes them`);
      } catch (error) {
        if (!this.#isInTrouble)
          this.#onTrouble(`logs cannot be written to ${this.#folder} (${(error as NodeJS.ErrnoException).code})`);
        this.#isInTrouble = true;
      }
    }
  }

  async #appendTo(service: string, text: string, bytes: number): Promise<void> {
    const path = join(this.#folder, `${service}.ndjson`);
    const size = this.#sizes.get(service) ?? sizeOf(path);
    if (size > rotateAtBytes) {
      renameSync(path, join(this.#folder, `${service}.1.ndjson`));
      this.#sizes.set(service, 0);
    }
    const file = await open(path, 'a', 0o600);
    try {
      await file.appendFile(text);
    } finally {
      await file.close();
    }
    this.#sizes.set(service, (this.#sizes.get(service) ?? size) + bytes);
  }
}

export interface LogQuery {
  /** Absent: every service. */
  readonly services?: readonly string[];
  /** Only records from this moment on, milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** Only lines that contain this text: a request's id. */
  readonly text?: string;
}

/** The kept records that match, in the order of time; also while they are being written and set aside. */
export async function readLogs(folder: string, query: LogQuery): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  for (const service of new Set(query.services ?? servicesIn(folder)))
    for (const file of await openLogs(folder, service))
      for await (const line of file.readLines()) {
        if (query.text !== undefined && !line.includes(query.text)) continue;
        const record = parseRecord(line);
        if (record && (query.sinceMs === undefined || Date.parse(record.time) >= query.sinceMs)) records.push(record);
      }
  return records.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

/** The files of a service, the older one first, so that records of one moment keep their order. */
async function openLogs(folder: string, service: string): Promise<readonly FileHandle[]> {
  const paths = [`${service}.ndjson`, `${service}.1.ndjson`].map((name) => join(folder, name));
  return (await openOnce(paths)).toReversed();
}

/**
 * Opens those that are there, each file once. Name the one that is written to first: when it is set aside meanwhile, it is found
 * again under its other name, and is one file all the same.
 */
export async function openOnce(paths: Iterable<string>): Promise<readonly FileHandle[]> {
  const opened = new Map<number, FileHandle>();
  for (const path of paths)
    try {
      const file = await open(path);
      const { ino } = await file.stat();
      if (opened.has(ino)) await file.close();
      else opened.set(ino, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  return [...opened.values()];
}

function servicesIn(folder: string): ReadonlySet<string> {
  if (!existsSync(folder)) return new Set();
  const files = readdirSync(folder).filter((file) => file.endsWith('.ndjson'));
  return new Set(files.map((file) => file.replace(/(\.1)?\.ndjson$/, '')));
}

function parseRecord(line: string): LogRecord | undefined {
  try {
    return JSON.parse(line) as LogRecord;
  } catch {
    return undefined; // cut off by a full disk or a kill
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
