import type { Failure } from '../kit/failure.ts';
import type { Outcome } from '../plan/execute.ts';

/** The failures of a plan; the first also tells which services were not started because of them. */
export function failuresWithWaiting({ failures, skipped }: Outcome): readonly Failure[] {
  const [first, ...rest] = failures;
  const waiting = [...new Set(skipped.flatMap((step) => (step.kind === 'start' ? [step.service] : [])))].filter(
    (service) => !failures.some((one) => isAbout(one, service)),
  );
  if (first === undefined || waiting.length === 0) return failures;
  const line = `not started, because ${waiting.length === 1 ? 'it waits' : 'they wait'} for this: ${waiting.join(', ')}`;
  return [{ ...first, evidence: [...(first.evidence ?? []), line] }, ...rest];
}

/** It names the service: nobody has to be told that this one does not run. */
function isAbout({ message, evidence = [] }: Failure, service: string): boolean {
  return message.includes(`"${service}"`) || evidence.some((line) => line.startsWith(`service ${service}: `));
}
