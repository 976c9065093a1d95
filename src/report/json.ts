import type { Failure } from '../kit/failure.ts';

/** One object on one line of stdout: with `--json` nothing else is ever written there. */
export function writeJson(value: unknown, out: { write(text: string): unknown } = process.stdout): void {
  out.write(`${JSON.stringify(value)}\n`);
}

/** A failure as it is published: no cause, which may be anything. */
export type FailureJson = Omit<Failure, 'cause'>;

export interface ErrorJson {
  /** The most fixable one; it decides the exit code. */
  readonly error: FailureJson;
  readonly errors: readonly FailureJson[];
}

export function errorJson(failures: readonly Failure[]): ErrorJson {
  const errors = failures.map(({ cause: _, ...rest }) => rest);
  return { error: errors[0] ?? { fault: 'bug', code: 'BUG', message: 'unknown failure', hints: [] }, errors };
}
