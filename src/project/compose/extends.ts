import { dirname } from 'node:path';
import { nearest } from '../../kit/nearest.ts';
import { problemAt, type Span } from '../text-file.ts';
import { at, type Entry, entriesOf, isNull, type Table, type Tree } from '../tree.ts';
import type { Standpoint } from './assemble.ts';
import { checkShape } from './check.ts';
import type { Lookup } from './interpolate.ts';
import { mergeTrees, withoutMarks } from './merge.ts';
import { serviceRule, withoutRepeats } from './merge-rules.ts';
import { isRemoteFile, pathFrom } from './paths.ts';
import { rebaseService } from './rebase.ts';
import { textOf } from './scalars.ts';
import { extendsShape } from './shape.ts';
import type { Sources } from './sources.ts';

/** Deeper chains are mistakes, and each step takes room on the stack. */
const longestChain = 100;

/** The services of one file, which extend each other by name. */
interface Family {
  readonly path: string;
  /** Where relative paths to further files start. */
  readonly dir: string;
  readonly lookup: Lookup;
  readonly members: ReadonlyMap<string, Entry>;
  /** Services whose `extends` is resolved; undefined for those where that failed. */
  readonly grown: Map<string, Tree | undefined>;
}

interface Step {
  readonly path: string;
  readonly name: string;
}

/**
 * Resolves `extends` in the services of one document (compose-spec, 05-services, extends): what the service says
 * itself is merged over what it extends. Where that fails the key stays. Problems: EXTENDS_CYCLE,
 * UNKNOWN_REFERENCE, FILE_MISSING, REMOTE_FILE, TOO_DEEP, and those of the key's shape.
 */
export function applyExtends(document: Tree, path: string, { dir, lookup }: Standpoint, sources: Sources): Tree {
  const members = entriesOf(at(document, 'services'));
  if (document.kind !== 'table' || ![...members.values()].some(({ value }) => at(value, 'extends'))) return document;
  const families = new Map<string, Family | undefined>();
  const home: Family = { path, dir, lookup, members, grown: new Map() };
  const entries = new Map<string, Entry>();
  for (const [name, entry] of members) entries.set(name, { ...entry, value: grow(name, home, []) ?? entry.value });
  const services = document.entries.get('services') as Entry;
  const value = { ...(services.value as Table), entries };
  return { ...document, entries: new Map(document.entries).set('services', { ...services, value }) };

  function grow(name: string, family: Family, trail: readonly Step[]): Tree | undefined {
    if (family.grown.has(name)) return family.grown.get(name);
    const own = family.members.get(name)?.value;
    const link = own?.kind === 'table' ? own.entries.get('extends') : undefined;
    const tree = own?.kind === 'table' && link ? extend(name, own, link.value, family, trail) : own;
    family.grown.set(name, tree);
    return tree;
  }

  function extend(name: string, own: Table, link: Tree, family: Family, trail: readonly Step[]): Tree | undefined {
    const wanted = targetOf(link, sources);
    if (!wanted) return undefined;
    const steps = [...trail, { path: family.path, name }];
    const from = wanted.file ? familyIn(wanted.file, family, name) : family;
    if (!from) return undefined;
    if (!from.members.has(wanted.service)) {
      sources.report(unknownService(name, wanted, from));
      return undefined;
    }
    const known = steps.findIndex((step) => step.path === from.path && step.name === wanted.service);
    if (known !== -1) {
      const names = [...steps.slice(known).map((step) => step.name), wanted.service];
      const shown = names.length > 8 ? [...names.slice(0, 4), '...', ...names.slice(-3)] : names;
      const message = `services extend each other in a circle: ${shown.join(' → ')}`;
      sources.report(problemAt(wanted.at, 'EXTENDS_CYCLE', message, `remove the extends of "${name}"`));
      return undefined;
    }
    if (steps.length > longestChain) {
      const message = `more than ${longestChain} services extend each other in a row`;
      sources.report(problemAt(wanted.at, 'TOO_DEEP', message, 'extend a service that is nearer to the root'));
      return undefined;
    }
    const base = grow(wanted.service, from, steps);
    if (!base) return undefined;
    const merged = isNull(base) ? own : mergeTrees(sources.hasMarks ? withoutMarks(base) : base, own, serviceRule);
    const kept = new Map((merged as Table).entries);
    kept.delete('extends');
    return { ...(merged as Table), entries: kept };
  }

  function familyIn(file: NonNullable<Target['file']>, asking: Family, name: string): Family | undefined {
    if (isRemoteFile(file.text)) {
      const hint = `download ${file.text} and write the path of the copy`;
      sources.report(problemAt(file.at, 'REMOTE_FILE', `camp fetches no compose files: ${file.text}`, hint));
      return undefined;
    }
    const target = pathFrom(asking.dir, file.text);
    if (families.has(target)) return families.get(target);
    const family = openFamily(target, file, name);
    families.set(target, family);
    return family;
  }

  function openFamily(target: string, file: NonNullable<Target['file']>, name: string): Family | undefined {
    const open = sources.open(target, file.at);
    if (open === 'missing') {
      const message = `service "${name}" extends a service of ${file.text}, which is not there`;
      sources.report(
        problemAt(file.at, 'FILE_MISSING', message, 'correct the path; it starts from the folder of this file'),
      );
    }
    if (!open || open === 'missing') return undefined;
    let whole: Tree | undefined;
    for (const tree of sources.read(open, lookup, file.at)) whole = whole ? mergeTrees(whole, tree) : tree;
    if (!whole) return { path: target, dir: dirname(target), lookup, members: new Map(), grown: new Map() };
    const folder = dirname(target);
    const rebased = [...entriesOf(at(withoutRepeats(whole), 'services'))].map(
      ([each, entry]) => [each, { ...entry, value: rebaseService(entry.value, folder) }] as const,
    );
    return { path: target, dir: folder, lookup, members: new Map(rebased), grown: new Map() };
  }
}

interface Target {
  readonly service: string;
  readonly at: Span;
  readonly file?: { readonly text: string; readonly at: Span };
}

function targetOf(link: Tree, sources: Sources): Target | undefined {
  const problems = checkShape(link, extendsShape, 'extends');
  for (const problem of problems) sources.report(problem);
  const service = link.kind === 'scalar' ? link : at(link, 'service');
  const file = at(link, 'file');
  const [name, path] = [textOf(service), textOf(file)];
  if (problems.length === 0 && !name)
    sources.report(problemAt(link.at, 'INVALID_VALUE', 'extends names no service', 'write extends: {service: base}'));
  if (problems.length === 0 && path === '')
    sources.report(
      problemAt(link.at, 'INVALID_VALUE', 'extends names no file', 'set the variable in it, or remove file'),
    );
  if (problems.length > 0 || !service || !name || path === '') return undefined;
  return { service: name, at: service.at, ...(file && path ? { file: { text: path, at: file.at } } : {}) };
}

function unknownService(name: string, wanted: Target, from: Family) {
  const meant = nearest(wanted.service, from.members.keys());
  const where = wanted.file ? ` in ${wanted.file.text}` : '';
  const message = `service "${name}" extends "${wanted.service}", which is not defined${where}`;
  const hint = meant
    ? `did you mean "${meant}"?`
    : 'write extends: {service: ..., file: ...} where it stands in another file';
  return problemAt(wanted.at, 'UNKNOWN_REFERENCE', message, hint);
}
