import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { detectStyle, paint, symbolsOf } from './style.ts';
import { displayWidth, truncate, wrap } from './width.ts';

const tty = { isTTY: true, columns: 100 };
const file = {};

describe('colour', () => {
  test.each([
    ['a terminal', tty, {}, {}, true],
    ['a file', file, {}, {}, false],
    ['NO_COLOR', tty, { NO_COLOR: '1' }, {}, false],
    ['an empty NO_COLOR says nothing', tty, { NO_COLOR: '' }, {}, true],
    ['FORCE_COLOR before NO_COLOR', file, { FORCE_COLOR: '1', NO_COLOR: '1' }, {}, true],
    ['an empty FORCE_COLOR forces', file, { FORCE_COLOR: '' }, {}, true],
    ['FORCE_COLOR=0', tty, { FORCE_COLOR: '0' }, {}, false],
    ['CLICOLOR_FORCE', file, { CLICOLOR_FORCE: '1' }, {}, true],
    ['CLICOLOR_FORCE=0', file, { CLICOLOR_FORCE: '0' }, {}, false],
    ['TERM=dumb', tty, { TERM: 'dumb' }, {}, false],
    ['--no-color before all', tty, { FORCE_COLOR: '1' }, { color: false }, false],
    ['--color before all', file, { NO_COLOR: '1' }, { color: true }, true],
  ] as const)('%s', (_, stream, env, flags, expected) => {
    expect(detectStyle(stream, env, flags).hasColour).toBe(expected);
  });

  test('painting without colour changes nothing', () => {
    expect(paint(detectStyle(file, {}), 'bad', 'x')).toBe('x');
    expect(paint(detectStyle(tty, {}), 'bad', 'x')).toBe('\x1b[31mx\x1b[39m');
  });
});

describe('unicode', () => {
  test.each([
    [{ LANG: 'en_US.UTF-8' }, true],
    [{ LANG: 'C.utf8' }, true],
    [{ LANG: 'C' }, false],
    [{ LC_ALL: 'C', LANG: 'en_US.UTF-8' }, false],
    [{ LC_CTYPE: 'en_US.UTF-8', LANG: 'C' }, true],
    [{ LANG: 'en_US.UTF-8', TERM: 'dumb' }, false],
    [{}, process.platform === 'darwin'],
  ] as const)('%j', (env, expected) => {
    const style = detectStyle(tty, env);
    expect(style.hasUnicode).toBe(expected);
    expect(symbolsOf(style).good).toBe(expected ? '✔' : '+');
  });
});

describe('liveness and width', () => {
  test.each([
    [tty, {}, true],
    [file, {}, false],
    [tty, { CI: 'true' }, false],
    [tty, { CI: '1' }, false],
    [tty, { CI: 'false' }, true],
    [tty, { CI: '' }, true],
    [tty, { TERM: 'dumb' }, false],
  ] as const)('%j %j', (stream, env, expected) => {
    expect(detectStyle(stream, env).isLive).toBe(expected);
  });

  test('the terminal, then COLUMNS, then 80', () => {
    expect(detectStyle(tty, { COLUMNS: '40' }).width).toBe(100);
    expect(detectStyle(file, { COLUMNS: '40' }).width).toBe(40);
    expect(detectStyle(file, { COLUMNS: 'wide' }).width).toBe(80);
    expect(detectStyle({ isTTY: true, columns: 0 }, {}).width).toBe(80);
  });
});

describe('display width', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    ['日本', 4],
    ['한국', 4],
    ['ｆｕｌｌ', 8],
    ['é', 1],
    ['e\u0301', 1],
    ['👍', 2],
    ['👩‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['❤️', 2],
    ['✔', 1],
    ['a\u200bb', 2],
    ['\x1b[31mred\x1b[0m', 3],
  ])('%j takes %i', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  const anything = fc.string({ unit: 'grapheme', maxLength: 60 });

  test('truncated text is at most as wide as told, and unchanged when it fits', () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 30 }), (text, width) => {
        const cut = truncate(text, width);
        expect(displayWidth(cut)).toBeLessThanOrEqual(width);
        if (displayWidth(text) <= width) expect(cut).toBe(text);
      }),
    );
  });

  test('wrapped lines fit and lose nothing but spaces', () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 2, max: 30 }), (text, width) => {
        const lines = wrap(text, width);
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });
});
