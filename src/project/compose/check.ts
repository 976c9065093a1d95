import type { Problem } from '../../kit/failure.ts';
import { nearest } from '../../kit/nearest.ts';
import { problemAt, type Span } from '../text-file.ts';
import { type Entry, entriesOf, type List, type Scalar, type Table, type Tree } from '../tree.ts';
import { badlyWritten, isTyped } from './formats.ts';
import { isWrittenNumber, numberOf, textOf } from './scalars.ts';
import type { Format, ScalarType, Shape } from './shape.ts';
import { timestampOf } from './timestamp.ts';

/**
 * Compares a tree with a shape; `what` is its name in sentences. Problems: UNKNOWN_KEY (did you mean), WRONG_TYPE,
 * INVALID_DURATION, INVALID_SIZE, INVALID_VALUE, INVALID_COMMAND.
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
    else if (expected.items) list(value, expected, expected.items, what);
    else wrongType(value, expected, what);
  }

  function list(value: List, { isUnique }: Shape, items: Shape, what: string): void {
    for (const item of value.items) visit(item, items, `an item of ${what}`);
    if (isUnique) problems.push(...repeated(value, what));
  }

  function table(value: Table, expected: Shape, what: string): void {
    if (!expected.keys && !expected.values) {
      wrongType(value, expected, what);
      return;
    }
    for (const [key, entry] of value.entries) {
      if (isNoText(key, entry)) problems.push(noText(key, entry.keyAt, what));
      else field(key, entry, expected, what);
    }
    const missing = (expected.keys && expected.required?.filter((key) => !value.entries.has(key))) ?? [];
    if (missing.length > 0) problems.push(incomplete(value, missing, what));
  }

  function field(key: string, entry: Entry, { keys, values, names, isOpen, isClosed }: Shape, what: string): void {
    const fixed = keys?.get(key);
    if (fixed) visit(entry.value, fixed, key);
    else if (values && (!names || names.test(key))) visit(entry.value, values, JSON.stringify(key));
    else if (values && !isOpen) problems.push(badName(key, entry.keyAt, what));
    else if (!values && (isClosed || !key.startsWith('x-')))
      problems.push(unknownKey(key, entry.keyAt, keys ?? new Map(), what));
  }

  function scalar(value: Scalar, expected: Shape, what: string): void {
    const text = textOf(value) ?? '';
    const isText = typeof value.value === 'string' && !isWrittenNumber(value);
    const fits = expected.scalar?.some((type) => isOf(value, type));
    if (!fits || (isText && expected.format && isTyped(text, expected.format) === false)) {
      wrongType(value, expected, what);
      return;
    }
    if (value.value === null) return;
    const [least, greatest] = expected.range ?? [];
    const size = least === undefined ? undefined : numberOf(value);
    if (expected.words && !expected.words.includes(text)) problems.push(notAWord(value, text, expected.words, what));
    else if (expected.pattern && !expected.pattern.test(text)) problems.push(unfit(value, text, what));
    else if (size !== undefined && (size < (least ?? size) || size > (greatest ?? size)))
      problems.push(outOfRange(value, text, expected.range ?? [0, 0], what));
    const wrong = isText && expected.format ? badlyWritten(text, expected.format) : undefined;
    if (wrong) problems.push(problemAt(value.at, wrong.code, `${what} "${shorter(text)}" ${wrong.why}`, wrong.hint));
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

function shorter(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** A key that YAML reads as a number, a flag or nothing: go-yaml, and so Compose, wants texts. */
function isNoText(key: string, { keyAt: { file, begin, end } }: Entry): boolean {
  return (
    /^(?:[-+]?\.?\d[\d_.]*(?:e[-+]?\d+)?|0x[\da-f]+|0o[0-7]+|true|false|null|~|)$/i.test(key) &&
    !/^[tTfFnN][A-Z]?[a-z]+[A-Z]/.test(key) &&
    file.text.slice(begin, end).trimEnd() === key
  );
}

function noText(key: string, at: Span, what: string): Problem {
  const message = key === '' ? `a key of ${what} is empty` : `key ${key} of ${what} must be a text`;
  return problemAt(at, 'WRONG_TYPE', message, `put it in quotes: "${key}"`);
}

function repeated({ items }: List, what: string): readonly Problem[] {
  const seen = new Set<string>();
  return items.flatMap((item) => {
    const key = identityOf(item);
    if (!seen.has(key) && seen.add(key)) return [];
    const shown = item.kind === 'scalar' ? JSON.stringify(shorter(textOf(item) ?? '')) : 'the same map';
    return problemAt(item.at, 'INVALID_VALUE', `${shown} is there twice in ${what}`, 'remove one of the two');
  });
}

/** The same text for the same value, in whatever order its keys stand. */
function identityOf(tree: Tree): string {
  if (tree.kind === 'scalar') return `${isWrittenNumber(tree) ? 'number' : typeof tree.value} ${textOf(tree)}`;
  if (tree.kind === 'list') return JSON.stringify(tree.items.map(identityOf));
  return JSON.stringify([...tree.entries].map(([key, { value }]) => [key, identityOf(value)]).sort());
}

function incomplete(value: Table, missing: readonly string[], what: string): Problem {
  const message = `${what} has no ${missing.join(' and no ')}`;
  return problemAt(value.at, 'INVALID_VALUE', message, `add ${missing.map((key) => `${key}: ...`).join(', ')}`);
}

function badName(key: string, at: Span, what: string): Problem {
  const message = `${JSON.stringify(shorter(key))} cannot be a name in ${what}`;
  return problemAt(at, 'INVALID_VALUE', message, 'use letters, digits, ".", "_" and "-"');
}

function unfit(value: Scalar, text: string, what: string): Problem {
  const message = text === '' ? `${what} is empty` : `${what} "${shorter(text)}" is not possible here`;
  return problemAt(value.at, 'INVALID_VALUE', message, `correct ${what}, or remove it`);
}

function outOfRange(value: Scalar, text: string, [least, greatest]: readonly [number, number], what: string): Problem {
  const bounds = greatest === Number.POSITIVE_INFINITY ? `${least} or more` : `from ${least} to ${greatest}`;
  return problemAt(value.at, 'INVALID_VALUE', `${what} is ${text}, not ${bounds}`, `write a number ${bounds}`);
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

function isOf(value: Scalar, type: ScalarType): boolean {
  switch (type) {
    case 'null':
      return value.value === null;
    case 'string':
      return typeof value.value === 'string' && !isWrittenNumber(value) && timestampOf(value) === undefined;
    case 'boolean':
      return typeof value.value === 'boolean';
    case 'number':
      return isWrittenNumber(value);
    case 'integer':
      return isWrittenNumber(value) && Number.isInteger(numberOf(value));
  }
}

const typeNames: Readonly<Record<ScalarType, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'nothing',
};

/** What is meant by a text that stands for a number or a flag. */
const formatNames: Readonly<Partial<Record<Format, string>>> = {
  flag: typeNames.boolean,
  integer: typeNames.integer,
  number: typeNames.number,
};

function describe({ scalar, format, items, keys, values }: Shape): string {
  const meant = format && formatNames[format];
  const names = meant ? [meant] : (scalar ?? []).filter((type) => type !== 'null').map((type) => typeNames[type]);
  if (items) names.push('a list');
  if (keys || values) names.push('a map');
  return names.length < 2 ? (names[0] ?? 'empty') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function nameOf(tree: Tree): string {
  if (tree.kind === 'list') return 'a list';
  if (tree.kind === 'table') return 'a map';
  if (tree.value === null) return 'nothing';
  if (isWrittenNumber(tree)) return `the number ${tree.raw}`;
  if (timestampOf(tree) !== undefined) return 'a date';
  return typeof tree.value === 'string' ? 'a text' : 'true or false';
}

function wayToWrite(value: Tree, expected: Shape): string {
  const isNumber = value.kind === 'scalar' && (isWrittenNumber(value) || timestampOf(value) !== undefined);
  if (isNumber && expected.format === 'duration') return `give it a unit: ${value.raw}s`;
  const takesText = expected.scalar?.includes('string') && !(expected.format && formatNames[expected.format]);
  if (isNumber && takesText) return `put it in quotes: "${value.raw}"`;
  const [, key = '', rest] = (expected.keys && /^(\w+):(\S+)$/.exec(textOf(value) ?? '')) || [];
  if (expected.keys?.has(key)) return `write a blank behind the colon: "${key}: ${rest}"`;
  const [pair, ...others] = entriesOf(value);
  const text = textOf(pair?.[1].value);
  // a colon in an item of a list makes a map
  if (takesText && expected.scalar?.length === 1 && pair && others.length === 0 && text !== undefined)
    return `write ${pair[0]}=${text}, or put it in quotes: "${pair[0]}: ${text}"`;
  return exampleOf(expected);
}

function exampleOf({ scalar, format, items, keys }: Shape): string {
  if (format === 'flag' || scalar?.[0] === 'boolean') return 'write true or false';
  if (format === 'integer' || scalar?.[0] === 'integer' || scalar?.[0] === 'number') return 'write a number';
  if (scalar?.includes('string')) return 'write one text on the line';
  if (items) return 'write each item on a line of its own that begins with "- "';
  return keys
    ? `its keys are ${[...keys.keys()].slice(0, 5).join(', ')}${keys.size > 5 ? ', ...' : ''}`
    : 'write "name: value" lines below it';
}
