import { isSameMachine, type MachineFacts, type MeasureRecord, type Spread } from '../../stopwatch/records.ts';
import type { Figure, SplitCost } from '../../stopwatch/types.ts';
import { inWords } from '../../stopwatch/words.ts';

/** What is taken for the availability of each part: so that n parts can be compared, not because it is so. */
const availabilityOfPart = 0.999;

/** What is known of one service more. */
export interface SplitFacts {
  /** The service, or the template of one. */
  readonly of: string;
  /** Network hops that a request to it makes behind the edge, which a call within one process does not. */
  readonly hops: number;
  /** Logical lines of configuration that it adds. */
  readonly lines: number;
  readonly parts: { readonly before: number; readonly after: number };
  /** Of a call to it over the network less one within the process; null where that was not measured. */
  readonly callMs: Figure | null;
  /** Of the service alone; null where that was not measured. */
  readonly memory: Figure | null;
}

/** What one service more, or a module that becomes one, costs. Only what was counted or measured: nothing is estimated. */
export function splitCost({ of, hops, lines, parts, callMs, memory }: SplitFacts): SplitCost {
  return {
    of,
    hops,
    millisecondsPerCall: callMs,
    memoryBytes: memory,
    lines,
    movingParts: parts,
    availability: { before: availabilityOf(parts.before), after: availabilityOf(parts.after) },
  };
}

/** Of n parts that are all needed and fail independently: 0.999^n. */
export function availabilityOf(parts: number): number {
  return availabilityOfPart ** parts;
}

/** What `camp add service` says at its end. */
export function splitNotes(cost: SplitCost): readonly string[] {
  const { hops, lines, movingParts, availability, millisecondsPerCall, memoryBytes } = cost;
  const { before, after } = movingParts;
  const costs = [
    hops === 0 ? 'no hop' : `+${hops} ${hops === 1 ? 'hop' : 'hops'}`,
    ...(millisecondsPerCall ? [`+${inWords(millisecondsPerCall.median, 'ms')} a call`] : []),
    ...(memoryBytes ? [`+${inWords(memoryBytes.median, 'bytes')}`] : []),
    `+${lines} ${lines === 1 ? 'line' : 'lines'} of configuration`,
    after === before ? `${after} moving parts as before` : `${after} moving parts instead of ${before}`,
  ];
  const share = `${percent(availability.after)} instead of ${percent(availability.before)}`;
  return [
    `what it costs: ${costs.join(', ')}`,
    ...(after === before ? [] : [`all of them up at once: ${share}, if each is up 99.9 % of the time`]),
  ];
}

/** With two digits: a hundredth is an hour in a year. */
function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** The last figures of a split that this machine measured: `camp measure --what-if`. */
export function measuredSplit(
  history: readonly MeasureRecord[],
  machine: Partial<MachineFacts>,
): { readonly callMs: Figure | null; readonly memory: Figure | null } {
  const last = history.findLast(({ split, machine: there }) => split !== undefined && isSameMachine(there, machine));
  return {
    callMs: figureOfSpread(last?.split?.millisecondsPerCall),
    memory: figureOfSpread(last?.split?.memoryBytes),
  };
}

/** The history keeps no single values. */
function figureOfSpread(spread: Spread | null | undefined): Figure | null {
  return spread ? { values: [], ...spread } : null;
}
