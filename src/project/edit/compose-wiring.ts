import { isMap, isScalar, isSeq, type Node, type YAMLMap } from '../yaml.ts';
import { isRecord, type ReadDocument, readDocument, servicesIn } from './compose-document.ts';
import { behindLine, type Edit, insertLines, problemAt, sourceAt } from './edit.ts';
import { insertItem, insertPair, isEmptyNode, nodeAt, type Path, pairOf } from './yaml-layout.ts';

/** What a service needs to use a backing service: its address in a variable, and to wait for it. */
export interface Wiring {
  readonly service: string;
  readonly variable: string;
  readonly value: string;
  readonly on: string;
  readonly condition: 'service_started' | 'service_healthy';
  /** For positions in problems. Default `compose.yaml`. */
  readonly file?: string;
}

type Entry = Readonly<Record<string, unknown>>;

/**
 * Gives a service the variable and the dependency that it has not yet; every other byte stays (but for a short list of
 * `depends_on`, which becomes the long form where a condition has to be said). Unchanged where it has both.
 * Problems: COMPOSE_INVALID, VARIABLE_SET where the variable has another value, COMPOSE_NOT_EDITABLE.
 */
export function wireService(text: string, wiring: Wiring): Edit {
  const file = wiring.file ?? 'compose.yaml';
  const read = readDocument(text, file);
  if ('problem' in read) return read;
  const entry = servicesIn(read.plain)[wiring.service];
  const at = positionOf(read, text, file, wiring.service);
  if (!isRecord(entry)) return notEditable(at, wiring);
  const set = variablesOf(entry).get(wiring.variable);
  if (set !== undefined && set !== wiring.value)
    return problemAt(
      at,
      'VARIABLE_SET',
      `service ${wiring.service} has a ${wiring.variable} already, which leads elsewhere`,
      `remove ${wiring.variable} from its environment in ${file}`,
    );
  const inherited = ['environment', 'depends_on'].some((key) => !(key in entry) && key in withMerged(entry));
  if (inherited) return notEditable(at, wiring);
  const wired = set === undefined ? withVariable(text, read, wiring) : text;
  const after = wired === undefined ? undefined : withDependency(wired, wiring);
  if (after === undefined || !says(after, expected(read.plain, wiring, entry))) return notEditable(at, wiring);
  return after === text ? { unchanged: true } : { text: after };
}

/** Declares a named volume. Unchanged where it is declared. Problems: COMPOSE_INVALID, COMPOSE_NOT_EDITABLE. */
export function addComposeVolume(text: string, name: string, file = 'compose.yaml'): Edit {
  const read = readDocument(text, file);
  if ('problem' in read) return read;
  const plain = isRecord(read.plain) ? read.plain : {};
  const volumes = plain['volumes'];
  if (isRecord(volumes) && name in volumes) return { unchanged: true };
  const after = insertPair(text, read.root, ['volumes'], name, null);
  const declared = { ...(isRecord(volumes) ? volumes : {}), [name]: null };
  if (after !== undefined && says(after, { ...plain, volumes: declared })) return { text: after };
  return problemAt(
    sourceAt(file, text, rangeStart(nodeAt(read.root, ['volumes']))),
    'COMPOSE_NOT_EDITABLE',
    'the file is laid out in a way that camp cannot add a volume to',
    `add ${name}: below volumes:`,
  );
}

/** The variables that a service is given in its own lines; null for one that is passed on. */
export function variablesOf(entry: Entry): ReadonlyMap<string, string | null> {
  const environment = withMerged(entry)['environment'];
  if (Array.isArray(environment))
    return new Map(
      environment.map(String).map((line) => {
        const equals = line.indexOf('=');
        return equals < 0 ? [line, null] : [line.slice(0, equals), line.slice(equals + 1)];
      }),
    );
  if (!isRecord(environment)) return new Map();
  return new Map(
    Object.entries(withMerged(environment)).map(([key, value]) => [key, value === null ? null : String(value)]),
  );
}

/** The services that a service waits for. */
export function dependenciesOf(entry: Entry): readonly string[] {
  const dependsOn = withMerged(entry)['depends_on'];
  if (Array.isArray(dependsOn)) return dependsOn.map(String);
  return isRecord(dependsOn) ? Object.keys(withMerged(dependsOn)) : [];
}

/** A map with what `<<:` brings into it. */
export function withMerged(entry: Entry): Entry {
  const { '<<': merged, ...own } = entry;
  const sources = (Array.isArray(merged) ? merged : [merged]).filter(isRecord).map(withMerged);
  return Object.assign({}, ...sources.reverse(), own) as Entry;
}

function notEditable(at: ReturnType<typeof sourceAt>, { service, variable, value, on, condition }: Wiring): Edit {
  return problemAt(
    at,
    'COMPOSE_NOT_EDITABLE',
    `service ${service} is laid out in a way that camp cannot add ${variable} to`,
    `add environment: {${variable}: ${JSON.stringify(value)}} and depends_on: {${on}: {condition: ${condition}}} to it`,
  );
}

function withVariable(text: string, { root }: ReadDocument, { service, variable, value }: Wiring): string | undefined {
  const path = ['services', service, 'environment'];
  const node = nodeAt(root, path);
  if (isSeq(node)) return insertItem(text, root, path, `${variable}=${value}`);
  return insertPair(text, root, path, variable, value);
}

function withDependency(text: string, { service, on, condition }: Wiring): string | undefined {
  const read = readDocument(text, '');
  if ('problem' in read) return undefined;
  const path = ['services', service, 'depends_on'];
  const entry = servicesIn(read.plain)[service];
  if (isRecord(entry) && dependenciesOf(entry).includes(on)) return text;
  const node = nodeAt(read.root, path);
  if (!isSeq(node)) return insertPair(text, read.root, path, on, { condition });
  if (node.items.length > 0 && condition === 'service_started') return insertItem(text, read.root, path, on);
  const long = inLongForm(text, read.root, path);
  const reread = long === undefined ? undefined : readDocument(long, '');
  if (long === undefined || !reread || 'problem' in reread) return undefined;
  return insertPair(long, reread.root, path, on, { condition });
}

/** `[a]` and `- a` as `a:` with its condition in a line below; `[a]` within braces as `{a: {condition: service_started}}`. */
function inLongForm(text: string, root: YAMLMap | undefined, path: Path): string | undefined {
  const list = nodeAt(root, path);
  if (!isSeq(list) || !list.range || !list.items.every((item) => isScalar(item) && item.range)) return undefined;
  const items = list.items.map((item): Range => (item as Node).range ?? [0, 0, 0]);
  const keyColumn = columnOfKey(text, root, path);
  const [begin, end] = list.range;
  if (!list.flow) return dashesInLongForm(text, items, keyColumn);
  const parent = nodeAt(root, path.slice(0, -1));
  const isOneLine = items.length > 0 && !text.slice(begin, end).includes('\n');
  if (!isOneLine || (isMap(parent) && parent.flow)) return bracketsInLongForm(text, [begin, end], items);
  const step = keyColumn - columnOfKey(text, root, path.slice(0, -1)) || 2;
  const lines = items.flatMap(([from, to]) => [
    `${' '.repeat(keyColumn + step)}${text.slice(from, to)}:`,
    `${' '.repeat(keyColumn + 2 * step)}condition: service_started`,
  ]);
  const head = text.slice(0, begin).trimEnd();
  const bare = head + text.slice(end);
  return insertLines(bare, behindLine(bare, head.length), lines);
}

type Range = readonly [begin: number, end: number, ...rest: number[]];

function dashesInLongForm(text: string, items: readonly Range[], keyColumn: number): string {
  let edited = text;
  for (const [begin, end] of items.toReversed()) {
    const dash = edited.lastIndexOf('-', begin - 1);
    const indent = column(edited, dash) - keyColumn;
    const more = indent === 0 ? '  ' : '';
    const condition = `${' '.repeat(column(edited, dash) + more.length + (indent || 2))}condition: service_started`;
    edited = insertLines(edited, behindLine(edited, end), [condition]);
    edited = `${edited.slice(0, dash)}${more}${edited.slice(begin, end)}:${edited.slice(end)}`;
  }
  return edited;
}

function bracketsInLongForm(text: string, [begin, end]: Range, items: readonly Range[]): string {
  let edited = `${text.slice(0, end - 1)}}${text.slice(end)}`;
  for (const [, behind] of items.toReversed())
    edited = `${edited.slice(0, behind)}: {condition: service_started}${edited.slice(behind)}`;
  return `${edited.slice(0, begin)}{${edited.slice(begin + 1)}`;
}

function columnOfKey(text: string, root: YAMLMap | undefined, path: Path): number {
  const map = nodeAt(root, path.slice(0, -1));
  const key = isMap(map) ? (pairOf(map, path.at(-1) ?? '')?.key as Node | undefined) : undefined;
  return column(text, key?.range?.[0] ?? 0);
}

function column(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}

/** What the file is to say afterwards. */
function expected(plain: unknown, wiring: Wiring, entry: Entry): unknown {
  const { environment, depends_on: dependsOn } = entry;
  const { variable, value, on, condition } = wiring;
  const hasVariable = variablesOf(entry).has(variable);
  const hasDependency = dependenciesOf(entry).includes(on);
  const isShort = Array.isArray(dependsOn) && dependsOn.length > 0 && condition === 'service_started';
  const long = Array.isArray(dependsOn)
    ? Object.fromEntries(dependsOn.map((name) => [String(name), { condition: 'service_started' }]))
    : dependsOn;
  const after = {
    ...entry,
    ...(hasVariable
      ? {}
      : {
          environment: Array.isArray(environment)
            ? [...environment, `${variable}=${value}`]
            : { ...(isRecord(environment) ? environment : {}), [variable]: value },
        }),
    ...(hasDependency
      ? {}
      : { depends_on: isShort ? [...dependsOn, on] : { ...(isRecord(long) ? long : {}), [on]: { condition } } }),
  };
  return { ...(plain as Entry), services: { ...servicesIn(plain), [wiring.service]: after } };
}

function says(text: string, plain: unknown): boolean {
  const read = readDocument(text, '');
  return !('problem' in read) && JSON.stringify(read.plain) === JSON.stringify(plain);
}

function positionOf({ root }: ReadDocument, text: string, file: string, service: string): ReturnType<typeof sourceAt> {
  const services = nodeAt(root, ['services']);
  const key = isMap(services) ? (pairOf(services, service)?.key as Node | undefined) : undefined;
  return sourceAt(file, text, key?.range?.[0] ?? 0, service.length);
}

function rangeStart(node: unknown): number {
  return isEmptyNode(node) ? 0 : ((node as Node).range?.[0] ?? 0);
}
