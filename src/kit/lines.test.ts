import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, maxLineLength } from './lines.ts';

function split(chunks: readonly Uint8Array[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

describe('LineSplitter', () => {
  it('gives the same lines whatever the chunks', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (text, sizes) => {
          const bytes = Buffer.from(text);
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(split(chunks)).toEqual(split([bytes]));
        },
      ),
    );
  });

  it('drops carriage returns before line ends and keeps a last line without one', () => {
    expect(split([Buffer.from('a\r\nb\n\nc')])).toEqual(['a', 'b', '', 'c']);
  });

  it('cuts a line without end once, with a mark, and goes on after it', () => {
    const endless = Buffer.from('x'.repeat(maxLineLength));
    const lines = split([endless, endless, endless, Buffer.from('\nnext\n')]);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^x+ \[…cut\]$/);
    expect(lines[1]).toBe('next');
  });

  it('replaces what is not UTF-8', () => {
    expect(split([Buffer.from([0x61, 0xff, 0x62, 0x0a])])).toEqual(['a\ufffdb']);
  });
});
