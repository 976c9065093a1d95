import type { Problem } from '../../kit/failure.ts';
import { type Misfit, readBudget, readBudgets } from '../measure/budget.ts';
import type { Budget, MeasureWishes, MessageRequest } from '../measure/types.ts';
import { problemAt, type Span } from '../text-file.ts';
import { at, type Entry, entriesOf, isNull, itemsOf, plainOf, type Scalar, type Tree } from '../tree.ts';
import { textOf } from './scalars.ts';

/**
 * `x-camp: {measure: …}` at the top of the file, whose shape has been checked; undefined where nothing is said. Problems:
 * BUDGET_INVALID, INVALID_VALUE.
 */
export function measureOf(root: Tree, report: (problem: Problem) => void): MeasureWishes | undefined {
  const measure = at(root, 'x-camp', 'measure');
  if (!measure) return undefined;
  const message = messageOf(at(measure, 'message'), report);
  return { budget: budgetsOf(at(measure, 'budget'), report), ...(message ? { message } : {}) };
}

/** A map of names and limits, a text with commas, or a list of such texts. */
function budgetsOf(tree: Tree | undefined, report: (problem: Problem) => void): readonly Budget[] {
  if (tree?.kind === 'table') return [...tree.entries].flatMap(([name, entry]) => ofPair(name, entry, report));
  const texts = tree?.kind === 'list' ? itemsOf(tree) : tree ? [tree] : [];
  return texts.flatMap((each) => ofText(each, report));
}

function ofPair(name: string, { keyAt, value }: Entry, report: (problem: Problem) => void): readonly Budget[] {
  const limit = value.kind === 'scalar' ? writtenText(value) : undefined;
  if (limit === undefined) return []; // the shape has said so
  // the offsets only say in which of the two the misfit is
  const read = readBudget(name, limit.trim(), { name: -1, limit: 0 });
  if (!('message' in read)) return [read];
  const around = read.begin < 0 ? keyAt : within(value, limit, read.begin + limit.indexOf(limit.trim()), read.length);
  report(problemOf(read, around));
  return [];
}

function ofText(tree: Tree, report: (problem: Problem) => void): readonly Budget[] {
  const text = tree.kind === 'scalar' ? writtenText(tree) : undefined;
  if (text === undefined) return [];
  const { budgets, misfits } = readBudgets(text);
  for (const each of misfits) report(problemOf(each, within(tree, text, each.begin, each.length)));
  return budgets;
}

function problemOf({ message, hint }: Misfit, around: Span): Problem {
  return problemAt(around, 'BUDGET_INVALID', message, hint);
}

/** As it stands there: a limit is no number for YAML to write in another way. */
function writtenText({ value, raw }: Scalar): string | undefined {
  return typeof value === 'string' ? value : value === null ? undefined : raw;
}

/** A part of a scalar's text; the whole scalar where its text is written otherwise than it reads. */
function within({ at: whole }: Tree, text: string, begin: number, length: number): Span {
  const found = whole.file.text.slice(whole.begin, whole.end).indexOf(text);
  if (found === -1 || text === '') return whole;
  const start = whole.begin + found + begin;
  return { file: whole.file, begin: start, end: Math.max(start + 1, Math.min(start + length, whole.end)) };
}

/** Headers that say how a message is framed, or where it goes: those belong to whoever sends it. */
const ownHeaders =
  /^(?:host|connection|content-length|transfer-encoding|upgrade|te|trailer|expect|keep-alive|proxy-.*)$/i;

/** RFC 9110, 5.1 and 5.5: a name is a token, a value has no control characters. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

function messageOf(tree: Tree | undefined, report: (problem: Problem) => void): MessageRequest | undefined {
  const path = at(tree, 'path');
  const target = textOf(path);
  const headers = headersOf(at(tree, 'headers'), report);
  if (!path || target === undefined) return undefined;
  // RFC 9112, 3.2.1: what is visible, without a fragment; "//" would be another host
  if (!/^\/(?!\/)[!"$-~]*$/.test(target)) {
    const message = `path ${JSON.stringify(target.slice(0, 60))} of message is no path of the site`;
    report(problemAt(path.at, 'INVALID_VALUE', message, 'write path: /api/orders/'));
    return undefined;
  }
  const body = bodyOf(at(tree, 'body'));
  const method = (textOf(at(tree, 'method')) ?? 'POST') as MessageRequest['method'];
  const isTyped = Object.keys(headers).includes('content-type');
  return {
    method,
    path: target,
    headers: { ...(body?.isJson && !isTyped ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(body ? { body: body.text } : {}),
  };
}

function headersOf(tree: Tree | undefined, report: (problem: Problem) => void): Readonly<Record<string, string>> {
  const headers: [string, string][] = [];
  for (const [name, { keyAt, value }] of entriesOf(tree)) {
    const text = textOf(value) ?? '';
    const shown = JSON.stringify(name.slice(0, 60));
    if (!token.test(name))
      report(
        problemAt(keyAt, 'INVALID_VALUE', `${shown} cannot be the name of a header`, 'use letters, digits and "-"'),
      );
    else if (ownHeaders.test(name))
      report(problemAt(keyAt, 'INVALID_VALUE', `header ${shown} is set by whoever sends the request`, 'remove it'));
    else if (!fieldValue.test(text))
      report(problemAt(value.at, 'INVALID_VALUE', `header ${shown} has a control character in it`, 'remove it'));
    else headers.push([name.toLowerCase(), text]);
  }
  return Object.fromEntries(headers);
}

/** A text is sent as it is, everything else as JSON. */
function bodyOf(tree: Tree | undefined): { readonly text: string; readonly isJson: boolean } | undefined {
  if (!tree || isNull(tree)) return undefined;
  if (tree.kind === 'scalar' && typeof tree.value === 'string') return { text: tree.value, isJson: false };
  return { text: JSON.stringify(plainOf(tree)), isJson: true };
}
