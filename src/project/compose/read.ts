import type { Failure, Problem } from '../../kit/failure.ts';
import { problemAt, type Span, type TextFile } from '../text-file.ts';
import { at, type Entry, entriesOf, growTree, itemsOf, type Tree } from '../tree.ts';
import type { Service } from '../types.ts';
import { checkShape } from './check.ts';
import type { Context } from './context.ts';
import { checkDependencies, dependenciesOf, type Node } from './dependencies.ts';
import type { Lookup } from './interpolate.ts';
import { mergeTrees } from './merge.ts';
import { checkReferences } from './references.ts';
import { flagOf, textOf } from './scalars.ts';
import { serviceOf, warnUnread } from './service.ts';
import { composeShape } from './shape.ts';
import { fillVariables } from './variables.ts';

export interface ComposeOptions {
  /** Real path of the folder that relative paths start from. */
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly lookup: Lookup;
  /** Active profiles; `*` is all of them. */
  readonly profiles: ReadonlySet<string>;
}

export interface Compose {
  /** `name:`, with its place. */
  readonly name?: { readonly text: string; readonly at: Span };
  /** The active services, in the order of the file. */
  readonly services: ReadonlyMap<string, Service>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Failure[];
}

/**
 * Reads compose files, later ones merged over earlier ones, into services: text → tree → variables → merge →
 * shape → services → graph. Every problem of every step that can still be taken is reported.
 */
export function readCompose(files: readonly TextFile[], options: ComposeOptions): Compose {
  const problems: Problem[] = [];
  const warnings: Failure[] = [];
  const root = wholeTree(files, options, problems, warnings);
  if (!root) return { services: new Map(), problems, warnings };
  problems.push(...checkShape(root, composeShape));
  const context: Context = {
    dir: options.dir,
    env: options.env,
    lookup: options.lookup,
    isNative: textOf(at(root, 'x-camp')) === 'native' || flagOf(at(root, 'x-camp', 'native')) === true,
    envFiles: new Map(),
    report: (problem) => problems.push(problem),
    warn: (warning) => warnings.push(warning),
  };
  for (const item of itemsOf(at(root, 'include')))
    warnings.push({
      ...problemAt(item.at, 'NOT_READ', 'include is not read yet', 'write its services into this file'),
    });
  const nameTree = at(root, 'name');
  const name = textOf(nameTree);
  return {
    ...(nameTree && name !== undefined ? { name: { text: name, at: nameTree.at } } : {}),
    services: activeServices(root, options.profiles, context),
    problems,
    warnings,
  };
}

function wholeTree(
  files: readonly TextFile[],
  { lookup }: ComposeOptions,
  problems: Problem[],
  warnings: Failure[],
): Tree | undefined {
  let whole: Tree | undefined;
  const unset = new Set<string>();
  for (const file of files) {
    const grown = growTree(file);
    problems.push(...grown.problems);
    for (const tree of grown.trees) {
      if (tree.kind === 'scalar' && tree.value === null) continue;
      const filled = fillVariables(tree, lookup);
      problems.push(...filled.problems);
      for (const warning of filled.warnings)
        if (!unset.has(warning.message) && unset.add(warning.message)) warnings.push(warning);
      whole = whole ? mergeTrees(whole, filled.tree) : filled.tree;
    }
  }
  return whole;
}

function activeServices(root: Tree, profiles: ReadonlySet<string>, context: Context): ReadonlyMap<string, Service> {
  const entries = entriesOf(at(root, 'services'));
  const nodes = new Map([...entries].map(([name, entry]) => [name, nodeOf(entry, profiles)]));
  const awaited = new Set<string>();
  for (const { dependencies, isActive } of nodes.values())
    if (isActive)
      for (const { on, condition } of dependencies) if (condition === 'service_completed_successfully') awaited.add(on);
  // what an included file defines is not known yet
  const isWhole = at(root, 'include') === undefined;
  const services = new Map<string, Service>();
  for (const [name, entry] of entries) {
    if (!checkName(name, entry, context)) continue;
    const node = nodes.get(name);
    if (!node?.isActive) continue;
    warnUnread(name, entry, context);
    if (isWhole) for (const problem of checkReferences(name, entry.value, root)) context.report(problem);
    const dependencies = node.dependencies.filter(({ on, isRequired }) => isRequired || nodes.get(on)?.isActive);
    services.set(name, serviceOf(name, entry, { dependencies, isOneShot: awaited.has(name) }, context));
  }
  for (const problem of checkDependencies(nodes))
    if (isWhole || problem.code !== 'UNKNOWN_DEPENDENCY') context.report(problem);
  return services;
}

/** Compose's own rule; a service that is no map has been reported by the shape. */
function checkName(name: string, { keyAt, value }: Entry, context: Context): boolean {
  const isUsable = /^[a-zA-Z0-9._-]+$/.test(name);
  if (!isUsable)
    context.report(
      problemAt(
        keyAt,
        'INVALID_NAME',
        `service name ${JSON.stringify(name.slice(0, 60))} may hold only letters, digits, ".", "_" and "-"`,
        'use a short lower-case word, such as api',
      ),
    );
  return isUsable && value.kind === 'table';
}

function nodeOf({ value }: Entry, active: ReadonlySet<string>): Node {
  const profiles = itemsOf(at(value, 'profiles')).flatMap((each) => textOf(each) ?? []);
  const isActive = profiles.length === 0 || active.has('*') || profiles.some((each) => active.has(each));
  return { dependencies: dependenciesOf(value), isActive, profiles };
}

/** File by file in the given order, then by line and column; one a place and code, however many aliases repeat it. */
export function inTextOrder<T extends Failure>(found: readonly T[], files: readonly string[]): readonly T[] {
  const rank = ({ source }: T) => (source ? (files.indexOf(source.file) + files.length + 1) % (files.length + 1) : -1);
  const unique = new Map<string, T>();
  for (const each of found) {
    const { code, message, source } = each;
    const key = source ? `${code} ${source.file}:${source.line}:${source.col}` : `${code} ${message}`;
    if (!unique.has(key)) unique.set(key, each);
  }
  return [...unique.values()].sort(
    (a, b) =>
      rank(a) - rank(b) || (a.source?.line ?? 0) - (b.source?.line ?? 0) || (a.source?.col ?? 0) - (b.source?.col ?? 0),
  );
}
