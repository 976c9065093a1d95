import type { Phase } from '../kit/events.ts';
import { CampError, type Failure, failuresOf } from '../kit/failure.ts';
import type { Handlers, Plan, Step, StepContext, StepKind } from './types.ts';

/** What came of a plan: the failures of steps, and the steps that were not carried out because of them. */
export interface Outcome {
  readonly failures: readonly Failure[];
  readonly skipped: readonly Step[];
}

const phases: { readonly [k in StepKind]: Phase } = {
  provision: 'provision',
  clear: 'stop',
  install: 'install',
  build: 'build',
  create: 'create',
  prepare: 'prepare',
  start: 'start',
  awaitReady: 'awaitReady',
  startEdge: 'startEdge',
  route: 'route',
  firstRequest: 'first-request',
  drain: 'drain',
  stop: 'stop',
};

/**
 * Carries out a plan; decides nothing. Every step begins as soon as all that it comes after has ended well;
 * a failed step keeps what depends on it from beginning, everything independent goes on.
 */
export async function execute(plan: Plan, handlers: Handlers, context: StepContext): Promise<Outcome> {
  const failures: Failure[] = [];
  const skipped: Step[] = [];
  const endings = new Map<number, Promise<boolean>>();
  for (const step of plan.steps) {
    const earlier = step.after.map((id) => endings.get(id) ?? Promise.resolve(true));
    endings.set(
      step.id,
      earlier.length === 0
        ? carryOut(step)
        : Promise.all(earlier).then((all) => (all.every(Boolean) ? carryOut(step) : skip(step))),
    );
  }
  await Promise.all(endings.values());
  return { failures, skipped };

  function skip(step: Step): boolean {
    skipped.push(step);
    return false;
  }

  async function carryOut(step: Step): Promise<boolean> {
    if (context.signal.aborted) return skip(step);
    const span = { type: 'span', phase: phases[step.kind], subject: step.subject, step: step.id } as const;
    context.emit({ ...span, edge: 'begin' });
    try {
      await (handlers[step.kind] as (step: Step, context: StepContext) => Promise<void>)(step, context);
      context.emit({ ...span, edge: 'end' });
      return true;
    } catch (error) {
      if (context.signal.aborted && !(error instanceof CampError)) return skip(step);
      const found = failuresOf(error);
      failures.push(...found);
      context.emit({ ...span, edge: 'end', ...(found[0] ? { failure: found[0] } : {}) });
      return false;
    }
  }
}
