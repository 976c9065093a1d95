/** What a budget may be put on; `units` of src/project/measure/budget.ts says in what it is written. */
export const budgetNames = [
  'ttfr',
  'cold',
  'ready',
  'trace',
  'message',
  'reload',
  'recover',
  'recover2',
  'add',
  'scale',
  'stop',
  'memory',
  'failed',
  'lines',
  'statements',
  'directives',
  'decisions',
  'concepts',
  'files',
  'steps',
  'parts',
] as const;
export type BudgetName = (typeof budgetNames)[number];

/** One thing that must not grow beyond a limit. */
export interface Budget {
  readonly name: BudgetName;
  /** As it was written, without blanks: `ttfr=3s`. */
  readonly expression: string;
  readonly limit: BudgetLimit;
}

export type BudgetLimit =
  /** Milliseconds, bytes, or a number of things. */
  | { readonly kind: 'absolute'; readonly value: number }
  /** So many per cent above the recorded baseline. */
  | { readonly kind: 'relative'; readonly percent: number };

/** The request that makes the project publish an event: what the time to the first message begins with. */
export interface MessageRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** On the project's own site, with its query: `/api/orders/`. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** `x-camp: {measure: …}` at the top of the compose file. */
export interface MeasureWishes {
  readonly budget: readonly Budget[];
  readonly message?: MessageRequest;
}
