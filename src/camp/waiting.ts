import type { Failure } from '../kit/failure.ts';
import type { Outcome } from '../plan/execute.ts';

/** The failures of a plan; the first also tells which services were not started because of them. */
export function failuresWithWaiting({ failures, skipped }: Outcome): readonly Failure[] {
  const waiting = [...new Set(skipped.flatMap((step) => (step.kind === 'start' ? [step.service] : [])))];
  const [first, ...rest] = failures;
  if (first === undefined || waiting.length === 0) return failures;
  const line = `not started, because ${waiting.length === 1 ? 'it waits' : 'they wait'} for this: ${waiting.join(', ')}`;
  return [{ ...first, evidence: [...(first.evidence ?? []), line] }, ...rest];
}
