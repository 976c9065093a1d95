import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDocument } from '../project/yaml.ts';
import { quotes } from './quote.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 }).map((value) => value.toWellFormed());
const runs = { numRuns: 300 };
const sharp = [
  '',
  '"',
  "'",
  '\\',
  '\n',
  '\r\n',
  '\0',
  '$(x)',
  '`x`',
  '\u2028',
  '\uFEFF',
  '\u0085',
  'no',
  '0755',
  '- a',
  ': b',
  '#c',
  `${'$'}{X}`,
  '{{x}}',
  '</script>',
  'é😀',
];

test('JSON and JavaScript read back what was written', () => {
  const check = (value: string) => {
    expect(JSON.parse(quotes.json(value))).toBe(value);
    expect(new Function(`'use strict'; return ${quotes.js(value)}`)()).toBe(value);
  };
  sharp.forEach(check);
  fc.assert(fc.property(text, check), runs);
});

test('YAML reads back what was written, as a key and as a value', () => {
  const check = (value: string) => {
    const document = parseDocument(`a: ${quotes.yaml(value)} # c\nb: [${quotes.yaml(value)}]\n`);
    expect(document.errors).toEqual([]);
    expect(document.toJS()).toEqual({ a: value, b: [value] });
  };
  sharp.forEach(check);
  fc.assert(fc.property(text, check), runs);
});

test('a shell word reads back, and nothing in it is expanded', () => {
  const check = (value: string) => {
    const quoted = quotes.shell(value);
    const parts = quoted.startsWith("'") ? quoted.slice(1, -1).split("'\\''") : [quoted];
    expect(parts.join("'")).toBe(value);
    expect(parts.some((part) => part.includes("'"))).toBe(false);
    if (!quoted.startsWith("'")) expect(quoted).toMatch(/^[A-Za-z0-9_./:@%+,-]+$/);
  };
  sharp.filter((value) => !value.includes('\0')).forEach(check);
  fc.assert(
    fc.property(
      text.filter((value) => !value.includes('\0')),
      check,
    ),
    runs,
  );
  expect(() => quotes.shell('a\0b')).toThrow(RangeError);
});

test('HTML reads back, and no tag or attribute can be begun', () => {
  const check = (value: string) => {
    const quoted = quotes.html(value);
    expect(quoted).not.toMatch(/[<>"']/);
    const back = quoted
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&');
    expect(back).toBe(value);
  };
  sharp.forEach(check);
  fc.assert(fc.property(text, check), runs);
});

test('a word of a Dockerfile reads back; a line end is refused', () => {
  const check = (value: string) => {
    const quoted = quotes.docker(value);
    const back = quoted.startsWith('"') ? quoted.slice(1, -1).replace(/\\([\\"$])/g, '$1') : quoted;
    expect(back).toBe(value);
  };
  const oneLine = (value: string) => !/[\n\r\0]/.test(value);
  sharp.filter(oneLine).forEach(check);
  fc.assert(fc.property(text.filter(oneLine), check), runs);
  expect(() => quotes.docker('a\nRUN x')).toThrow(RangeError);
});
