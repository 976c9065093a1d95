import { growTree, type Table, type Tree } from '../tree.ts';
import type { Project, Service } from '../types.ts';
import { type CaddyStatement, caddyStatements } from './caddyfile-statements.ts';
import type { SourceFile } from './files.ts';
import { linesOfText } from './size-of-text.ts';

/** From `begin` to before `end`, in characters. */
interface Stretch {
  readonly begin: number;
  readonly end: number;
}

interface Lines {
  readonly lines: number;
  readonly statements: number;
}

/** A file with what is read of it once for all services. */
interface ReadFile extends SourceFile {
  readonly trees: readonly Tree[];
  readonly routes: readonly CaddyStatement[];
}

/**
 * What would not be there without each service: its entry in each compose file, what others say to reach it or to wait
 * for it, volumes, networks, configs and secrets that only it uses, its routes, its own files, and variables of env files
 * that nothing else mentions. A line may belong to two services, and to none: these do not add up to the whole.
 */
export function linesOfServices(
  project: Project,
  files: readonly SourceFile[],
): readonly ({ readonly name: string } & Lines)[] {
  const read = files.map((file) => ({
    ...file,
    trees: file.kind === 'compose' ? growTree({ name: '', text: file.text }).trees : [],
    routes: file.kind === 'caddyfile' ? caddyStatements(file.text) : [],
  }));
  return [...project.services.values()].map((service) => ({
    name: service.name,
    ...linesOfService(service, project, read),
  }));
}

function linesOfService(service: Service, project: Project, files: readonly ReadFile[]): Lines {
  const stretches = new Map(files.map((file) => [file, composeStretches(file, service.name)]));
  return files.map(linesOfFile).reduce(plus, none);

  function linesOfFile(file: ReadFile): Lines {
    if (file.services.length === 1 && file.services[0] === service.name) return linesOfText(file.kind, file.text);
    if (file.kind === 'compose') return linesOfStretches(file, stretches.get(file) ?? []);
    if (file.kind === 'caddyfile') return linesOfStretches(file, routeStretches(file, service, project));
    if (file.kind === 'env' && file.services.length === 0) return linesOfVariables(file, stretches);
    return none;
  }
}

const none: Lines = { lines: 0, statements: 0 };

function plus(one: Lines, other: Lines): Lines {
  return { lines: one.lines + other.lines, statements: one.statements + other.statements };
}

/** Stretches within others count once. */
function linesOfStretches({ kind, text }: SourceFile, stretches: readonly Stretch[]): Lines {
  let sum = none;
  let end = -1;
  for (const each of stretches.toSorted((a, b) => a.begin - b.begin || b.end - a.end)) {
    if (each.begin < end) continue;
    end = each.end;
    sum = plus(sum, linesOfText(kind, text.slice(each.begin, each.end)));
  }
  return sum;
}

const sections = ['volumes', 'networks', 'configs', 'secrets'] as const;

function composeStretches({ text, trees }: ReadFile, name: string): readonly Stretch[] {
  return trees.flatMap((root) => {
    if (root.kind !== 'table') return [];
    const services = tableAt(root, 'services');
    const own = entryOf(services, name);
    const others = [...(services?.entries ?? [])].filter(([other]) => other !== name);
    const left = others
      .map(([, { keyAt, value }]) => text.slice(keyAt.begin, Math.max(keyAt.end, value.at.end)))
      .join('\n');
    return [
      ...own,
      ...others.flatMap(([, { value }]) => mentionsIn(value, name)),
      ...(own.length > 0 ? sections.flatMap((section) => sectionStretches(root, section, own, left, text)) : []),
    ];
  });
}

/** Where others wait for a service, or have its address in a variable. */
function mentionsIn(service: Tree, name: string): readonly Stretch[] {
  if (service.kind !== 'table') return [];
  const waits = ['depends_on', 'links', 'volumes_from'].flatMap((key) =>
    namedIn(service, key, (word) => word === name),
  );
  const address = new RegExp(`(?:://|@|=|^)${escaped(name)}(?::\\d+)?(?:[/?,]|$)`);
  const reached = ['environment'].flatMap((key) => namedIn(service, key, (_, value) => address.test(value)));
  return [...waits, ...reached];
}

/** Entries of a table or list of a service that fit; with all of them the key goes too. */
function namedIn(service: Table, key: string, fits: (name: string, value: string) => boolean): readonly Stretch[] {
  const value = service.entries.get(key)?.value;
  if (value?.kind === 'list') {
    const found = value.items.filter((item) => item.kind === 'scalar' && fits(String(item.value), String(item.value)));
    if (found.length > 0 && found.length === value.items.length) return entryOf(service, key);
    return found.map(({ at }) => ({ begin: at.begin, end: at.end }));
  }
  if (value?.kind !== 'table') return [];
  const found = [...value.entries].filter(([name, entry]) =>
    fits(name, entry.value.kind === 'scalar' ? String(entry.value.value) : ''),
  );
  if (found.length > 0 && found.length === value.entries.size) return entryOf(service, key);
  return found.flatMap(([name]) => entryOf(value, name));
}

/** Names at the top of the file that only the service's own lines mention. */
function sectionStretches(
  root: Table,
  section: string,
  own: readonly Stretch[],
  left: string,
  text: string,
): readonly Stretch[] {
  const table = tableAt(root, section);
  if (!table) return [];
  const mine = own.map(({ begin, end }) => text.slice(begin, end)).join('\n');
  const only = [...table.entries.keys()].filter((name) => {
    const word = new RegExp(`(?<![\\w.-])${escaped(name)}(?![\\w.-])`);
    return word.test(mine) && !word.test(left);
  });
  if (only.length > 0 && only.length === table.entries.size) return entryOf(root, section);
  return only.flatMap((name) => entryOf(table, name));
}

function tableAt(root: Table, key: string): Table | undefined {
  const value = root.entries.get(key)?.value;
  return value?.kind === 'table' ? value : undefined;
}

/** A key with its value; the key alone where the value is an alias, which stands elsewhere. */
function entryOf(table: Table | undefined, key: string): readonly Stretch[] {
  const entry = table?.entries.get(key);
  if (!table || !entry) return [];
  const { keyAt, value } = entry;
  // it came with `<<`
  if (keyAt.begin < table.at.begin || keyAt.begin >= table.at.end) return [];
  const isUnsaid = value.kind === 'scalar' && value.value === null && value.raw === '';
  const isHere = !isUnsaid && value.at.begin >= keyAt.begin && value.at.begin < table.at.end;
  return [{ begin: keyAt.begin, end: isHere ? Math.max(keyAt.end, value.at.end) : keyAt.end }];
}

/** Routes that lead to the service and to no other, with the blocks that hold nothing else. */
function routeStretches(
  { text, routes: all }: ReadFile,
  { name, hints }: Service,
  { services }: Project,
): readonly Stretch[] {
  const owners = new Map<string, string>();
  for (const each of services.values())
    for (const alias of [each.name, ...(each.hints?.aliases ?? [])])
      if (!owners.has(alias)) owners.set(alias, each.name);
  for (const alias of hints?.aliases ?? []) owners.set(alias, name);
  const targets = all.map((statement) => targetsOf(statement, owners));
  const sites = all.filter(({ depth }, i) => depth === 0 && all[i + 1]?.depth === 1).length;
  const starts = lineStarts(text);
  return all.flatMap((statement, i) => {
    let next = i + 1;
    while (next < all.length && (all[next]?.line ?? 0) <= statement.lastLine) next++;
    const inside = new Set(targets.slice(i, next).flatMap((each) => [...each]));
    // a project with one site has it for all services
    if (inside.size !== 1 || !inside.has(name) || (statement.depth === 0 && sites < 2)) return [];
    return { begin: starts[statement.line - 1] ?? 0, end: starts[statement.lastLine] ?? text.length };
  });
}

function targetsOf({ words, word }: CaddyStatement, owners: ReadonlyMap<string, string>): ReadonlySet<string> {
  const found = new Set<string>();
  if (!/^(?:reverse_proxy|to|forward_auth|php_fastcgi|dynamic)$/.test(word)) return found;
  for (const each of words) {
    const host = each.replace(/^[a-z0-9+]+:\/\//, '').replace(/:[\w{}$-]+$/, '');
    const owner = owners.get(host);
    if (owner !== undefined) found.add(owner);
  }
  return found;
}

/** Variables of an env file that only lines mention which would go with the service. */
function linesOfVariables(file: SourceFile, stretches: ReadonlyMap<ReadFile, readonly Stretch[]>): Lines {
  const gone: string[] = [];
  const stays: string[] = [];
  for (const [{ text, kind }, own] of stretches) {
    if (kind === 'caddyfile') stays.push(text);
    if (kind !== 'compose') continue;
    let from = 0;
    for (const { begin, end } of own.toSorted((a, b) => a.begin - b.begin)) {
      stays.push(text.slice(from, Math.max(from, begin)));
      gone.push(text.slice(begin, end));
      from = Math.max(from, end);
    }
    stays.push(text.slice(from));
  }
  const mentions = (texts: readonly string[], name: string): boolean =>
    texts.some((text) => new RegExp(`\\$\\{?${escaped(name)}(?!\\w)`).test(text));
  const rows = file.text.split('\n').filter((row) => {
    const name = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*[=:]/.exec(row)?.[1];
    return name !== undefined && mentions(gone, name) && !mentions(stays, name);
  });
  return linesOfText('env', rows.join('\n'));
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** A text that a pattern takes as it is. */
function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
