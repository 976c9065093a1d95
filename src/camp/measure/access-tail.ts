import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type AccessEntry, parseAccessLine } from '../../edge/access-log.ts';
import type { Ms } from '../../kit/events.ts';

/**
 * Reads the edge's access log as it grows: it alone knows which replica has answered a request, and whether any has. A page that
 * the edge shows in the place of a dead service is no answer of that service.
 */
export class AccessTail {
  readonly #file: string;
  readonly #prefix: string;
  readonly #entries = new Map<string, AccessEntry>();
  #offset: number;
  #rest = '';

  /** Only lines of requests whose ids begin with the prefix are kept. */
  constructor(file: string, prefix: string) {
    this.#file = file;
    this.#prefix = prefix;
    this.#offset = sizeOf(file);
  }

  /** What the edge has written about a request; undefined where that is not there yet. */
  entry(id: string): AccessEntry | undefined {
    return this.#entries.get(id);
  }

  /** Reads what has come since. */
  read(): void {
    const size = sizeOf(this.#file);
    // set aside by Caddy, which then begins a new one
    if (size < this.#offset) this.#offset = 0;
    if (size === this.#offset) return;
    const chunk = Buffer.alloc(size - this.#offset);
    const file = openSync(this.#file, 'r');
    try {
      this.#offset += readSync(file, chunk, 0, chunk.length, this.#offset);
    } finally {
      closeSync(file);
    }
    const lines = (this.#rest + chunk.toString('utf8')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const entry = line.includes(this.#prefix) ? parseAccessLine(line) : undefined;
      if (entry) this.#entries.set(entry.requestId, entry);
    }
  }

  /** Waits for the lines of all these requests, which are written a moment after the answers. */
  async settle(ids: readonly string[], deadlineMs: Ms = 2000): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      this.read();
      if (ids.every((id) => this.#entries.has(id)) || performance.now() > deadline) return;
      await delay(5);
    }
  }
}

function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}
