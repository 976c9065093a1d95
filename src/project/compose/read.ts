import type { Failure } from '../../kit/failure.ts';
import type { MeasureWishes } from '../measure/types.ts';
import { problemAt, type Span } from '../text-file.ts';
import { at, type Entry, entriesOf, type Tree } from '../tree.ts';
import type { Service } from '../types.ts';
import { assemble } from './assemble.ts';
import { checkShape } from './check.ts';
import { checkConflicts, checkContainerNames, checkOrigins } from './conflicts.ts';
import type { Context } from './context.ts';
import { checkDependencies, dependenciesOf, type Node } from './dependencies.ts';
import type { Lookup } from './interpolate.ts';
import { measureOf } from './measure.ts';
import { isActive, profilesOf } from './profiles.ts';
import { checkBuiltOn, checkReferences } from './references.ts';
import { flagOf, textOf } from './scalars.ts';
import { serviceOf } from './service.ts';
import { composeShape } from './shape.ts';
import type { OpenFile, Sources } from './sources.ts';

export interface ComposeOptions {
  /** Real path of the folder that relative paths start from. */
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly lookup: Lookup;
  /** Active profiles; `*` is all of them. */
  readonly profiles: ReadonlySet<string>;
  /** Where files are opened, and where problems and warnings go. */
  readonly sources: Sources;
}

export interface Compose {
  /** `name:`, with its place. */
  readonly name?: { readonly text: string; readonly at: Span };
  /** The active services, in the order of the file. */
  readonly services: ReadonlyMap<string, Service>;
  /** `x-camp: {measure: …}`. */
  readonly measure?: MeasureWishes;
  /** All files as one; absent where there is nothing in them. */
  readonly tree?: Tree;
}

/**
 * Reads compose files, later ones merged over earlier ones, into services: text → tree → variables → extends →
 * include → merge → shape → services → graph. Every problem of every step that can still be taken is reported.
 */
export function readCompose(files: readonly OpenFile[], options: ComposeOptions): Compose {
  const { dir, env, lookup, profiles, sources } = options;
  const root = assemble(files, { dir, lookup, chain: [] }, sources);
  if (!root) return { services: new Map() };
  for (const problem of [...checkShape(root, composeShape), ...checkOrigins(root)]) sources.report(problem);
  const context: Context = {
    dir,
    env,
    lookup,
    isNative: textOf(at(root, 'x-camp')) === 'native' || flagOf(at(root, 'x-camp', 'native')) === true,
    sources,
    report: sources.report,
    warn: sources.warn,
  };
  const nameTree = at(root, 'name');
  const name = textOf(nameTree);
  const measure = measureOf(root, sources.report);
  return {
    ...(nameTree && name ? { name: { text: name, at: nameTree.at } } : {}),
    services: activeServices(root, profiles, context),
    ...(measure ? { measure } : {}),
    tree: root,
  };
}

function activeServices(root: Tree, profiles: ReadonlySet<string>, context: Context): ReadonlyMap<string, Service> {
  const entries = entriesOf(at(root, 'services'));
  const nodes = new Map([...entries].map(([name, entry]) => [name, nodeOf(entry, profiles)]));
  const awaited = new Set<string>();
  for (const { dependencies, isActive } of nodes.values())
    if (isActive)
      for (const { on, condition } of dependencies) if (condition === 'service_completed_successfully') awaited.add(on);
  const services = new Map<string, Service>();
  for (const [name, entry] of entries) {
    if (!checkName(name, entry, context)) continue;
    const node = nodes.get(name);
    if (!node?.isActive) continue;
    for (const problem of checkReferences(name, entry.value, root)) context.report(problem);
    for (const problem of checkConflicts(name, entry.value)) context.report(problem);
    const dependencies = node.dependencies.filter(({ on, isRequired }) => isRequired || nodes.get(on)?.isActive);
    services.set(name, serviceOf(name, entry, { dependencies, isOneShot: awaited.has(name), root }, context));
  }
  const active = [...services.keys()].map((name) => [name, (entries.get(name) as Entry).value] as const);
  for (const problem of checkContainerNames(new Map(active))) context.report(problem);
  for (const problem of checkBuiltOn(new Map(active))) context.report(problem);
  for (const problem of checkDependencies(nodes)) context.report(problem);
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
  return { dependencies: dependenciesOf(value), isActive: isActive(value, active), profiles: profilesOf(value) };
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
