import { nearest } from '../../kit/nearest.ts';
import { type Budget, type BudgetLimit, type BudgetName, budgetNames } from './types.ts';

/** What is wrong with a budget, and where in its text. */
export interface Misfit {
  /** Offset in the text, from 0, and how much of it is wrong, at least 1. */
  readonly begin: number;
  readonly length: number;
  readonly message: string;
  readonly hint: string;
}

export interface ReadBudgets {
  readonly budgets: readonly Budget[];
  readonly misfits: readonly Misfit[];
}

type Measure = 'time' | 'size' | 'count';

const sizes: ReadonlySet<BudgetName> = new Set(['memory']);
const counts: ReadonlySet<BudgetName> = new Set([
  ...(['failed', 'lines', 'statements', 'directives', 'decisions', 'concepts', 'files', 'steps', 'parts'] as const),
]);

/** Milliseconds and bytes; KB is 1000 bytes and KiB 1024 (IEC 80000-13). */
const units: Readonly<Record<Measure, ReadonlyMap<string, number>>> = {
  time: new Map([
    ['ms', 1],
    ['s', 1000],
    ['min', 60_000],
  ]),
  size: new Map([
    ['B', 1],
    ['KB', 1e3],
    ['kB', 1e3],
    ['MB', 1e6],
    ['GB', 1e9],
    ['KiB', 2 ** 10],
    ['MiB', 2 ** 20],
    ['GiB', 2 ** 30],
  ]),
  count: new Map(),
};

const examples: Readonly<Record<Measure, string>> = { time: '3s', size: '700MB', count: '40' };

/**
 * Reads budgets with commas between: `ttfr=3s,lines=40,ttfr=+20%`. A time has one of the units ms, s and min, memory one of
 * B, KB, MB, GB, KiB, MiB and GiB, everything else is a number without a unit; `+N%` is meant relative to the
 * baseline. Never throws, whatever the text; every misfit of it is given.
 */
export function readBudgets(text: string): ReadBudgets {
  const budgets: Budget[] = [];
  const misfits: Misfit[] = [];
  let begin = 0;
  for (const part of text.split(',')) {
    const token = part.trim();
    const read = readToken(token, begin + part.indexOf(token));
    if ('message' in read) misfits.push(read);
    else if (budgets.some((other) => isSame(other, read)))
      misfits.push(misfit(begin + part.indexOf(token), token, `${read.name} has two limits`, `keep one of them`));
    else budgets.push(read);
    begin += part.length + 1;
  }
  return { budgets, misfits };
}

/** Of the same thing, and of the same kind: a relative budget may stand beside an absolute one. */
export function isSame(one: Budget, other: Budget): boolean {
  return one.name === other.name && one.limit.kind === other.limit.kind;
}

function readToken(token: string, begin: number): Budget | Misfit {
  if (token === '')
    return misfit(begin, token, 'there is nothing between two commas', 'write a budget such as ttfr=3s');
  const equals = token.indexOf('=');
  const name = (equals === -1 ? token : token.slice(0, equals)).trimEnd();
  if (equals === -1) return withoutLimit(token, begin);
  const written = token.slice(equals + 1);
  const limit = written.trim();
  return readBudget(name, limit, { name: begin, limit: begin + equals + 1 + written.indexOf(limit) });
}

/** One budget whose name and limit stand apart, with the offsets of both. */
export function readBudget(
  name: string,
  limit: string,
  at: { readonly name: number; readonly limit: number },
): Budget | Misfit {
  const known = budgetNames.find((each) => each === name);
  if (!known) return unknownName(name, at.name);
  const read = readLimit(known, limit, at.limit);
  return 'message' in read ? read : { name: known, expression: `${known}=${limit}`, limit: read };
}

/** `ttfr`, or something that was to be a budget: `ttfr<3s`, `ttfr:3s`. */
function withoutLimit(token: string, begin: number): Misfit {
  const [, name = token, limit = ''] = /^([a-z0-9]+)\s*(?:[:<]|<=)\s*(.*)$/i.exec(token) ?? [];
  const known = budgetNames.find((each) => each === name);
  if (!known) return unknownName(name, begin);
  const hint = `${known}=${limit === '' ? examples[measureOf(known)] : limit}`;
  return misfit(begin, token, `${quote(token)} has no limit`, hint);
}

function unknownName(name: string, begin: number): Misfit {
  const meant = nearest(name, budgetNames);
  const message = name === '' ? 'there is no name before "="' : `${quote(name)} is nothing that a budget can be put on`;
  return misfit(begin, name, message, meant ? `did you mean ${meant}?` : `one of ${budgetNames.join(', ')}`);
}

function readLimit(name: BudgetName, text: string, begin: number): BudgetLimit | Misfit {
  const measure = measureOf(name);
  const example = `${name}=${examples[measure]}`;
  const percent = /^([+-]?)\s*(\d{1,6}(?:\.\d{1,6})?)\s*%$/.exec(text);
  if (percent?.[1] === '+') return { kind: 'relative', percent: Number(percent[2]) };
  if (percent)
    return misfit(
      begin,
      text,
      `${quote(text)} is no limit: what is relative is above the baseline`,
      `${name}=+${percent[2]}%`,
    );
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?)\s*(\S*)$/.exec(text) ?? [];
  if (digits === undefined)
    return misfit(
      begin,
      text,
      text === '' ? `${name} has no limit` : `${quote(text)} is no limit`,
      `${example}, or ${name}=+20%`,
    );
  const value = Number(digits);
  if (measure === 'count') return readCount(name, value, unit, { text, begin });
  const factor = units[measure].get(unit);
  if (factor === undefined) return wrongUnit(name, digits, unit, begin + text.length - unit.length);
  if (value === 0) return misfit(begin, text, `no ${measure} is 0: ${name} could never be met`, example);
  return { kind: 'absolute', value: value * factor };
}

function readCount(
  name: BudgetName,
  value: number,
  unit: string,
  { text, begin }: { readonly text: string; readonly begin: number },
): BudgetLimit | Misfit {
  if (unit !== '')
    return misfit(begin + text.length - unit.length, unit, `${name} is counted and has no unit`, `${name}=${value}`);
  if (!Number.isSafeInteger(value))
    return misfit(begin, text, `${name} is counted: ${quote(text)} is no whole number`, `${name}=${Math.ceil(value)}`);
  return { kind: 'absolute', value };
}

function wrongUnit(name: BudgetName, digits: string, unit: string, begin: number): Misfit {
  const known = [...units[measureOf(name)].keys()];
  const what = measureOf(name) === 'time' ? 'a time' : 'a size';
  const meant = known.find((each) => each.toLowerCase() === unit.toLowerCase());
  const message = unit === '' ? `${name}=${digits} has no unit` : `${quote(unit)} is no unit of ${what}`;
  const hint = meant
    ? `did you mean ${name}=${digits}${meant}?`
    : `one of ${known.join(', ')}: ${name}=${digits}${known[1]}`;
  return misfit(begin, unit, message, hint);
}

function measureOf(name: BudgetName): Measure {
  return counts.has(name) ? 'count' : sizes.has(name) ? 'size' : 'time';
}

function misfit(begin: number, text: string, message: string, hint: string): Misfit {
  return { begin, length: Math.max(1, text.length), message, hint };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 37)}...` : text);
}
