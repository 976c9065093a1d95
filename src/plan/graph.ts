import type { Step, StepKind, Steps } from './types.ts';

/** A plan that is being written: steps are numbered as they are added, each after those that it waits for. */
export class Graph {
  readonly steps: Step[] = [];

  add<K extends StepKind>(
    kind: K,
    subject: string,
    cause: string,
    after: readonly number[],
    carried: Steps[K],
  ): number {
    const id = this.steps.length + 1;
    this.steps.push({
      id,
      kind,
      subject,
      cause,
      after: [...new Set(after)].sort((a, b) => a - b),
      ...carried,
    } as unknown as Step);
    return id;
  }
}
