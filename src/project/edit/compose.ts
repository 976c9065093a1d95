import { isAlias, isMap, isScalar, type Node, type Pair, type YAMLMap } from '../yaml.ts';
import { isRecord, readDocument, servicesIn } from './compose-document.ts';
import { behindLine, type Edit, insertLines, problemAt, sourceAt } from './edit.ts';

/** A service that camp made: a folder with a Dockerfile, and what it waits for. */
export interface ServiceAddition {
  readonly name: string;
  /** Relative to compose.yaml: `services/orders`. */
  readonly build: string;
  readonly dependsOn: readonly string[];
  /** For positions in problems. Default `compose.yaml`. */
  readonly file?: string;
}

/**
 * Adds a service to a compose file by inserting at most three lines; every other byte stays (but for
 * the braces of an empty `services: {}`). Unchanged where it is there with the same build.
 * Problems: COMPOSE_INVALID where the text cannot be read, SERVICE_EXISTS, COMPOSE_NOT_EDITABLE.
 */
export function addComposeService(text: string, addition: ServiceAddition): Edit {
  const file = addition.file ?? 'compose.yaml';
  const read = readDocument(text, file);
  if ('problem' in read) return read;
  const { root } = read;
  const pair = root?.items.find((item) => keyOf(item) === 'services');
  const services = pair?.value;
  const notEditable = (node: Node | null | undefined, what: string) =>
    problemAt(
      sourceAt(file, text, node?.range?.[0] ?? 0),
      'COMPOSE_NOT_EDITABLE',
      what,
      'write the services below services: as a plain map, one a line',
    );
  if (pair && services && !isMap(services) && !(isScalar(services) && services.value === null))
    return notEditable(
      services as Node,
      `services: is ${isAlias(services) ? 'an alias' : 'not a map'}, nothing can be added to it`,
    );
  const existing = isMap(services) ? services.items.find((item) => keyOf(item) === addition.name) : undefined;
  if (existing) return compareExisting(text, file, existing, addition, read.plain);
  const edited = splice(text, root, pair, addition);
  if (!addsOnly(read.plain, edited, addition))
    return notEditable(
      (pair?.key ?? root) as Node | null,
      'the file is laid out in a way that camp cannot add a service to',
    );
  return { text: edited };
}

function keyOf(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

function compareExisting(text: string, file: string, existing: Pair, addition: ServiceAddition, plain: unknown): Edit {
  const entry = servicesIn(plain)[addition.name];
  const build = isRecord(entry) ? entry['build'] : undefined;
  const context = isRecord(build) ? build['context'] : build;
  const same = typeof context === 'string' && context.replace(/^\.\//, '').replace(/\/$/, '') === addition.build;
  const source = sourceAt(file, text, (existing.key as Node).range?.[0] ?? 0, addition.name.length);
  if (!same)
    return problemAt(
      source,
      'SERVICE_EXISTS',
      `there is a service ${addition.name} already`,
      `choose another name, or remove it from ${file}`,
    );
  const dependsOn = isRecord(entry) ? entry['depends_on'] : undefined;
  const waitsFor = Array.isArray(dependsOn) ? dependsOn.map(String) : isRecord(dependsOn) ? Object.keys(dependsOn) : [];
  const missing = addition.dependsOn.filter((name) => !waitsFor.includes(name));
  if (missing.length > 0)
    return problemAt(
      source,
      'SERVICE_EXISTS',
      `service ${addition.name} is there already and does not depend on ${missing.join(', ')}`,
      `add depends_on: [${[...waitsFor, ...missing].join(', ')}] to it`,
    );
  return { unchanged: true };
}

function splice(text: string, root: YAMLMap | undefined, pair: Pair | undefined, addition: ServiceAddition): string {
  const step = indentStep(root);
  if (!pair) {
    const lines = ['services:', ...blockLines(addition, step, step)];
    if (root?.flow) return insertInFlow(text, root, `services: {${flowEntry(addition)}}`);
    return insertLines(text, root ? behindMap(text, root, 0) : text.length, lines);
  }
  const services = pair.value;
  if (isMap(services) && services.flow && (services.items.length > 0 || root?.flow))
    return insertInFlow(text, services, flowEntry(addition));
  if (isMap(services) && !services.flow) {
    const indent = columnOf(text, (services.items[0]?.key as Node | undefined)?.range?.[0] ?? 0);
    return insertLines(
      text,
      behindMap(text, services, indent),
      blockLines(addition, indent, ownIndent(text, services, indent) ?? step),
    );
  }
  // `services:` with nothing, or `{}`: the braces go, the lines come below
  const [start, end] = (services as Node | null)?.range ?? [0, 0];
  const bare = isMap(services) ? text.slice(0, start).replace(/[ \t]+$/, '') + text.slice(end) : text;
  const keyEnd = (pair.key as Node).range?.[1] ?? 0;
  const indent = columnOf(text, (pair.key as Node).range?.[0] ?? 0) + step;
  return insertLines(bare, commentsBelow(bare, behindLine(bare, keyEnd), indent), blockLines(addition, indent, step));
}

function blockLines(addition: ServiceAddition, indent: number, step: number): readonly string[] {
  const own = ' '.repeat(indent + step);
  const needs = addition.dependsOn.length > 0 ? [`${own}depends_on: [${addition.dependsOn.join(', ')}]`] : [];
  return [`${' '.repeat(indent)}${addition.name}:`, `${own}build: ${addition.build}`, ...needs];
}

function flowEntry(addition: ServiceAddition): string {
  const needs = addition.dependsOn.length > 0 ? `, depends_on: [${addition.dependsOn.join(', ')}]` : '';
  return `${addition.name}: {build: ${addition.build}${needs}}`;
}

/** Puts an entry behind the last one of a map in braces. */
function insertInFlow(text: string, map: YAMLMap, entry: string): string {
  const last = map.items.at(-1);
  const end = ((last?.value ?? last?.key) as Node | undefined)?.range?.[1];
  if (end === undefined) {
    const open = (map.range?.[0] ?? 0) + 1;
    return `${text.slice(0, open)}${entry}${text.slice(open)}`;
  }
  return `${text.slice(0, end)}, ${entry}${text.slice(end)}`;
}

/** Offset of the line behind a block map: behind its last value, and comments that are indented like its keys. */
function behindMap(text: string, map: YAMLMap, indent: number): number {
  const last = map.items.at(-1);
  const leaf = lastLeaf((last?.value ?? last?.key) as Node);
  let end = leaf.range?.[1] ?? 0;
  const keepsBlankLines =
    isScalar(leaf) && leaf.type?.startsWith('BLOCK') && /^[|>][0-9-]*\+/.test(text.slice(leaf.range?.[0]));
  if (!keepsBlankLines) while (end > 0 && /\s/.test(text[end - 1] ?? '')) end--;
  const line = keepsBlankLines && text[end - 1] === '\n' ? end : behindLine(text, end);
  return indent === 0 ? line : commentsBelow(text, line, indent);
}

function lastLeaf(node: Node): Node {
  if (isMap(node) && !node.flow && node.items.length > 0) {
    const last = node.items.at(-1);
    return lastLeaf((isEmpty(last?.value) ? last?.key : last?.value) as Node);
  }
  if ('items' in node && Array.isArray(node.items) && !('flow' in node && node.flow)) {
    const last: unknown = node.items.at(-1);
    if (last && !isEmpty(last)) return lastLeaf(last as Node);
  }
  return node;
}

/** `key:` with nothing behind it: its range may lie anywhere below. */
function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || (isScalar(value) && value.value === null && value.source === '');
}

/** Skips comment lines of at least that indentation, and blank lines that lead to one. */
function commentsBelow(text: string, offset: number, indent: number): number {
  let end = offset;
  for (let line = offset; line < text.length; ) {
    const next = behindLine(text, line);
    const content = text.slice(line, next);
    if (/^ *#/.test(content) && content.indexOf('#') >= indent) end = next;
    else if (content.trim() !== '') break;
    line = next;
  }
  return end;
}

function columnOf(text: string, offset: number): number {
  const begin = text.lastIndexOf('\n', offset - 1) + 1;
  return offset - begin - (begin === 0 && text.startsWith('\uFEFF') ? 1 : 0);
}

/** How far the keys of the services themselves are indented below their names. */
function ownIndent(text: string, services: YAMLMap, indent: number): number | undefined {
  for (const { value } of services.items) {
    const key = isMap(value) && !value.flow ? (value.items[0]?.key as Node | undefined) : undefined;
    if (key?.range) return columnOf(text, key.range[0]) - indent;
  }
  return undefined;
}

/** How far the file indents below a key at the left margin; 2 where it never does. */
function indentStep(root: YAMLMap | undefined): number {
  const text = root?.srcToken && 'indent' in root.srcToken ? root.srcToken.indent : 0;
  for (const { value } of root?.items ?? []) {
    if (isMap(value) && !value.flow && value.srcToken && 'indent' in value.srcToken)
      return Math.max(1, value.srcToken.indent - text);
  }
  return 2;
}

/** Reads the result again: it must say what the old one said, and the new service. */
function addsOnly(before: unknown, edited: string, addition: ServiceAddition): boolean {
  const read = readDocument(edited, 'compose.yaml');
  if ('problem' in read) return false;
  const entry = {
    build: addition.build,
    ...(addition.dependsOn.length > 0 ? { depends_on: [...addition.dependsOn] } : {}),
  };
  const expected = { ...(isRecord(before) ? before : {}), services: { ...servicesIn(before), [addition.name]: entry } };
  return JSON.stringify(read.plain) === JSON.stringify(expected);
}
