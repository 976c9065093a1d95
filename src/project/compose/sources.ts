import { devNull } from 'node:os';
import { relative } from 'node:path';
import type { Failure, Problem } from '../../kit/failure.ts';
import { isProblem, problemAt, readTextFile, type Span, sourceOf, type TextFile } from '../text-file.ts';
import { growTree, isNull, type Tree } from '../tree.ts';
import type { Lookup } from './interpolate.ts';
import { fillVariables } from './variables.ts';

/** A text file with the place where it lies. */
export interface OpenFile {
  /** Absolute. */
  readonly path: string;
  readonly file: TextFile;
}

/** More than any project has; what includes itself by twos would have no end. */
const mostFiles = 1000;
/** The YAML library takes about a second for a million characters. */
const mostCharacters = 2_000_000;

/** The files of one project: each is read once, however many others name it, and all are remembered. */
export interface Sources {
  /** Absolute paths of all that were read, in the order of reading. */
  readonly paths: ReadonlySet<string>;
  /** Their names as problems show them. */
  readonly names: ReadonlySet<string>;
  /** Some file uses `!reset` or `!override`. */
  readonly hasMarks: boolean;
  /** Undefined where it cannot be read: that has been reported, at the place that asks for it where there is one. */
  open(path: string, at?: Span): OpenFile | 'missing' | undefined;
  /** The documents of a file as they are written; problems are reported once. */
  documents(file: OpenFile): readonly Tree[];
  /** The documents of a file with their variables filled in; problems are reported. `at` asked for it. */
  read(file: OpenFile, lookup: Lookup, at?: Span): readonly Tree[];
  report(problem: Problem): void;
  warn(warning: Failure): void;
}

/** Problems: those of readTextFile, growTree and fillVariables, and TOO_MANY_FILES. */
export function createSources(
  dir: string,
  { report, warn }: { report(problem: Problem): void; warn(warning: Failure): void },
): Sources {
  const opened = new Map<string, OpenFile | 'missing' | undefined>();
  const grown = new Map<TextFile, readonly Tree[]>();
  const unset = new Set<string>();
  const paths = new Set<string>();
  const names = new Set<string>();
  let [files, characters, isFull, hasMarks] = [0, 0, false, false];
  return {
    paths,
    names,
    get hasMarks() {
      return hasMarks;
    },
    report,
    warn,
    documents: ({ file }) => documentsOf(file),
    open(path, at) {
      // who has nothing to read says so with it
      if (path === devNull) return { path, file: { name: path, text: '' } };
      if (opened.has(path)) return opened.get(path);
      const file = readTextFile(path, relative(dir, path) || path);
      const found = !file ? 'missing' : isProblem(file) ? undefined : { path, file };
      if (file && isProblem(file)) report(at ? { ...file, source: sourceOf(at) } : file);
      if (file) names.add(relative(dir, path) || path);
      if (file) paths.add(path);
      opened.set(path, found);
      return found;
    },
    read({ file }, lookup, at) {
      files++;
      characters += file.text.length;
      if (files > mostFiles || characters > mostCharacters) {
        // once is enough: what follows is read no more
        if (!isFull) report(tooMany(at ?? { file, begin: 0, end: 1 }, files > mostFiles));
        isFull = true;
        return [];
      }
      return documentsOf(file).flatMap((tree) => {
        const filled = fillVariables(tree, lookup);
        for (const problem of filled.problems) report(problem);
        for (const warning of filled.warnings)
          if (!unset.has(warning.message) && unset.add(warning.message)) warn(warning);
        return filled.tree;
      });
    },
  };

  function documentsOf(file: TextFile): readonly Tree[] {
    const known = grown.get(file);
    if (known) return known;
    const { trees, problems } = growTree(file);
    for (const problem of problems) report(problem);
    hasMarks ||= /!reset|!override/.test(file.text);
    const documents = trees.filter((tree) => !isNull(tree));
    grown.set(file, documents);
    return documents;
  }
}

function tooMany(at: Span, isByFiles: boolean): Problem {
  const most = isByFiles ? `${mostFiles} files` : `${mostCharacters} characters`;
  return problemAt(at, 'TOO_MANY_FILES', `include and extends read more than ${most}`, 'name each file once');
}
