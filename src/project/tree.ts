import type { Problem } from '../kit/failure.ts';
import { yamlProblem } from './compose/yaml-words.ts';
import { problemAt, type Span, type TextFile, tooLarge } from './text-file.ts';
import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments, type YAMLMap } from './yaml.ts';

/** A value of a YAML text, with its place. Aliases and merge keys are resolved: they point at what they mean. */
export type Tree = Scalar | List | Table;

interface Placed {
  readonly at: Span;
  /** A tag of its own, such as Compose's `!reset`. */
  readonly tag?: string;
}

export interface Scalar extends Placed {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written: `0755` where `value` is a number. */
  readonly raw: string;
  /** Without quotes: only then can it be a number. */
  readonly isPlain: boolean;
}

export interface List extends Placed {
  readonly kind: 'list';
  readonly items: readonly Tree[];
}

export interface Table extends Placed {
  readonly kind: 'table';
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly keyAt: Span;
  readonly value: Tree;
}

export interface Grown {
  /** One tree a YAML document; empty documents give none. */
  readonly trees: readonly Tree[];
  readonly problems: readonly Problem[];
}

const deepest = 200;
/** How many values aliases may add to a file. */
const mostAliased = 200_000;

/**
 * Reads YAML text. Problems: YAML_SYNTAX, DUPLICATE_KEY, FILE_TOO_LARGE, TOO_DEEP, TOO_MANY_ALIASES;
 * never throws, whatever the text.
 */
export function growTree(file: TextFile): Grown {
  if (file.text.length > 1_000_000) return { trees: [], problems: [tooLarge(file.name, file.text.length)] };
  const odd = oddCharacter(file);
  if (odd) return { trees: [], problems: [odd] };
  try {
    // the library's own check for equal keys takes time quadratic in their number
    const documents = parseAllDocuments(file.text, { uniqueKeys: false, prettyErrors: false, logLevel: 'silent' });
    if (!Array.isArray(documents)) return { trees: [], problems: [] };
    const errors = documents.flatMap((each) => each.errors);
    if (errors.length > 0) return { trees: [], problems: yamlProblem(file, errors) };
    const gardener = new Gardener(file);
    const trees = documents.flatMap((each) => (each.contents ? [gardener.grow(each.contents as Node, 0)] : []));
    const empty =
      documents.length > 1 ? documents.find((each) => !each.contents || isNothing(each.contents as Node)) : undefined;
    const problems = empty ? [...gardener.problems, emptyDocument(file, empty.range[0])] : gardener.problems;
    return { trees, problems };
  } catch (error) {
    if (error instanceof Stop) return { trees: [], problems: [error.problem] };
    // the library's parser is recursive: a RangeError is a full stack
    return { trees: [], problems: [tooDeep({ file, begin: 0, end: 1 })] };
  }
}

/** Ends the reading of a hostile text. */
class Stop extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

function tooDeep(at: Span): Problem {
  return problemAt(at, 'TOO_DEEP', `nested more than ${deepest} levels deep`, 'flatten the file');
}

function isNothing(node: Node): boolean {
  return isScalar(node) && node.value === null;
}

/** Compose refuses these; a file of one empty document is an empty file. */
function emptyDocument(file: TextFile, offset: number): Problem {
  const begin = Math.min(offset, file.text.length);
  const message = 'a document of the file is empty';
  return problemAt({ file, begin, end: begin + 1 }, 'WRONG_TYPE', message, 'remove the line --- that begins it');
}

/** YAML 1.2 section 5.1: a stream holds printable characters only. */
function oddCharacter(file: TextFile): Problem | undefined {
  const found = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(file.text);
  if (!found) return undefined;
  const name = `U+${found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  return problemAt(
    { file, begin: found.index, end: found.index + 1 },
    'YAML_SYNTAX',
    `control character ${name} is not allowed in YAML`,
    'delete the character',
  );
}

interface Anchored {
  readonly tree: Tree;
  readonly size: number;
}

/** Turns the library's nodes into trees, in the order of the text, so that an alias means the last anchor before it. */
class Gardener {
  readonly problems: Problem[] = [];
  readonly #file: TextFile;
  readonly #anchors = new Map<string, Anchored | 'growing'>();
  #size = 0;
  #aliased = 0;

  constructor(file: TextFile) {
    this.#file = file;
  }

  grow(node: Node, depth: number): Tree {
    if (depth > deepest) throw new Stop(tooDeep(this.#spanOf(node)));
    if (isAlias(node)) return this.#alias(node.source, this.#spanOf(node));
    const before = this.#size + this.#aliased;
    const { anchor } = node as { anchor?: string };
    if (anchor) this.#anchors.set(anchor, 'growing');
    const tree = this.#plain(node, depth);
    this.#size++;
    if (anchor) this.#anchors.set(anchor, { tree, size: this.#size + this.#aliased - before });
    return tree;
  }

  #alias(name: string, at: Span): Tree {
    const known = this.#anchors.get(name);
    if (known === 'growing')
      throw new Stop(problemAt(at, 'YAML_SYNTAX', `"*${name}" stands inside of "&${name}" itself`, 'remove the alias'));
    if (!known)
      throw new Stop(
        problemAt(
          at,
          'YAML_SYNTAX',
          `"*${name}" has no "&${name}" before it`,
          `mark the value that is meant with &${name}`,
        ),
      );
    this.#aliased += known.size;
    if (this.#aliased > mostAliased)
      throw new Stop(
        problemAt(
          at,
          'TOO_MANY_ALIASES',
          `aliases make more than ${mostAliased} values of this file`,
          'write fewer aliases of aliases',
        ),
      );
    return known.tree;
  }

  #plain(node: Node, depth: number): Tree {
    const at = this.#spanOf(node);
    const tag = typeof node.tag === 'string' && node.tag.startsWith('!') ? { tag: node.tag } : {};
    if (isMap(node)) return { kind: 'table', entries: this.#entries(node, depth), at, ...tag };
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#value(item as Node | null, at, depth));
      // Compose leaves such an item out, and takes nothing from what is below
      return { kind: 'list', items: items.filter((item) => item.tag !== '!reset'), at, ...tag };
    }
    if (!isScalar(node)) return nothing(at);
    const raw = node.source ?? '';
    const value = typeof node.value === 'number' && isBeyondNumbers(node.value, raw) ? raw : node.value;
    const isPlain = (node.type === 'PLAIN' && node.tag !== 'tag:yaml.org,2002:str') || typeof value === 'number';
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return { kind: 'scalar', value, raw, isPlain, at, ...tag };
    return { kind: 'scalar', value: raw, raw, isPlain, at, ...tag };
  }

  #value(node: Node | null | undefined, around: Span, depth: number): Tree {
    return node ? this.grow(node, depth + 1) : nothing({ ...around, end: around.begin + 1 });
  }

  #entries(map: YAMLMap, depth: number): ReadonlyMap<string, Entry> {
    const entries = new Map<string, Entry>();
    const seen = new Set<string>();
    const merged: Table[] = [];
    for (const pair of map.items) {
      const keyNode = pair.key as Node | null;
      const keyAt = keyNode ? this.#spanOf(keyNode) : this.#spanOf(map);
      const key = keyNode ? this.#key(keyNode, depth) : '';
      const value = this.#value(pair.value as Node | null, keyAt, depth);
      const isMerge = key === '<<' && isScalar(keyNode) && keyNode.type === 'PLAIN';
      if (seen.has(key)) this.problems.push(twice(key, keyAt, isMerge));
      else if (isMerge) merged.push(...this.#mergeable(value, keyAt));
      else entries.set(key, { keyAt, value });
      seen.add(key);
    }
    for (const table of merged)
      for (const [key, entry] of table.entries) if (!entries.has(key)) entries.set(key, entry);
    return entries;
  }

  #key(node: Node, depth: number): string {
    const tree = this.grow(node, depth + 1);
    if (tree.kind === 'scalar') return typeof tree.value === 'string' ? tree.value : tree.raw;
    throw new Stop(
      problemAt(
        tree.at,
        'YAML_SYNTAX',
        'a key must be a word, not a list or a map',
        'put the word in quotes where it begins with { or [',
      ),
    );
  }

  /** https://yaml.org/type/merge.html */
  #mergeable(value: Tree, at: Span): readonly Table[] {
    const all = value.kind === 'list' ? value.items : [value];
    const tables = all.filter((each) => each.kind === 'table');
    if (tables.length < all.length)
      this.problems.push(
        problemAt(at, 'YAML_SYNTAX', '"<<" merges maps, this is not one', 'write <<: *name with the anchor of a map'),
      );
    return tables;
  }

  #spanOf(node: Node): Span {
    const [begin, end] = node.range ?? [0, 1, 1];
    return { file: this.#file, begin, end: Math.max(end, begin + 1) };
  }
}

/** go-yaml reads as a text what fits neither into 64 bits nor into a fraction: the address of a wallet, 0x9f..., or 12e4567. */
function isBeyondNumbers(value: number, raw: string): boolean {
  return /^[-+]?\d/.test(raw) && (!Number.isFinite(value) || (value >= 2 ** 64 && /^0[xo]/.test(raw)));
}

function twice(key: string, at: Span, isMerge: boolean): Problem {
  const hint = isMerge ? 'write one <<: [*one, *other]' : `remove one of the two ${key}`;
  return problemAt(at, 'DUPLICATE_KEY', `"${key}" is there twice`, hint);
}

function nothing(at: Span): Scalar {
  return { kind: 'scalar', value: null, raw: '', isPlain: true, at };
}

/** The value of a key, where the tree is a table and has it. */
export function at(tree: Tree | undefined, ...path: readonly string[]): Tree | undefined {
  let found = tree;
  for (const key of path) found = found?.kind === 'table' ? found.entries.get(key)?.value : undefined;
  return found;
}

export function itemsOf(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === 'list' ? tree.items : [];
}

export function entriesOf(tree: Tree | undefined): ReadonlyMap<string, Entry> {
  return tree?.kind === 'table' ? tree.entries : new Map();
}

export function isNull(tree: Tree | undefined): boolean {
  return tree?.kind === 'scalar' && tree.value === null;
}

/** The value without its places, as JSON would have it; undefined where there is none. */
export function plainOf(tree: Tree | undefined): unknown {
  if (tree?.kind === 'table')
    return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, plainOf(value)]));
  return tree?.kind === 'list' ? tree.items.map(plainOf) : tree?.value;
}
