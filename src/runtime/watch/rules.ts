import { posix, relative, sep } from 'node:path';
import type { WatchRule } from '../../project/types.ts';
import { ignoreFileOf, patternsOf } from './dockerignore.ts';
import { type Matcher, matcherOf } from './patterns.ts';

/** What of a service its watch rules depend on. */
export interface WatchedService {
  readonly name: string;
  readonly build?: { readonly context: string; readonly dockerfile?: string };
  readonly watch: readonly WatchRule[];
}

/** A rule that a changed path falls under. */
export interface Match {
  readonly rule: WatchRule;
  /** Where the path lies in the container; only for a rule with a target. */
  readonly target?: string;
}

/** The watch rules of one service, ready to be asked. */
export interface Rules {
  readonly service: string;
  /** Folders and files that have to be watched. */
  readonly paths: readonly string[];
  /** Those of them that are to be copied once when the watching begins. */
  readonly initialPaths: readonly string[];
  /** Every rule that a path falls under, in the order of the file: Compose carries out all of them. */
  matches(path: string): readonly Match[];
  /** Whether a folder, with all that is in it, is of no rule's concern. */
  ignoresFolder(path: string): boolean;
}

/** What editors leave beside a file for a moment. */
const ephemeral = matcherOf([
  ...['**/*___jb_old___', '**/*___jb_tmp___', '**/.idea'],
  ...['**/.#*', '**/#*#', '**/*~', '**/4913', '**/.*.swp', '**/.*.swx', '**/.*.swo', '**/.*.swn', '**/.*.kate-swp'],
]);

/**
 * Whatever lies below a rule's path, is included by it and ignored neither by it nor by .dockerignore. `read` gives
 * the text of a file, undefined where there is none. Two things differ from Compose (2.40): `.git` is ignored wherever it
 * lies, and `*` is a pattern like any other in `ignore` and `include`.
 */
export function rulesFor(service: WatchedService, read: (path: string) => string | undefined): Rules {
  const { context, dockerfile } = service.build ?? {};
  const ignoreFile = context === undefined ? undefined : ignoreFileOf(context, dockerfile, read);
  const image = dockerignore(ignoreFile?.text ?? '');
  const rules = service.watch.map((rule) => ({
    rule,
    ignore: matcherOf(inside(rule.path, rule.ignore)),
    include: rule.include && rule.include.length > 0 ? matcherOf(inside(rule.path, rule.include)) : undefined,
  }));

  function leavesOut(matcher: Matcher, root: string | undefined, path: string): boolean {
    const below = root === undefined ? undefined : pathBelow(root, path);
    return below !== undefined && below !== '' && matcher.matches(below);
  }

  return {
    service: service.name,
    paths: service.watch.map(({ path }) => path),
    initialPaths: service.watch.filter(({ isInitialSync }) => isInitialSync).map(({ path }) => path),
    matches: (path) =>
      rules.flatMap(({ rule, ignore, include }): readonly Match[] => {
        const below = pathBelow(rule.path, path);
        if (below === undefined || isAside(below)) return [];
        // a rule for one file has no patterns to ask: it is meant, whatever it is called
        if (below !== '' && (ignore.matches(below) || include?.matches(below) === false)) return [];
        if (leavesOut(image, context, path)) return [];
        const target = rule.target === undefined ? {} : { target: posix.join(rule.target, below) };
        return [{ rule, ...target }];
      }),
    ignoresFolder: (path) =>
      rules.every(({ rule, ignore }) => {
        if (pathBelow(path, rule.path) !== undefined) return false;
        const below = pathBelow(rule.path, path);
        if (below === undefined || isAside(below)) return true;
        return ignore.matches(below) && !ignore.hasExceptionsBelow(below);
      }),
  };
}

/**
 * Compose drops every pattern that is no exception where one of them is `*` alone: such a file says what an image is
 * made of, and its watch rules what is copied into it besides.
 */
function dockerignore(text: string): Matcher {
  const patterns = patternsOf(text);
  return matcherOf(patterns.includes('*') ? patterns.filter((pattern) => pattern.startsWith('!')) : patterns);
}

function isAside(below: string): boolean {
  return below.split('/').includes('.git') || ephemeral.matches(below);
}

/** Patterns are relative to the rule's path; an absolute one may name it. */
function inside(root: string, patterns: readonly string[]): readonly string[] {
  return patterns.map((pattern) => {
    const [, not = '', path = ''] = /^\s*(!?)(.*)$/s.exec(pattern) ?? [];
    const below = path.startsWith('/') ? pathBelow(root, path) : undefined;
    return `${not}${below ?? path.replace(/^\/+/, '')}`;
  });
}

/** `path` relative to `root` with `/`, empty for `root` itself, undefined where it lies elsewhere. */
function pathBelow(root: string, path: string): string | undefined {
  const below = relative(root, path);
  return below === '..' || below.startsWith(`..${sep}`) ? undefined : below.split(sep).join('/');
}
