import { LineSplitter } from '../../../kit/lines.ts';
import { FrameReader } from './frames.ts';
import type { LogLine } from './types.ts';

const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) ?/;
const longestStamp = 40;

/** Turns the bytes of a log stream with timestamps into lines. */
export class LogReader {
  readonly #push: (chunk: Uint8Array) => void;
  readonly #streams: Readonly<Record<'stdout' | 'stderr', StampedLines>>;

  constructor(hasTty: boolean, onLine: (line: LogLine) => void) {
    const stdout = new StampedLines((time, line) => onLine({ stream: 'stdout', line, time }));
    const stderr = new StampedLines((time, line) => onLine({ stream: 'stderr', line, time }));
    this.#streams = { stdout, stderr };
    const frames = new FrameReader((stream, content) => this.#streams[stream].frame(content));
    this.#push = hasTty ? (chunk) => stdout.stream(chunk) : (chunk) => frames.push(chunk);
  }

  push(chunk: Uint8Array): void {
    this.#push(chunk);
  }

  end(): void {
    this.#streams.stdout.end();
    this.#streams.stderr.end();
  }
}

/** Lines of one stream. A line over 16 kB comes in several frames, each with its own stamp. */
class StampedLines {
  readonly #lines: LineSplitter;
  #time = '';
  #isInLine = false;

  constructor(onLine: (time: string, line: string) => void) {
    this.#lines = new LineSplitter((line) => onLine(this.#time, line));
  }

  /** A frame: its beginning is a stamp. */
  frame(content: Buffer): void {
    for (let at = 0; at < content.length; ) {
      const newline = content.indexOf(10, at);
      const end = newline === -1 ? content.length : newline + 1;
      this.#piece(content.subarray(at, end));
      this.#isInLine = newline === -1;
      at = end;
    }
  }

  /** Of a terminal there are no frames: the stamp is part of the line. */
  readonly #whole = new LineSplitter((line) => this.frame(Buffer.from(`${line}\n`)));

  stream(chunk: Uint8Array): void {
    this.#whole.push(chunk);
  }

  end(): void {
    this.#whole.end();
    this.#lines.end();
  }

  #piece(piece: Buffer): void {
    const found = stamp.exec(piece.toString('latin1', 0, longestStamp))?.[0] ?? '';
    if (!this.#isInLine) this.#time = found.trimEnd();
    this.#lines.push(piece.subarray(found.length));
  }
}
