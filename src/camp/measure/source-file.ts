import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import type { Service } from '../../project/types.ts';
import { isInside } from './tree.ts';

/** How a line of comment is written, by the extension of the file. */
const comments: Readonly<Record<string, (words: string) => string>> = {
  ...Object.fromEntries(
    ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.jsx', '.tsx', '.go', '.rs', '.java', '.kt'].map((extension) => [
      extension,
      (words: string) => `\n// ${words}\n`,
    ]),
  ),
  ...Object.fromEntries(['.py', '.rb'].map((extension) => [extension, (words: string) => `\n# ${words}\n`])),
  '.html': (words) => `\n<!-- ${words} -->\n`,
  '.php': (words) => `\n<?php // ${words} ?>\n`,
};

/** Where programs begin, by custom. */
const customary = [
  'main.go',
  'main.py',
  'app.py',
  'server.py',
  'src/main.ts',
  'src/index.ts',
  'src/server.ts',
  'src/main.js',
  'src/index.js',
  'server.js',
  'index.js',
  'app.js',
  'main.ts',
  'index.ts',
  'src/main.rs',
  'app.rb',
  'index.php',
];
const skipped = new Set(['node_modules', 'test', 'tests', 'dist', 'build', 'target', 'vendor', 'migrations']);

export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  /** What may be appended to the file without changing what it does. */
  comment(words: string): string;
}

/** A file of the service that is part of its program: the one its command names, the customary one, or the first that is found. */
export function sourceFileOf(service: Service): SourceFile | undefined {
  const { start, build } = service;
  if (start?.kind === 'static') return found(join(start.root, 'index.html'));
  const folder = start?.cwd ?? build?.context;
  if (folder === undefined || !existsSync(folder)) return undefined;
  const named = (start?.argv ?? []).map((word) => join(folder, word));
  for (const path of [...named, ...customary.map((name) => join(folder, name))]) {
    const file = found(path);
    if (file) return file;
  }
  return firstIn(folder);
}

function found(path: string): SourceFile | undefined {
  const comment = comments[extname(path)];
  return comment && statSync(path, { throwIfNoEntry: false })?.isFile() && isOfCopy(path)
    ? { path, comment }
    : undefined;
}

/** The working directory is the copy; where a link leads out of it somebody else has the file too. */
function isOfCopy(path: string): boolean {
  return isInside(realpathSync(path), realpathSync('.'));
}

function firstIn(folder: string): SourceFile | undefined {
  const inside = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.includes('test'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (path) =>
        !relative(folder, path)
          .split('/')
          .some((part) => skipped.has(part) || part.startsWith('.')),
    )
    .sort((one, other) => one.split('/').length - other.split('/').length || (one < other ? -1 : 1));
  return inside.map(found).find((file) => file !== undefined);
}
