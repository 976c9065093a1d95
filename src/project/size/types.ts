/** The language of a text of configuration; `other` is counted by lines alone. */
export type TextKind = 'caddyfile' | 'compose' | 'dockerfile' | 'env' | 'nginx' | 'apache' | 'shell' | 'yaml' | 'other';

/** One statement: what it begins with, and what stands behind that. */
export interface Statement {
  readonly word: string;
  /** As written, words joined by a space. */
  readonly rest: string;
  /** From 1. */
  readonly line: number;
  /** The statement that it stands in. */
  readonly parent?: string;
  /** Where it is of another language than the text around it: a Dockerfile in a compose file. */
  readonly kind?: TextKind;
  /** Not a word of the language but a name that somebody chose, such as a variable's. */
  readonly isName?: true;
}
