import { LogFormat, type LogLine } from './log-line.ts';
import { paint, type Style } from './style.ts';

/** Where lines go: a stream that says when it is full. */
export interface LogOutput {
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** Lines that wait for a terminal; a reader of a pipe gets every line, whatever it takes. */
const mostWaiting = 5000;

/**
 * Prints log lines with a coloured prefix. A terminal that cannot keep up gets the newest lines and how many
 * it did not get.
 */
export function createLogPrinter(out: LogOutput, style: Style): (record: LogLine) => void {
  const format = new LogFormat(style);
  let waiting: string[] = [];
  let dropped = 0;
  let isFull = false;

  const write = (text: string): void => {
    if (out.write(text)) return;
    isFull = true;
    out.once('drain', () => {
      isFull = false;
      const lines = waiting;
      const missing = dropped > 0 ? `${paint(style, 'dim', `(${dropped} lines not shown)`)}\n` : '';
      waiting = [];
      dropped = 0;
      if (missing !== '' || lines.length > 0) write(missing + lines.join(''));
    });
  };

  return (record) => {
    const line = `${format.format(record)}\n`;
    if (!isFull) return write(line);
    waiting.push(line);
    if (!style.isTty || waiting.length <= mostWaiting) return;
    waiting = waiting.slice(mostWaiting / 2);
    dropped += mostWaiting / 2;
  };
}
