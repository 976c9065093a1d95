/** Whose fault a failure is; decides the exit code (docs/errors.md). */
export type Fault = 'usage' | 'project' | 'machine' | 'service' | 'edge' | 'budget' | 'bug';

/** A position in a text that a person wrote; lines and columns count from 1. */
export interface Source {
  readonly file: string;
  readonly line: number;
  readonly col: number;
  /** How many characters to underline. */
  readonly length?: number;
  /** The line itself, so that a card can show it without reading the file again. */
  readonly text?: string;
}

/** What went wrong, as plain data: printed as a card, a JSON object or a log line. */
export interface Failure {
  readonly fault: Fault;
  /** Stable name, upper case, listed in docs/errors.md. */
  readonly code: string;
  readonly message: string;
  /** What to do; the first is the one command that fixes it where there is one. */
  readonly hints: readonly string[];
  readonly source?: Source;
  /** Proof: the last log lines, the answer of a probe, the words of another program. */
  readonly evidence?: readonly string[];
  readonly cause?: unknown;
}

/** Something wrong in a file. Pure rooms return problems; effecting rooms throw CampError. */
export type Problem = Failure & { readonly fault: 'project' | 'usage' };

const exitCodes: Readonly<Record<Fault, number>> = {
  bug: 1,
  usage: 2,
  project: 3,
  machine: 4,
  service: 5,
  edge: 6,
  budget: 7,
};

/** When several are true the most fixable wins: a service that died because its port was taken is `machine`. */
const mostFixableFirst: readonly Fault[] = ['usage', 'project', 'machine', 'edge', 'service', 'budget', 'bug'];

/** The one error class. It carries every failure that was found, the most fixable first. */
export class CampError extends Error {
  readonly failures: readonly Failure[];

  constructor(failures: Failure | readonly Failure[]) {
    const all = [...(Array.isArray(failures) ? (failures as readonly Failure[]) : [failures as Failure])];
    all.sort((a, b) => mostFixableFirst.indexOf(a.fault) - mostFixableFirst.indexOf(b.fault));
    super(all[0]?.message ?? 'unknown failure', { cause: all[0]?.cause });
    this.name = 'CampError';
    this.failures = all;
  }

  get exitCode(): number {
    return exitCodes[this.failures[0]?.fault ?? 'bug'];
  }
}

/** Builds a failure; `rest` gives hints, source, evidence or cause. */
export function failure(
  fault: Fault,
  code: string,
  message: string,
  rest: Partial<Omit<Failure, 'fault' | 'code' | 'message'>> = {},
): Failure {
  return { fault, code, message, hints: [], ...rest };
}

/** Throws one failure as a CampError. */
export function fail(...args: Parameters<typeof failure>): never {
  throw new CampError(failure(...args));
}

/** The failures of anything thrown; what is not a CampError is a bug in camp. */
export function failuresOf(error: unknown): readonly Failure[] {
  if (error instanceof CampError) return error.failures;
  const message = error instanceof Error ? error.message : String(error);
  return [failure('bug', 'BUG', message, { cause: error })];
}
