import type { LogRecord } from '../kit/log-files.ts';

/** A line on the way of one request; `hop` counts the services that it has come to, in order: the edge is 1. */
export interface WayRecord extends LogRecord {
  readonly hop: number;
}

/** Which lines belong to one request: those that name it, and those that name only its trace. */
export class RequestLines {
  readonly #id: RegExp;
  readonly #given: string;
  readonly #traces = new Set<string>();

  constructor(id: string) {
    this.#given = id;
    // `r-1` is not in `r-10`, nor in `r-1.2`
    this.#id = new RegExp(`(?<![\\w-])${id.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-]|[.:]\\w)`);
  }

  /** Traces that lines of this request have named, beside the id itself. */
  get traces(): readonly string[] {
    return [...this.#traces].filter((trace) => trace !== this.#given);
  }

  /** Whether a line belongs to it, as far as is known by now; learns the request's trace from it. */
  has(line: string): boolean {
    const entry = parse(line);
    const requestId = textIn(entry, 'requestId');
    const traceId = textIn(entry, 'traceId');
    if (this.#id.test(line)) {
      if (requestId === this.#given && traceId) this.#traces.add(traceId);
      return true;
    }
    // another request of the same trace has an id of its own
    if (requestId) return false;
    return [...this.#traces].some((trace) => traceId === trace || line.includes(trace));
  }
}

/** In the order in which things began: the line of a served request stands where the request came, before what it led to. */
export function wayOf(records: readonly LogRecord[]): readonly WayRecord[] {
  const spans = records.map(spanOf).sort((one, other) => one.begin - other.begin);
  const ordered: Span[] = [];
  for (const span of spans) {
    let at = ordered.length;
    while (at > 0 && isWithin(ordered[at - 1] as Span, span)) at--;
    ordered.splice(at, 0, span);
  }
  const hops = new Map<string, number>();
  let before = 0;
  return ordered.map(({ record, begin }) => {
    if (!hops.has(record.service)) hops.set(record.service, hops.size + 1);
    before = Math.max(before, begin);
    return { ...record, time: new Date(before).toISOString(), hop: hops.get(record.service) ?? 1 };
  });
}

/** A line and the time that it is about, in milliseconds since the epoch. */
interface Span {
  readonly record: LogRecord;
  readonly begin: number;
  readonly end: number;
  /** It says how long something took: a request that was served, an event that was handled. */
  readonly isWork: boolean;
}

/** Clocks are read in whole milliseconds, by programs that round in their own ways. */
const toleranceMs = 2;

/** Whether the first seems to have begun before the second only because clocks are coarse: it lies within it. */
function isWithin(inner: Span, outer: Span): boolean {
  const isOneMoment = Math.abs(inner.begin - outer.begin) <= toleranceMs;
  // whatever a service does, the request has come to the edge before; on a busy machine its line may end later than the edge's
  if (!outer.isWork || !isOneMoment || inner.record.replica === 'edge') return false;
  if (outer.record.replica === 'edge') return true;
  return inner.end <= outer.end + toleranceMs && inner.end - inner.begin < outer.end - outer.begin;
}

function spanOf(record: LogRecord): Span {
  const received = Date.parse(record.time);
  const entry = parse(record.line);
  // what a service says of the time is closer than when camp has read it; a text is no time
  const said = Date.parse(textIn(entry, 'time') ?? '');
  const at = Number.isNaN(said) || Math.abs(said - received) > 60_000 ? received : said;
  const ms = entry?.['ms'];
  if (typeof ms !== 'number' || !(ms >= 0)) return { record, begin: at, end: at, isWork: false };
  // the edge's is told at its begin, those of services at their end
  return record.replica === 'edge'
    ? { record, begin: at, end: at + ms, isWork: true }
    : { record, begin: at - ms, end: at, isWork: true };
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

function textIn(entry: Readonly<Record<string, unknown>> | undefined, key: string): string | undefined {
  const value = entry?.[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
