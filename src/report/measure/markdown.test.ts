import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bareReport, hostile, hostileReport, measureReport } from '../../../test/rig/measure-report.ts';
import { code, prose, renderMarkdown } from './markdown.ts';

const text = renderMarkdown(measureReport);
/** Of a row of a table: GitHub splits at each pipe that has no backslash before it. */
const cells = (row: string): number => row.split(/(?<!\\)\|/).length - 2;

describe('renderMarkdown', () => {
  test('begins with the verdict and the figures', () => {
    expect(text.split('\n').slice(0, 10)).toEqual([
      '## camp measure: shop',
      '',
      '5 runs of each measurement, 2026-03-14 09:26 UTC.',
      '',
      '### Budgets',
      '',
      '|  | Budget |  |',
      '| --- | --- | --- |',
      '| ✅ met | `ttfr=3s` | time to first request 1.24 s, 1.76 s below 3 s |',
      '| ❌ exceeded | `lines=40` | hand-written lines 41, 1 above 40, since 2026-03-12 |',
    ]);
  });

  test('has a row for each metric, each file, each phase and each row of the comparison', () => {
    expect(text).toContain('| time to first request | 1.24 s | 1.23 s – 1.29 s | 5 |');
    expect(text).toContain('| memory | – | not applicable: this system does not tell what a process uses | – |');
    expect(text).toContain('| `compose.yaml` | hand-written | 41 | 41 | 16 | 1 | 14 |');
    expect(text).toContain('| **orders first request** | 1.23 s | 1.24 s | 15 ms |');
    expect(text).toContain('| lines of configuration | 49 | 12 | 51 | 47 | 58 | logical lines');
  });

  test('leaves out what was not measured', () => {
    expect(renderMarkdown(bareReport)).not.toMatch(/null|undefined|### (Budgets|Services|Configuration|Notes)/);
  });

  test.each([
    ['the full report', text],
    ...hostile.map((name, at) => [`hostile text ${at}`, renderMarkdown(hostileReport(name))]),
  ])('the tables of %s are whole: as many, with as many cells in each row', (_, written) => {
    const shape = (markdown: string): readonly (readonly number[])[] =>
      [...markdown!.matchAll(/(?:^\|.*\n)+/gm)].map(([table]) => [...new Set(table.trimEnd().split('\n').map(cells))]);
    expect(shape(written!).filter((widths) => widths.length !== 1)).toEqual([]);
    expect(shape(written!)).toEqual(shape(text));
  });

  test.each(hostile.map((name, at) => [at, name]))(
    'hostile text %i adds no line, no markup, no link and no mention',
    (_, name) => {
      const written = renderMarkdown(hostileReport(name as string));
      // an empty comment is shown as nothing; it is what keeps GitHub from reading a name as a mention or as an address
      const tags = written.replaceAll('<!-- -->', '').match(/<[^>]*>?/g) ?? [];
      expect(tags.filter((tag) => !/^<\/?(details|summary|sub|code)>$/.test(tag))).toEqual([]);
      expect(written).not.toMatch(/(^|[^`\w])@\w|\]\(|https?:\/\/\w|www\./m);
      expect(written).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200f\u061c\u202a-\u202e\u2066-\u2069]/);
      expect(written.match(/^#+ /gm)).toHaveLength(text.match(/^#+ /gm)!.length);
    },
  );
});

describe('prose and code', () => {
  test.each([
    ['a|b', 'a&#124;b'],
    ['`x`', '&#96;x&#96;'],
    ['one\ntwo', 'one two'],
    ['snake_case', 'snake&#95;case'],
    ['@team', '@<!-- -->team'],
    ['#12', '#<!-- -->12'],
    ['http://a', 'http:/<!-- -->/a'],
    ['1 < 2 & 3', '1 &#60; 2 &#38; 3'],
    ['plain: 3.00 s (of 5)', 'plain: 3.00 s (of 5)'],
  ])('%j becomes %j', (given, expected) => {
    expect(prose(given)).toBe(expected);
  });

  test.each([
    ['compose.yaml:33', '`compose.yaml:33`'],
    ['camp up -d', '`camp up -d`'],
    ['a`b|c', '<code>a&#96;b&#124;c</code>'],
    ['', '<code></code>'],
  ])('%j as code is %j', (given, expected) => {
    expect(code(given)).toBe(expected);
  });

  test('whatever the text is, it stays in its cell', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (anything) => {
        for (const written of [prose(anything), code(anything)]) {
          expect(written).not.toMatch(/[\n\r|\\]/);
          expect(written.replace(/<!-- -->|<\/?code>/g, '')).not.toMatch(/[<>]/);
        }
      }),
    );
  });
});
