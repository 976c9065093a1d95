import { type Failure, failure, type Problem } from '../../kit/failure.ts';
import { problemAt, type Span, sourceOf } from '../text-file.ts';
import type { Entry, Scalar, Tree } from '../tree.ts';
import { interpolate, type Lookup, type Remark } from './interpolate.ts';

export interface Filled {
  readonly tree: Tree;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Failure[];
}

/**
 * Replaces the variables in every value of a tree. Problems: REQUIRED_VARIABLE, INVALID_INTERPOLATION;
 * warning: UNSET_VARIABLE, once a variable.
 */
export function fillVariables(tree: Tree, lookup: Lookup): Filled {
  const problems: Problem[] = [];
  const warnings = new Map<string, Failure>();
  const done = new Map<Tree, Tree>();
  if (!tree.at.file.text.includes('$')) return { tree, problems, warnings: [] };
  return { tree: visit(tree), problems, warnings: [...warnings.values()] };

  /** What an alias repeats is filled once and stays shared. */
  function visit(value: Tree): Tree {
    const known = done.get(value);
    if (known) return known;
    const filled = fill(value);
    done.set(value, filled);
    return filled;
  }

  function fill(value: Tree): Tree {
    switch (value.kind) {
      case 'scalar':
        return scalar(value);
      case 'list':
        return { ...value, items: value.items.map(visit) };
      case 'table': {
        const entries = new Map<string, Entry>();
        for (const [key, entry] of value.entries) entries.set(key, { ...entry, value: visit(entry.value) });
        return { ...value, entries };
      }
    }
  }

  function scalar(value: Scalar): Scalar {
    if (typeof value.value !== 'string' || !value.value.includes('$')) return value;
    let isSpoilt = false;
    const text = interpolate(value.value, lookup, (remark) => {
      isSpoilt ||= remark.kind !== 'unset';
      note(remark, value.at);
    });
    // what cannot be filled in stays: an empty text would be a second problem in most places
    return isSpoilt ? value : { ...value, value: text, raw: text, isPlain: false };
  }

  function note({ kind, reference, name, message }: Remark, around: Span): void {
    const at = placeOf(reference, around);
    if (kind === 'unset') {
      if (warnings.has(name)) return;
      const hints = [`${name}=... camp up, or a line ${name}=... in .env, or \${${name}:-default}`];
      warnings.set(
        name,
        failure('project', 'UNSET_VARIABLE', `variable ${name} is not set, an empty text takes its place`, {
          hints,
          source: sourceOf(at),
        }),
      );
    } else if (kind === 'required')
      problems.push(
        problemAt(
          at,
          'REQUIRED_VARIABLE',
          `variable ${name} must be set${message ? `: ${message}` : ''}`,
          `write ${name}=... into .env`,
        ),
      );
    else
      problems.push(
        problemAt(
          at,
          'INVALID_INTERPOLATION',
          `${reference} is not a variable`,
          'write $NAME, or the name in braces with a default behind :-, and $$ for a dollar',
        ),
      );
  }
}

/** Points at the reference itself where it stands in the text as it is; else at the whole value. */
function placeOf(reference: string, around: Span): Span {
  const begin = around.file.text.indexOf(reference, around.begin);
  return begin === -1 || begin >= around.end ? around : { ...around, begin, end: begin + reference.length };
}
