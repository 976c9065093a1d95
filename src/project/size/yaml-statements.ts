import { composeShape, type Shape } from '../compose/shape.ts';
import { growTree, type Tree } from '../tree.ts';
import { dockerfileStatements } from './dockerfile-rows.ts';
import type { Statement } from './types.ts';

/**
 * The keys of a compose file that the specification knows or that begin with `x-`, and the instructions of Dockerfiles
 * in it; besides, as names, the variables of services, and the entries of lists. Nothing of a text that is no YAML.
 */
export function composeStatements(text: string): readonly Statement[] {
  return statementsOf(text, composeShape);
}

/** The keys of any YAML or JSON, each a word of its own. */
export function yamlStatements(text: string): readonly Statement[] {
  return statementsOf(text, undefined);
}

function statementsOf(text: string, root: Shape | undefined): readonly Statement[] {
  const found: Statement[] = [];
  const seen = new Set<Tree>();
  const lineOf = lineTable(text);
  for (const tree of growTree({ name: '', text }).trees) visit(tree, root, '');
  return found;

  function visit(tree: Tree, shape: Shape | undefined, parent: string): void {
    if (seen.has(tree)) return;
    seen.add(tree);
    if (tree.kind === 'list')
      for (const item of tree.items) {
        const rest = item.kind === 'scalar' ? item.raw : (textIn(item, 'source') ?? textIn(item, 'target') ?? '');
        if (parent !== '') found.push({ word: parent, rest, line: lineOf(item.at.begin), parent, isName: true });
        visit(item, shape?.items, parent);
      }
    if (tree.kind !== 'table') return;
    for (const [key, { keyAt, value }] of tree.entries) {
      const known = shape?.keys?.get(key);
      const isWord = root === undefined || known !== undefined || key.startsWith('x-');
      const rest = value.kind === 'scalar' ? String(value.value ?? '') : '';
      const line = lineOf(keyAt.begin);
      found.push({ word: key, rest, line, ...(parent ? { parent } : {}), ...(isWord ? {} : { isName: true }) });
      if (key === 'dockerfile_inline' && known && value.kind === 'scalar')
        for (const each of dockerfileStatements(String(value.value)))
          found.push({ ...each, line: line + each.line, kind: 'dockerfile' });
      visit(value, known ?? shape?.values, key);
    }
  }
}

function textIn(tree: Tree, key: string): string | undefined {
  const value = tree.kind === 'table' ? tree.entries.get(key)?.value : undefined;
  return value?.kind === 'scalar' ? value.raw : undefined;
}

/** Lines, from 1, of offsets in any order. */
export function lineTable(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}
