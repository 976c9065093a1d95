import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogReader } from './log-lines.ts';
import type { LogLine } from './types.ts';

const time = '2026-01-02T03:04:05.000000006Z';

function frame(stream: 1 | 2, content: string | Uint8Array): Buffer {
  const body = Buffer.from(content as string);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

function read(bytes: Buffer, cuts: readonly number[], hasTty = false): readonly LogLine[] {
  const lines: LogLine[] = [];
  const reader = new LogReader(hasTty, (line) => lines.push(line));
  let at = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    reader.push(bytes.subarray(at, cut));
    at = cut;
  }
  reader.push(bytes.subarray(at));
  reader.end();
  return lines;
}

test('any chunks give the same lines, of both streams', () => {
  const snowman = Buffer.from('☃');
  const bytes = Buffer.concat([
    frame(1, `${time} one\n`),
    frame(2, `${time} ${time} is part of the line\n`),
    frame(1, `${time} \n`),
    // the engine parts a long line anywhere, in the middle of a character too, and stamps each part
    frame(1, Buffer.concat([Buffer.from(`${time} half `), snowman.subarray(0, 1)])),
    frame(2, `${time} between\n`),
    frame(1, Buffer.concat([Buffer.from('2027-01-01T00:00:00Z '), snowman.subarray(1), Buffer.from(' whole\n')])),
    frame(2, `${time} without an end`),
  ]);
  const expected = [
    { stream: 'stdout', time, line: 'one' },
    { stream: 'stderr', time, line: `${time} is part of the line` },
    { stream: 'stdout', time, line: '' },
    { stream: 'stderr', time, line: 'between' },
    { stream: 'stdout', time, line: 'half ☃ whole' },
    { stream: 'stderr', time, line: 'without an end' },
  ];
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
      expect(read(bytes, cuts)).toEqual(expected);
    }),
  );
});

test('a terminal has no frames, and ends its lines with CR and LF', () => {
  const bytes = Buffer.from(`${time} one\r\n${time} two\r\n${time} three`);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
      expect(read(bytes, cuts, true)).toEqual(
        ['one', 'two', 'three'].map((line) => ({ stream: 'stdout', time, line })),
      );
    }),
  );
});
