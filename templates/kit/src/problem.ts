import { STATUS_CODES } from 'node:http';
import type { Reply } from './types.ts';

export interface ProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** More members of the body. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Throw it to answer with an error: application/problem+json, RFC 9457. In a consumer: tried again, and counted. */
export class Problem extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly more: Readonly<Record<string, unknown>>;
  constructor(status: number, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Problem';
    this.status = status;
    this.headers = options.headers ?? {};
    this.more = options.more ?? {};
  }
}

/** A dependency did not do what was asked. `reply` is what it answered, if it did. In a consumer: tried again, and counted where it is not `isPassing`. */
export class DependencyProblem extends Problem {
  readonly dependency: string;
  readonly reply: Reply | undefined;
  constructor(status: number, dependency: string, detail: string, reply?: Reply, retryAfterMs?: number) {
    const headers: Record<string, string> = retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) };
    super(status, detail, { headers, more: { dependency } });
    this.name = 'DependencyProblem';
    this.dependency = dependency;
    this.reply = reply;
  }

  /**
   * True where it is away, slow, or pushes back: nobody answered in time, nobody is asked at the moment, or the answer was 429, 502, 503
   * or 504. False where it has judged what it was asked.
   */
  get isPassing(): boolean {
    return [429, 502, 503, 504].includes(this.reply?.status ?? this.status);
  }
}

/** Throw it in a consumer when no further try can help: the event goes to the dead letters at once. */
export class Terminal extends Error {
  override readonly name = 'Terminal';
}

/**
 * What is needed cannot be reached at the moment: nobody's fault but the moment's. In a consumer: tried again and never counted.
 */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** Started wrongly (a broken migration, a refused password): trying again cannot help, the process ends with this message. */
export class Fatal extends Error {
  override readonly name = 'Fatal';
}

/** The body of the answer. */
export function problemBody(problem: Problem, path: string, requestId: string): Record<string, unknown> {
  const { status } = problem;
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail: problem.message, instance: path, requestId, ...problem.more };
}
