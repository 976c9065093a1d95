import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from '../yaml.ts';
import { behindLine, insertLines } from './edit.ts';

/** A value that is written into a compose file. */
export type Plain = string | number | null | readonly Plain[] | { readonly [key: string]: Plain };

/** Where a value goes: `services`, `orders`. */
export type Path = readonly string[];

/**
 * Adds a key to the map at a path, in the layout of the file; every other byte stays (but for the braces of an empty
 * map). Maps on the way that are missing are made. Undefined where something else than a map is in the way. The key
 * must not be there yet.
 */
export function insertPair(
  text: string,
  root: YAMLMap | undefined,
  path: Path,
  key: string,
  value: Plain,
): string | undefined {
  const step = indentStep(text, root);
  if (path.length === 0) {
    if (root?.flow) return insertInFlow(text, root, pairInFlow(key, value));
    const lines = pairLines(key, value, 0, step);
    // a section of its own, as people set it off
    return insertLines(text, root ? behindMap(text, root, 0) : text.length, key === 'volumes' ? ['', ...lines] : lines);
  }
  const parent = nodeAt(root, path.slice(0, -1));
  const own = path.at(-1) ?? '';
  const pair = isMap(parent) ? pairOf(parent, own) : undefined;
  if (!pair) return insertPair(text, root, path.slice(0, -1), own, { [key]: value });
  const map = pair.value;
  if (isMap(map) && map.flow && (map.items.length > 0 || (isMap(parent) && parent.flow)))
    return insertInFlow(text, map, pairInFlow(key, value));
  if (isMap(map) && !map.flow) {
    const indent = columnOf(text, (map.items[0]?.key as Node | undefined)?.range?.[0] ?? 0);
    const lines = pairLines(key, value, indent, ownIndent(text, map, indent) ?? step);
    return insertLines(text, behindMap(text, map, indent), lines);
  }
  if (!isMap(map) && !isEmptyNode(map)) return undefined;
  // the key with nothing behind it, or `{}`: the braces go, the lines come below
  const [start, end] = (map as Node | null)?.range ?? [0, 0];
  const bare = isMap(map) ? text.slice(0, start).replace(/[ \t]+$/, '') + text.slice(end) : text;
  const [keyStart = 0, keyEnd = 0] = (pair.key as Node).range ?? [];
  const indent = columnOf(text, keyStart) + step;
  return insertLines(bare, commentsBelow(bare, behindLine(bare, keyEnd), indent), pairLines(key, value, indent, step));
}

/** Adds an item to the list at a path. Undefined where no list with items is there. */
export function insertItem(text: string, root: YAMLMap | undefined, path: Path, item: string): string | undefined {
  const list = nodeAt(root, path);
  if (!isSeq(list)) return undefined;
  const last = list.items.at(-1) as Node | undefined;
  if (list.flow) {
    const at = last?.range?.[1] ?? (list.range?.[0] ?? 0) + 1;
    return `${text.slice(0, at)}${last ? ', ' : ''}${scalar(item, true)}${text.slice(at)}`;
  }
  const start = (list.items[0] as Node | undefined)?.range?.[0];
  if (start === undefined || !last) return undefined;
  const begin = text.lastIndexOf('\n', start - 1) + 1;
  const dash = /^[ \t\uFEFF]*-[ \t]+/.exec(text.slice(begin, start));
  const end = lastLeaf(last).range?.[1];
  if (!dash || end === undefined) return undefined;
  return insertLines(text, behindLine(text, trimmedEnd(text, end)), [
    dash[0].replace('\uFEFF', '') + scalar(item, false),
  ]);
}

/** The node at a path; undefined where there is none. */
export function nodeAt(root: YAMLMap | undefined, path: Path): unknown {
  let node: unknown = root;
  for (const key of path) node = isMap(node) ? pairOf(node, key)?.value : undefined;
  return node;
}

export function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((item) => keyOf(item) === key);
}

function keyOf(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

/** `key:` with nothing, `null` or `~` behind it. */
export function isEmptyNode(value: unknown): boolean {
  return value === null || value === undefined || (isScalar(value) && value.value === null && !isAlias(value));
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

/** A key and its value, each entry of a map in a line of its own; a list is short enough for one. */
function pairLines(key: string, value: Plain, indent: number, step: number): readonly string[] {
  const head = `${' '.repeat(indent)}${key}:`;
  if (value === null) return [head];
  if (!isPlainMap(value)) return [`${head} ${flow(value, false)}`];
  return [head, ...Object.entries(value).flatMap(([name, inner]) => pairLines(name, inner, indent + step, step))];
}

function pairInFlow(key: string, value: Plain): string {
  return `${key}: ${flow(value, true)}`;
}

function flow(value: Plain, isInside: boolean): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return scalar(value, isInside);
  if (isPlainMap(value))
    return `{${Object.entries(value)
      .map(([key, inner]) => pairInFlow(key, inner))
      .join(', ')}}`;
  const isWords = value.every((item) => typeof item === 'string' && /^[a-z][\w.=-]*$/.test(item) && !isOtherType(item));
  return `[${value.map((item) => (isWords ? item : JSON.stringify(item))).join(', ')}]`;
}

/** Plain where every YAML reads it as that string, else double-quoted. */
function scalar(value: string, isInFlow: boolean): string {
  const isPlain = isInFlow
    ? /^(?:[A-Za-z./][\w./@=-]*(?::[\w./@=-]+)*|\d+[a-z]+)$/.test(value)
    : /^(?:[A-Za-z./$][\w./@=,${}-]*(?::[\w./@=,${}-]+)*|\d+[a-z]+)$/.test(value);
  return isPlain && !isOtherType(value) ? value : JSON.stringify(value);
}

function isOtherType(word: string): boolean {
  return /^(?:y|n|yes|no|on|off|true|false|null|\d+e\d+)$/i.test(word);
}

function isPlainMap(value: Plain): value is { readonly [key: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Offset of the line behind a block map: behind its last value, and comments that are indented like its keys. */
function behindMap(text: string, map: YAMLMap, indent: number): number {
  const last = map.items.at(-1);
  const leaf = lastLeaf((last?.value ?? last?.key) as Node);
  const end = leaf.range?.[1] ?? 0;
  const keepsBlankLines =
    isScalar(leaf) && leaf.type?.startsWith('BLOCK') && /^[|>][0-9-]*\+/.test(text.slice(leaf.range?.[0]));
  const line =
    keepsBlankLines && text[end - 1] === '\n' ? end : behindLine(text, keepsBlankLines ? end : trimmedEnd(text, end));
  return indent === 0 ? line : commentsBelow(text, line, indent);
}

function trimmedEnd(text: string, offset: number): number {
  let end = offset;
  while (end > 0 && /\s/.test(text[end - 1] ?? '')) end--;
  return end;
}

function lastLeaf(node: Node): Node {
  if (isMap(node) && !node.flow && node.items.length > 0) {
    const last = node.items.at(-1);
    return lastLeaf((isUnsaid(last?.value) ? last?.key : last?.value) as Node);
  }
  if ('items' in node && Array.isArray(node.items) && !('flow' in node && node.flow)) {
    const last: unknown = node.items.at(-1);
    if (last && !isUnsaid(last)) return lastLeaf(last as Node);
  }
  return node;
}

/** `key:` with nothing behind it: its range may lie anywhere below. */
function isUnsaid(value: unknown): boolean {
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

/** How far the keys of the entries of a map themselves are indented below their names. */
function ownIndent(text: string, map: YAMLMap, indent: number): number | undefined {
  for (const { value } of map.items) {
    const key = isMap(value) && !value.flow ? (value.items[0]?.key as Node | undefined) : undefined;
    if (key?.range) return columnOf(text, key.range[0]) - indent;
  }
  return undefined;
}

/** How far the file indents below a key at the left margin; 2 where it never does. */
function indentStep(text: string, root: YAMLMap | undefined): number {
  for (const { key, value } of root?.items ?? []) {
    const inner = isMap(value) && !value.flow ? (value.items[0]?.key as Node | undefined)?.range : undefined;
    const outer = (key as Node).range;
    if (inner && outer) return Math.max(1, columnOf(text, inner[0]) - columnOf(text, outer[0]));
  }
  return 2;
}
