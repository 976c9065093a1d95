import { basename } from 'node:path';
import { readText } from '../kit/files.ts';
import { composeShape, type Shape } from './compose/shape.ts';
import { isGenerated } from './generated.ts';
import { growTree, type Tree } from './tree.ts';
import type { ConfigCount, FileCount, Project } from './types.ts';

/**
 * The size of a project's configuration: compose file and Caddyfile, as they lie on the disk. What camp wrote
 * and nobody changed counts 0 hand-written lines.
 */
export function countConfig(project: Pick<Project, 'dir' | 'composeFile' | 'caddyfile'>): ConfigCount {
  const files: FileCount[] = [];
  let handWrittenLines = 0;
  for (const path of [project.composeFile, project.caddyfile.path]) {
    const text = path === undefined ? undefined : readText(path);
    if (path === undefined || text === undefined) continue;
    const name = basename(path);
    const count = {
      path: name,
      lines: countLines(text),
      directives: name === 'Caddyfile' ? caddyDirectives(text).size : composeKeys(text, name).size,
    };
    files.push(count);
    if (!isGenerated(project.dir, name, text)) handWrittenLines += count.lines;
  }
  return { handWrittenLines, files, totalLines: files.reduce((sum, { lines }) => sum + lines, 0) };
}

/**
 * Logical lines (PATTERNS 3.1): neither blank nor comment; one of more than 100 characters counts as many
 * lines as it would fill, statements that are joined by `;` count each.
 */
export function countLines(text: string): number {
  let lines = 0;
  for (const row of text.split('\n')) {
    // a comment behind a statement is no configuration either
    const line = row.trim().replace(/\s#.*$/, '');
    if (line === '' || line === '\uFEFF' || line.startsWith('#')) continue;
    const statements = line.split(/;\s+/).filter(Boolean).length;
    lines += Math.max(1, Math.ceil(line.length / 100), statements);
  }
  return lines;
}

/** Distinct words that begin a line inside of a block: directives, subdirectives, options, matcher types. */
export function caddyDirectives(text: string): ReadonlySet<string> {
  const found = new Set<string>();
  const hasBlocks = /\{\s*$/m.test(text);
  let depth = 0;
  let isFirst = true;
  for (const row of text.split('\n')) {
    const line = row.trim().replace(/\s#.*$/, '');
    if (line === '' || line.startsWith('#')) continue;
    const opens = /(?:^|\s)\{$/.test(line);
    if (line.startsWith('}')) depth = Math.max(0, depth - 1);
    else if (depth > 0 || (!hasBlocks && !isFirst)) {
      const [first = '', second] = line.split(/\s+/);
      const word = first.startsWith('@') ? second : first;
      if (word && word !== '{') found.add(word);
    }
    if (opens) depth++;
    isFirst = false;
  }
  return found;
}

/** Distinct keys that the specification knows: names that the author chose are none. */
function composeKeys(text: string, name: string): ReadonlySet<string> {
  const found = new Set<string>();
  const seen = new Set<Tree>();
  for (const tree of growTree({ name, text }).trees) visit(tree, composeShape);
  return found;

  function visit(tree: Tree, shape: Shape | undefined): void {
    if (seen.has(tree)) return;
    seen.add(tree);
    if (tree.kind === 'list') for (const item of tree.items) visit(item, shape?.items);
    if (tree.kind !== 'table') return;
    for (const [key, { value }] of tree.entries) {
      const known = shape?.keys?.get(key);
      if (known || key.startsWith('x-')) found.add(key);
      visit(value, known ?? shape?.values);
    }
  }
}
