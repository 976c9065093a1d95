import type { Event, Ms, Phase } from '../kit/events.ts';
import type { Plan, Step } from '../plan/types.ts';

/** A timed step; `endMs` is absent while it runs. */
export interface Span {
  readonly phase: Phase;
  readonly subject: string;
  readonly step?: number;
  readonly beginMs: Ms;
  readonly endMs?: Ms;
}

export interface Timing {
  readonly spans: readonly Span[];
  /** The path that set the total, first to last: each span is what the next one had to wait for. */
  readonly criticalChain: readonly Span[];
  /** Until the first answer of every routed service; absent until all have answered. */
  readonly timeToFirstRequestMs?: Ms;
  /** Until the readiness of the last replica of each service. */
  readonly readyMs: ReadonlyMap<string, Ms>;
  /** Until the first answer of each routed service. */
  readonly answeredMs: ReadonlyMap<string, Ms>;
}

/** Folds a plan and its events into figures, which count from `originMs`. Pure: the clock has spoken in the events already. */
export function measure(plan: Plan, events: readonly Event[], originMs: Ms = 0): Timing {
  const spans = spansOf(events, originMs);
  const byStep = new Map(spans.flatMap((span) => (span.step === undefined ? [] : [[span.step, span] as const])));
  const steps = new Map(plan.steps.map((step) => [step.id, step]));
  const requests = plan.steps.filter((step) => step.kind === 'firstRequest');
  const last = latest(requests.flatMap((step) => byStep.get(step.id) ?? []));
  const areAllAnswered = requests.length > 0 && requests.every((step) => byStep.get(step.id)?.endMs !== undefined);
  return {
    spans,
    criticalChain: last ? [...before(plan, spans), ...chain(last, steps, byStep)] : [],
    readyMs: endsOf('awaitReady', plan, byStep),
    answeredMs: endsOf('firstRequest', plan, byStep),
    ...(areAllAnswered && last?.endMs !== undefined ? { timeToFirstRequestMs: last.endMs } : {}),
  };
}

function spansOf(events: readonly Event[], originMs: Ms): readonly Span[] {
  const spans: Span[] = [];
  const open = new Map<string, number>();
  for (const event of events) {
    if (event.type !== 'span') continue;
    const key = `${event.phase} ${event.subject} ${event.step ?? ''}`;
    if (event.edge === 'begin') {
      open.set(key, spans.length);
      spans.push({
        phase: event.phase,
        subject: event.subject,
        beginMs: event.t - originMs,
        ...(event.step === undefined ? {} : { step: event.step }),
      });
    } else {
      const at = open.get(key);
      const begun = at === undefined ? undefined : spans[at];
      // a step that failed has no end: its time says nothing about what it was to reach
      if (at !== undefined && begun && !event.failure) spans[at] = { ...begun, endMs: event.t - originMs };
    }
  }
  return spans;
}

/** Walks back from the last answer: at each step, to the one among its predecessors that ended last. */
function chain(last: Span, steps: ReadonlyMap<number, Step>, byStep: ReadonlyMap<number, Span>): readonly Span[] {
  const path: Span[] = [];
  for (let span: Span | undefined = last; span; ) {
    path.unshift(span);
    const step: Step | undefined = span.step === undefined ? undefined : steps.get(span.step);
    span = latest((step?.after ?? []).flatMap((id) => byStep.get(id) ?? []));
  }
  return path;
}

/** What camp itself did before the first step could begin. */
function before(plan: Plan, spans: readonly Span[]): readonly Span[] {
  return plan.steps.length === 0
    ? []
    : spans.filter((span) => span.step === undefined && (span.phase === 'load' || span.phase === 'observe'));
}

/** When the last step of a kind ended for each service. */
function endsOf(
  kind: 'awaitReady' | 'firstRequest',
  plan: Plan,
  byStep: ReadonlyMap<number, Span>,
): ReadonlyMap<string, Ms> {
  const times = new Map<string, Ms>();
  for (const step of plan.steps) {
    if (step.kind !== kind) continue;
    const end = byStep.get(step.id)?.endMs;
    if (end !== undefined) times.set(step.service, Math.max(end, times.get(step.service) ?? 0));
  }
  return times;
}

function latest(spans: readonly Span[]): Span | undefined {
  return spans.reduce<Span | undefined>(
    (a, b) => (a === undefined || (b.endMs ?? 0) > (a.endMs ?? 0) ? b : a),
    undefined,
  );
}
