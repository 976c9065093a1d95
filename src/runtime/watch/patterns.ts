import { posix } from 'node:path';

/**
 * Docker's patterns for paths, as .dockerignore and Compose's watch rules have them (facts: moby/patternmatcher).
 * Paths are relative to the root of the patterns, with `/` between names.
 */
export interface Matcher {
  /** Whether the last pattern that says something about the path, or about a folder above it, means it. */
  matches(path: string): boolean;
  /**
   * The same on the way down a tree, as BuildKit asks: what was true of each pattern for the folder is true below it.
   * `above` are the results for the folder that holds the path; none at the top.
   */
  descend(path: string, above: Results | undefined): { readonly isMatched: boolean; readonly results: Results };
  /** Whether something below a matched folder may not be matched. */
  hasExceptionsBelow(folder: string): boolean;
}

/** Which patterns matched, in their order. */
export type Results = readonly boolean[];

interface Pattern {
  readonly text: string;
  /** `!`: what it matches is taken back in. */
  readonly isException: boolean;
  matches(path: string): boolean;
}

export function matcherOf(lines: readonly string[]): Matcher {
  const patterns = lines.flatMap((line) => patternOf(line) ?? []);
  return {
    matches: (path) => {
      const all = [path, ...foldersAbove(path)];
      return patterns.reduce(
        (isMatched, pattern) =>
          pattern.isException === isMatched && all.some((each) => pattern.matches(each)) ? !isMatched : isMatched,
        false,
      );
    },
    descend: (path, above) => {
      let isMatched = false;
      const results = patterns.map((pattern, n) => {
        const result = above?.[n] || (pattern.isException === isMatched && pattern.matches(path));
        if (result) isMatched = !pattern.isException;
        return result;
      });
      return { isMatched, results };
    },
    hasExceptionsBelow: (folder) =>
      patterns.some(({ isException, text }) => isException && (/[*?[\\]/.test(text) || text.startsWith(`${folder}/`))),
  };
}

function foldersAbove(path: string): readonly string[] {
  const names = path.split('/');
  return names.slice(1).map((_, n) => names.slice(0, n + 1).join('/'));
}

function patternOf(line: string): Pattern | undefined {
  const trimmed = line.trim();
  const isException = trimmed.startsWith('!');
  const text = clean(isException ? trimmed.slice(1) : trimmed);
  if (trimmed === '' || trimmed === '!') return undefined;
  return { text, isException, matches: test(text) };
}

/** `a/./b/../c/` is `a/c`. */
export function clean(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/**
 * `*` and `?` stay within a name, `**` crosses names, `[a-z]` is one of those, `\` takes the next as it is. Two shapes
 * are not regular expressions to Docker: `folder/**` means all that begins like it, `**name` all that ends like it.
 */
function test(text: string): (path: string) => boolean {
  const chars = [...text];
  let regex = '';
  let shape: 'exact' | 'prefix' | 'suffix' | 'regex' = 'exact';
  for (let at = 0; at < chars.length; at++) {
    const begin = at;
    const char = chars[at] ?? '';
    if (char === '*' && chars[at + 1] === '*') {
      at += chars[at + 2] === '/' ? 2 : 1;
      const isLast = at === chars.length - 1;
      regex += isLast ? '.*' : '(?:.*/)?';
      shape = begin === 0 ? 'suffix' : isLast && shape === 'exact' ? 'prefix' : 'regex';
    } else if (char === '*' || char === '?') {
      regex += char === '*' ? '[^/]*' : '[^/]';
      shape = 'regex';
    } else if (char === '\\' && at + 1 < chars.length) {
      const next = chars[++at] ?? '';
      // Docker hands it to its regular expressions as it is: \w is a class there
      regex += /[bBdDsSwWfnrtv]/.test(next) ? `\\${next}` : literal(next);
      shape = 'regex';
    } else if (char === '[' || char === ']') {
      regex += char;
      shape = 'regex';
    } else regex += char === '^' ? char : literal(char);
  }
  if (shape === 'exact') return (path) => path === text;
  if (shape === 'prefix') return (path) => path.startsWith(text.slice(0, -2));
  if (shape === 'suffix') {
    const end = text.slice(2);
    return (path) => path.endsWith(end) || (end.startsWith('/') && path === end.slice(1));
  }
  return tester(`^${regex}$`);
}

function literal(char: string): string {
  return char.replace(/[.+()|{}$^\\*?]/, '\\$&');
}

/** A pattern that Docker itself refuses matches nothing here. */
function tester(regex: string): (path: string) => boolean {
  try {
    const compiled = new RegExp(regex);
    return (path) => compiled.test(path);
  } catch {
    return () => false;
  }
}
