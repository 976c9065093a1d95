import type { Problem } from '../../kit/failure.ts';
import { nearest } from '../../kit/nearest.ts';
import { problemAt, type Span } from '../text-file.ts';
import type { Scalar, Table, Tree } from '../tree.ts';
import { splitWords } from '../words.ts';
import { flagOf, numberOf, textOf } from './scalars.ts';
import type { ScalarType, Shape } from './shape.ts';
import { byteSize, durationMs } from './units.ts';

/**
 * Compares a tree with a shape; `what` is its name in sentences. Problems: UNKNOWN_KEY (did you mean), WRONG_TYPE, INVALID_DURATION,
 * INVALID_SIZE, INVALID_VALUE, INVALID_COMMAND.
 */
export function checkShape(tree: Tree, shape: Shape, what = 'the file'): readonly Problem[] {
  const problems: Problem[] = [];
  // what an alias repeats is complained about once
  const seen = new Map<Tree, Set<Shape>>();
  visit(tree, shape, what);
  return problems;

  function visit(value: Tree, expected: Shape, what: string): void {
    const known = seen.get(value);
    if (known?.has(expected)) return;
    if (known) known.add(expected);
    else seen.set(value, new Set([expected]));
    if (value.kind === 'scalar') scalar(value, expected, what);
    else if (value.kind === 'table') table(value, expected, what);
    else if (expected.items) for (const item of value.items) visit(item, expected.items, `an item of ${what}`);
    else wrongType(value, expected, what);
  }

  function table(value: Table, expected: Shape, what: string): void {
    if (!expected.keys && !expected.values) {
      wrongType(value, expected, what);
      return;
    }
    for (const [key, entry] of value.entries) {
      const inner = expected.keys?.get(key) ?? (expected.keys && !expected.values ? undefined : expected.values);
      if (inner) visit(entry.value, inner, expected.keys?.has(key) ? key : JSON.stringify(key));
      else if (!key.startsWith('x-')) problems.push(unknownKey(key, entry.keyAt, expected.keys ?? new Map(), what));
    }
  }

  function scalar(value: Scalar, expected: Shape, what: string): void {
    if (!expected.scalar?.some((type) => isOf(value, type))) {
      wrongType(value, expected, what);
      return;
    }
    const text = textOf(value);
    if (text === undefined) return;
    if (expected.words && !expected.words.includes(text)) problems.push(notAWord(value, text, expected.words, what));
    const wrong = expected.format && badlyWritten(text, expected.format, what);
    if (wrong) problems.push(problemAt(value.at, ...wrong));
  }

  function wrongType(value: Tree, expected: Shape, what: string): void {
    problems.push(
      problemAt(
        value.at,
        'WRONG_TYPE',
        `${what} must be ${describe(expected)}, not ${nameOf(value)}`,
        wayToWrite(value, expected),
      ),
    );
  }
}

function unknownKey(key: string, at: Span, known: ReadonlyMap<string, Shape>, what: string): Problem {
  const meant = nearest(key, known.keys());
  const shown = JSON.stringify(key.length > 60 ? `${key.slice(0, 57)}...` : key);
  const hints = [meant ? `did you mean "${meant}"?` : `remove ${shown}, or begin it with x- to keep it`];
  return problemAt(at, 'UNKNOWN_KEY', `${shown} is not a key of ${what}`, ...hints);
}

function notAWord(value: Scalar, text: string, words: readonly string[], what: string): Problem {
  const meant = nearest(text, words);
  return problemAt(
    value.at,
    'INVALID_VALUE',
    `${what} "${text}" is not one of ${words.join(', ')}`,
    meant ? `did you mean "${meant}"?` : `use ${words[0]}`,
  );
}

type Wrong = readonly [code: string, message: string, hint: string];

function badlyWritten(text: string, format: NonNullable<Shape['format']>, what: string): Wrong | undefined {
  switch (format) {
    case 'duration':
      if (durationMs(text) !== undefined) return undefined;
      return [
        'INVALID_DURATION',
        `${what} "${text}" is not a duration`,
        'write a number with a unit: 500ms, 10s, 1m30s, 2h',
      ];
    case 'bytes':
      if (byteSize(text) !== undefined) return undefined;
      return ['INVALID_SIZE', `${what} "${text}" is not a size`, 'write a number with a unit: 64k, 512m, 1.5g'];
    case 'command':
      if (splitWords(text)) return undefined;
      return [
        'INVALID_COMMAND',
        `${what} has a quote that is not closed`,
        'close the quote, or write the command as a list',
      ];
  }
}

function isOf(value: Scalar, type: ScalarType): boolean {
  switch (type) {
    case 'null':
      return value.value === null;
    case 'string':
      return typeof value.value === 'string';
    case 'boolean':
      return flagOf(value) !== undefined && typeof value.value !== 'number';
    case 'number':
      return typeof value.value === 'number' || numberOf(value) !== undefined;
    case 'integer':
      return Number.isInteger(numberOf(value));
  }
}

const typeNames: Readonly<Record<ScalarType, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'nothing',
};

function describe({ scalar, items, keys, values }: Shape): string {
  const names = (scalar ?? []).filter((type) => type !== 'null').map((type) => typeNames[type]);
  if (items) names.push('a list');
  if (keys || values) names.push('a map');
  return names.length < 2 ? (names[0] ?? 'empty') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function nameOf(tree: Tree): string {
  if (tree.kind === 'list') return 'a list';
  if (tree.kind === 'table') return 'a map';
  if (tree.value === null) return 'nothing';
  if (typeof tree.value === 'number') return `the number ${tree.raw}`;
  return typeof tree.value === 'string' ? 'a text' : 'true or false';
}

function wayToWrite(value: Tree, expected: Shape): string {
  const isNumber = value.kind === 'scalar' && typeof value.value === 'number';
  if (isNumber && expected.format === 'duration') return `give it a unit: ${value.raw}s`;
  if (isNumber && expected.scalar?.includes('string')) return `put it in quotes: "${value.raw}"`;
  return exampleOf(expected);
}

function exampleOf({ scalar, items, keys }: Shape): string {
  if (scalar?.includes('boolean')) return 'write true or false';
  if (scalar?.includes('integer') || scalar?.includes('number')) return 'write a number';
  if (scalar?.includes('string')) return 'write one text on the line';
  if (items) return 'write each item on a line of its own that begins with "- "';
  return keys
    ? `its keys are ${[...keys.keys()].slice(0, 5).join(', ')}${keys.size > 5 ? ', ...' : ''}`
    : 'write "name: value" lines below it';
}
