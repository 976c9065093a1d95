import { basename, dirname, join } from 'node:path';
import { failure, type Problem } from '../../kit/failure.ts';
import { problemAt, type Span, sourceOf } from '../text-file.ts';
import { at, type Entry, entriesOf, isNull, itemsOf, type Scalar, type Table, type Tree } from '../tree.ts';
import { assemble, type Standpoint } from './assemble.ts';
import { checkShape } from './check.ts';
import { readDotEnv } from './dotenv.ts';
import type { Lookup } from './interpolate.ts';
import { mergeTrees } from './merge.ts';
import { fileRule } from './merge-rules.ts';
import { isRemoteFile, pathFrom } from './paths.ts';
import { rebaseFile } from './rebase.ts';
import { textOf } from './scalars.ts';
import { composeShape, includeShape } from './shape.ts';
import type { OpenFile, Sources } from './sources.ts';

/** Each step takes room on the stack, and no project is so deep. */
const longestChain = 100;
const sections = ['services', 'volumes', 'networks', 'secrets', 'configs', 'models'] as const;

/**
 * Resolves a document's `include` (compose-spec, 14-include): each entry is a project of its own, with its own
 * folder and .env, whose services, volumes, networks, secrets, configs and models are taken over. Problems:
 * FILE_MISSING, ENV_FILE_MISSING, REMOTE_FILE, INCLUDE_CYCLE, INCLUDE_CONFLICT, TOO_DEEP, and those of what is read.
 */
export function applyInclude(document: Tree, path: string, standpoint: Standpoint, sources: Sources): Tree {
  const include = at(document, 'include');
  if (document.kind !== 'table' || !include) return document;
  const problems = isNull(include) ? [] : checkShape(include, includeShape, 'include');
  for (const problem of problems) sources.report(problem);
  const entries = new Map(document.entries);
  entries.delete('include');
  let result: Table = { ...document, entries };
  const inside = { ...standpoint, chain: [...standpoint.chain, path] };
  if (problems.length === 0)
    for (const item of itemsOf(include)) {
      const included = includedBy(item, inside, sources);
      if (included) result = takeOver(result, included, sources);
    }
  return result;
}

/** One entry as a tree with absolute paths; undefined where it cannot be had, which has been reported. */
function includedBy(item: Tree, { dir, lookup, chain }: Standpoint, sources: Sources): Tree | undefined {
  const written = listOf(item.kind === 'scalar' ? item : at(item, 'path'));
  const [first] = written;
  if (!first) {
    sources.report(problemAt(item.at, 'INVALID_VALUE', 'include names no file', 'write include: [path/compose.yaml]'));
    return undefined;
  }
  const files = written.map((tree) => openIncluded(tree, dir, chain, sources));
  if (!files.every((file) => file !== undefined)) return undefined;
  const folder = textOf(at(item, 'project_directory'));
  const own = folder ? pathFrom(dir, folder) : dirname(pathFrom(dir, textOf(first) ?? ''));
  const values = variablesOf(listOf(at(item, 'env_file')), own, dir, lookup, sources);
  const within: Lookup = values.size > 0 ? (name) => lookup(name) ?? values.get(name) : lookup;
  const tree = assemble(files, { dir: own, lookup: within, chain }, sources);
  if (tree && tree.kind !== 'table') for (const problem of checkShape(tree, composeShape)) sources.report(problem);
  return tree && withEnvironment(rebaseFile(tree, own), within);
}

function openIncluded(tree: Scalar, dir: string, chain: readonly string[], sources: Sources): OpenFile | undefined {
  const text = textOf(tree) ?? '';
  const complain = (code: string, message: string, hint: string) => {
    sources.report(problemAt(tree.at, code, message, hint));
    return undefined;
  };
  if (isRemoteFile(text))
    return complain('REMOTE_FILE', `camp fetches no compose files: ${text}`, `download ${text} and include the copy`);
  const path = pathFrom(dir, text);
  if (chain.includes(path)) {
    const names = [...chain.slice(chain.indexOf(path)), path].map((each) => basename(each));
    const shown = names.length > 8 ? [...names.slice(0, 4), '...', ...names.slice(-3)] : names;
    return complain(
      'INCLUDE_CYCLE',
      `files include each other in a circle: ${shown.join(' → ')}`,
      'remove this include',
    );
  }
  if (chain.length > longestChain)
    return complain('TOO_DEEP', `more than ${longestChain} files include each other in a row`, 'include it further up');
  const open = sources.open(path, tree.at);
  if (open === 'missing') return complain('FILE_MISSING', `included file ${text} is not there`, 'correct the path');
  return open;
}

/** `env_file`, else .env of the included project's folder; what the including project knows wins over both. */
function variablesOf(
  written: readonly Scalar[],
  own: string,
  dir: string,
  lookup: Lookup,
  sources: Sources,
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const read = (path: string, where?: Span): boolean => {
    const open = sources.open(path, where);
    if (!open || open === 'missing') return open === undefined;
    const found = readDotEnv(open.file, (name) => lookup(name) ?? values.get(name));
    for (const problem of found.problems) sources.report(problem);
    for (const [name, value] of found.values) values.set(name, value);
    return true;
  };
  if (written.length === 0) read(join(own, '.env'));
  for (const tree of written) {
    const text = textOf(tree) ?? '';
    if (!read(pathFrom(dir, text), tree.at))
      sources.report(
        problemAt(tree.at, 'ENV_FILE_MISSING', `env file ${text} is not there`, 'correct the path, or remove it'),
      );
  }
  return values;
}

function takeOver(document: Table, included: Tree, sources: Sources): Table {
  const entries = new Map(document.entries);
  for (const section of sections) {
    const from = entriesOf(at(included, section));
    if (from.size === 0) continue;
    const before = entries.get(section);
    if (before && before.value.kind !== 'table' && !isNull(before.value)) continue;
    const merged = new Map(entriesOf(before?.value));
    for (const [name, entry] of from) {
      const own = merged.get(name);
      if (!own) merged.set(name, entry);
      else if (!isSame(own.value, entry.value)) {
        sources.report(conflict(section, name, own, entry));
        // so that nothing is said to be missing that the other one has
        const rule = fileRule.keys?.get(section)?.each;
        merged.set(name, { ...own, value: mergeTrees(entry.value, own.value, rule ?? {}) });
      }
    }
    const value = { ...((before?.value.kind === 'table' ? before : undefined)?.value ?? included), entries: merged };
    entries.set(section, { keyAt: before?.keyAt ?? included.at, value: value as Table });
  }
  return { ...document, entries };
}

function conflict(section: string, name: string, own: Entry, { keyAt }: Entry): Problem {
  const { file, line } = sourceOf(keyAt);
  const message = `${section.slice(0, -1)} "${name}" is defined here and, differently, at ${file}:${line}, which is included`;
  return failure('project', 'INCLUDE_CONFLICT', message, {
    hints: [
      'change an included service in compose.override.yaml, or in a second file of the include: path: [theirs, ours]',
    ],
    source: sourceOf(own.keyAt),
  }) as Problem;
}

/** The same text, wherever it stands. */
function isSame(one: Tree, other: Tree): boolean {
  if (one === other) return true;
  if (one.kind === 'scalar') return other.kind === 'scalar' && textOf(one) === textOf(other);
  if (one.kind === 'list')
    return (
      other.kind === 'list' &&
      one.items.length === other.items.length &&
      one.items.every((item, i) => isSame(item, other.items[i] as Tree))
    );
  if (other.kind !== 'table' || one.entries.size !== other.entries.size) return false;
  return [...one.entries].every(([key, { value }]) => {
    const entry = other.entries.get(key);
    return entry !== undefined && isSame(value, entry.value);
  });
}

/** Names without a value in a list of `environment` take it from the included project's variables. */
function withEnvironment(file: Tree, lookup: Lookup): Tree {
  const services = at(file, 'services');
  if (file.kind !== 'table' || services?.kind !== 'table') return file;
  const entries = new Map(services.entries);
  for (const [name, entry] of entries) {
    const environment = at(entry.value, 'environment');
    if (entry.value.kind !== 'table' || environment?.kind !== 'list') continue;
    const items = environment.items.map((item) => {
      const text = textOf(item);
      const value = text === undefined || text.includes('=') ? undefined : lookup(text);
      return value === undefined || item.kind !== 'scalar'
        ? item
        : { ...item, value: `${text}=${value}`, isPlain: false };
    });
    const value = { ...environment, items };
    const inner = new Map(entry.value.entries).set('environment', { keyAt: environment.at, value });
    entries.set(name, { ...entry, value: { ...entry.value, entries: inner } });
  }
  return {
    ...file,
    entries: new Map(file.entries).set('services', { keyAt: file.at, value: { ...services, entries } }),
  };
}

function listOf(tree: Tree | undefined): readonly Scalar[] {
  const items = tree?.kind === 'scalar' ? [tree] : itemsOf(tree);
  return items.flatMap((each) => (each.kind === 'scalar' && textOf(each) ? [each] : []));
}
