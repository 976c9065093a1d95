import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failure } from '../kit/failure.ts';
import { renderFailures, renderWarnings } from './card.ts';
import type { Style } from './style.ts';
import { displayWidth } from './width.ts';

const terminal: Style = { hasColour: false, hasUnicode: true, width: 80, isTty: true, isLive: true };
const dependency = failure('project', 'UNKNOWN_DEPENDENCY', 'service "api" depends on "dbb", which is not defined', {
  hints: ['did you mean "db"?'],
  source: { file: 'compose.yaml', line: 12, col: 9, length: 3, text: '      - dbb' },
});

describe('renderFailures', () => {
  test('the card of the style guide', () => {
    expect(renderFailures([dependency], terminal)).toBe(
      [
        '✖ service "api" depends on "dbb", which is not defined',
        '  compose.yaml:12:9        - dbb',
        '                             ~~~',
        '  fix: did you mean "db"?                                     UNKNOWN_DEPENDENCY',
      ].join('\n'),
    );
  });

  test('off a terminal the first line is file:line:column: severity CODE message', () => {
    expect(renderFailures([dependency], { ...terminal, isTty: false, hasUnicode: false }).split('\n')).toEqual([
      'compose.yaml:12:9: error UNKNOWN_DEPENDENCY service "api" depends on "dbb", which is not defined',
      '  compose.yaml:12:9        - dbb',
      '                             ~~~',
      '  fix: did you mean "db"?',
    ]);
  });

  test('without UTF-8 only ASCII', () => {
    const text = renderFailures([{ ...dependency, evidence: ['last line'] }], { ...terminal, hasUnicode: false });
    expect(text).toMatch(/^x service/);
    expect(text).toMatch(/^ {2}\| last line$/m);
    expect(text).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test('colour changes nothing but colour', () => {
    const coloured = renderFailures([dependency], { ...terminal, hasColour: true });
    expect(coloured).toContain('\x1b[31m✖\x1b[39m');
    expect(coloured.replace(/\x1b\[\d+m/g, '')).toBe(renderFailures([dependency], terminal));
  });

  test('evidence is indented, hints are all shown, the code has its own line where it does not fit', () => {
    const found = failure('service', 'EXITED_EARLY', 'service "api" ended', {
      hints: ['camp logs api', `camp run api -- ${'x'.repeat(70)}`],
      evidence: ['Error: no such file\n    at main', '\x1b[2Jcleared'],
    });
    expect(renderFailures([found], terminal).split('\n')).toEqual([
      '✖ service "api" ended',
      '  │ Error: no such file',
      '  │     at main',
      '  │ cleared',
      '  fix: camp logs api',
      '  fix: camp run api --',
      `       ${'x'.repeat(70)}`,
      `${' '.repeat(68)}EXITED_EARLY`,
    ]);
  });

  test('the underline stays under a column that is far to the right, and under wide characters', () => {
    const far = failure('project', 'X', 'm', {
      source: { file: 'a', line: 1, col: 201, length: 3, text: `${'y'.repeat(200)}dbb${'z'.repeat(200)}` },
    });
    const [, text = '', underline = ''] = renderFailures([far], terminal).split('\n');
    expect(text.slice(underline.indexOf('~'), underline.lastIndexOf('~') + 1)).toBe('dbb');
    const wide = failure('project', 'X', 'm', { source: { file: 'a', line: 1, col: 3, length: 2, text: '日本語x' } });
    const [, , under = ''] = renderFailures([wide], terminal).split('\n');
    expect(under.indexOf('~')).toBe('  a:1:3  '.length + 4);
  });

  test('a warning looks like one', () => {
    expect(renderWarnings([dependency], terminal)).toMatch(/^▲ /);
    expect(renderWarnings([dependency], { ...terminal, isTty: false })).toMatch(/^compose\.yaml:12:9: warning /);
  });

  test.each([80, 40, 20])('no line is wider than %i columns', (width) => {
    const anything = fc.record({
      message: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
      hints: fc.array(fc.string({ unit: 'grapheme', maxLength: 120 }), { maxLength: 3 }),
      evidence: fc.array(fc.string({ unit: 'grapheme', maxLength: 200 }), { maxLength: 3 }),
      text: fc.option(fc.string({ unit: 'grapheme', maxLength: 300 }), { nil: undefined }),
      col: fc.integer({ min: 1, max: 300 }),
      length: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(anything, fc.boolean(), ({ message, hints, evidence, text, col, length }, hasUnicode) => {
        const source = {
          file: 'services/api/compose.yaml',
          line: 12,
          col,
          length,
          ...(text === undefined ? {} : { text }),
        };
        const card = renderFailures([failure('project', 'UNKNOWN_DEPENDENCY', message, { hints, evidence, source })], {
          ...terminal,
          width,
          hasUnicode,
        });
        for (const line of card.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      }),
      { numRuns: 300 },
    );
  });
});
