import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sanitise } from './sanitise.ts';

const esc = '\x1b';
/** payload, what is left without colour, what is left with colour where that differs */
const cases: readonly (readonly [string, string, string?])[] = [
  ['', ''],
  ['plain', 'plain'],
  ['tab\tstays', 'tab\tstays'],
  ['日本語 – ünïcödé 👩‍👩‍👧', '日本語 – ünïcödé 👩‍👩‍👧'],
  [`${esc}[31mred${esc}[0m`, 'red', `${esc}[31mred${esc}[0m`],
  [`${esc}[31mred`, 'red', `${esc}[31mred${esc}[0m`],
  [`${esc}[1;38;5;200mx${esc}[m`, 'x', `${esc}[1;38;5;200mx${esc}[m${esc}[0m`],
  [`${esc}[38:2::1:2:3mx`, 'x', `${esc}[38:2::1:2:3mx${esc}[0m`],
  [`${esc}[mx${esc}[0m`, 'x', `${esc}[mx${esc}[0m`],
  [`${esc}[2J`, ''],
  [`${esc}[3J`, ''],
  [`${esc}[H`, ''],
  [`${esc}[1;1H`, ''],
  [`${esc}[5A up`, ' up'],
  [`a${esc}[2Kb`, 'ab'],
  [`a${esc}[1Gb`, 'ab'],
  [`${esc}[?25l`, ''],
  [`${esc}[?1049h`, ''],
  [`${esc}[?2004h`, ''],
  [`${esc}[?1000h`, ''],
  [`${esc}[6n`, ''],
  [`${esc}[c`, ''],
  [`${esc}[>c`, ''],
  [`${esc}[21t`, ''],
  [`${esc}[!p`, ''],
  [`${esc}[1 q`, ''],
  [`${esc}[>4;2m`, ''],
  [`${esc}[31`, '31'],
  [`${esc}]0;title\x07after`, 'after'],
  [`${esc}]2;title${esc}\\after`, 'after'],
  [`${esc}]52;c;aGk=\x07`, ''],
  [`${esc}]8;;http://evil${esc}\\text${esc}]8;;${esc}\\`, 'text'],
  [`${esc}]1337;File=:AAAA\x07`, ''],
  [`${esc}]9;notify\x07`, ''],
  [`${esc}]never ends`, ''],
  [`${esc}P1$r0m${esc}\\x`, 'x'],
  [`${esc}Pq#0;2${esc}\\`, ''],
  [`${esc}_Gf=24;AAAA${esc}\\x`, 'x'],
  [`${esc}^private${esc}\\x`, 'x'],
  [`${esc}Xstring${esc}\\x`, 'x'],
  [`${esc}c`, ''],
  [`${esc}7${esc}8`, ''],
  [`${esc}M`, ''],
  [`${esc}(0lqk`, 'lqk'],
  [`${esc}#8`, ''],
  [`${esc}=${esc}>`, ''],
  [`${esc}%G`, ''],
  [`${esc}`, ''],
  [`${esc}${esc}[A[A`, '[A'],
  [`${esc}\x00[1m`, '[1m'],
  ['\x9b31mred', 'red'],
  ['\x9b2J', ''],
  ['\x9d0;title\x9cafter', 'after'],
  ['\x90q\x9cafter', 'after'],
  ['\x85next line', 'next line'],
  ['a\x00b', 'ab'],
  ['bell\x07', 'bell'],
  ['back\x08\x08space', 'backspace'],
  ['form\x0cfeed\x0b', 'formfeed'],
  ['shift\x0eout\x0fin', 'shiftoutin'],
  ['del\x7f', 'del'],
  ['10%\r20%\r30%', '30%'],
  ['done\r', 'done'],
  ['\r\r', ''],
  ['line\u2028sep\u2029', 'line sep '],
  ['user\u202egnp.exe', 'usergnp.exe'],
  ['iso\u2066late\u2069', 'isolate'],
  ['lone \ud800 half', 'lone \ufffd half'],
];

describe('sanitise', () => {
  test.each(
    cases.map(([payload, plain, coloured = plain]) => [JSON.stringify(payload), payload, plain, coloured] as const),
  )('%s', (_, payload, plain, coloured) => {
    expect(sanitise(payload, false)).toBe(plain);
    expect(sanitise(payload, true)).toBe(coloured);
  });

  const nasty = fc.string({
    unit: fc.constantFrom(
      esc,
      '[',
      ']',
      'm',
      '0',
      '3',
      '1',
      ';',
      'A',
      'P',
      '\\',
      '\x07',
      '\x9b',
      '\x9d',
      '\x9c',
      '\r',
      '\t',
      '\x00',
      'x',
      'é',
      '👩',
      '\u202e',
      '\ud800',
    ),
    maxLength: 40,
  });

  test('twice is once, and nothing but colours is left of controls', () => {
    fc.assert(
      fc.property(nasty, fc.boolean(), (line, keepColour) => {
        const once = sanitise(line, keepColour);
        expect(sanitise(once, keepColour)).toBe(once);
        const withoutColour = keepColour ? once.replace(/\x1b\[[\d;:]*m/g, '') : once;
        expect(withoutColour).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/);
      }),
      { numRuns: 3000 },
    );
  });

  test('a line with a million escapes takes no time worth speaking of', () => {
    const line = `${esc}[`.repeat(200_000) + `${esc}]`.repeat(200_000);
    expect(sanitise(line, true).length).toBe(0);
  });
});
