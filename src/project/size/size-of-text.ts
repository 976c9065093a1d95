import type { Size } from '../types.ts';
import { caddyStatements, isDirective } from './caddyfile-statements.ts';
import { conceptOf, conceptOfKind } from './concepts.ts';
import { isDecision } from './decisions.ts';
import { dockerfileStatements } from './dockerfile-rows.ts';
import { apacheStatements, envStatements, shellStatements } from './line-statements.ts';
import { nginxStatements } from './nginx.ts';
import { rowsOf } from './rows.ts';
import type { Statement, TextKind } from './types.ts';
import { composeStatements, yamlStatements } from './yaml-statements.ts';

export type { TextKind } from './types.ts';

/** What one text of configuration amounts to. */
export interface TextSize {
  readonly kind: TextKind;
  /** Logical lines. */
  readonly lines: number;
  /** Logical lines without those that only close something. */
  readonly statements: number;
  /** Distinct words of the language. */
  readonly directives: ReadonlySet<string>;
  /** In the order of the text; `line` counts from 1. */
  readonly decisions: readonly { readonly line: number; readonly directive: string }[];
  readonly concepts: ReadonlySet<string>;
}

/** Counts a text by the rules of docs/metrics.md. Never throws, whatever the text; time grows with its length alone. */
export function sizeOfText(kind: TextKind, text: string): TextSize {
  const rows = rowsOf(kind, text);
  const all = statementsIn(kind, text);
  const words = all.filter(({ isName, word }) => !isName && word !== '');
  const own = rows.length > 0 ? conceptOfKind(kind) : undefined;
  const concepts = words.map((each) => conceptOf(each.kind ?? kind, each)).filter((concept) => concept !== undefined);
  return {
    kind,
    ...sumOfRows(rows),
    directives: new Set(words.map(({ word }) => word)),
    decisions: all
      .filter((each) => isDecision(each.kind ?? kind, each))
      .map(({ word, line }) => ({ directive: word, line })),
    concepts: new Set(own === undefined ? concepts : [own, ...concepts]),
  };
}

/** Lines and statements of a text alone, which takes less than all of its size. */
export function linesOfText(kind: TextKind, text: string): Pick<TextSize, 'lines' | 'statements'> {
  return sumOfRows(rowsOf(kind, text));
}

/** Several texts as one configuration: a directive counts once a language, a concept once. */
export function sumOfSizes(sizes: readonly TextSize[]): Size {
  const sum = (figure: (size: TextSize) => number): number => sizes.reduce((all, size) => all + figure(size), 0);
  return {
    files: sizes.length,
    lines: sum(({ lines }) => lines),
    statements: sum(({ statements }) => statements),
    directives: new Set(
      sizes.flatMap(({ kind, directives }) => [...directives].map((word) => `${languageOf(kind, word)} ${word}`)),
    ).size,
    securityDecisions: sum(({ decisions }) => decisions.length),
    concepts: new Set(sizes.flatMap(({ concepts }) => [...concepts])).size,
  };
}

/** In a compose file, words in capitals are those of a Dockerfile that stands in it. */
function languageOf(kind: TextKind, word: string): TextKind {
  return kind === 'compose' && /^[A-Z]+$/.test(word) ? 'dockerfile' : kind;
}

function sumOfRows(rows: readonly { lines: number; statements: number }[]): Pick<TextSize, 'lines' | 'statements'> {
  return rows.reduce((sum, row) => ({ lines: sum.lines + row.lines, statements: sum.statements + row.statements }), {
    lines: 0,
    statements: 0,
  });
}

function statementsIn(kind: TextKind, text: string): readonly Statement[] {
  switch (kind) {
    case 'caddyfile':
      return caddyStatements(text).filter(isDirective);
    case 'compose':
      return composeStatements(text);
    case 'yaml':
      return yamlStatements(text);
    case 'dockerfile':
      return dockerfileStatements(text);
    case 'nginx':
      return nginxStatements(text);
    case 'apache':
      return apacheStatements(text);
    case 'shell':
      return shellStatements(text);
    case 'env':
      return envStatements(text);
    case 'other':
      return [];
  }
}
