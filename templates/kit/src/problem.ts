import type { Reply } from './types.ts';

type Headers = Readonly<Record<string, string>>;

class Named extends Error {
  override readonly name = this.constructor.name;
}

/** Throw it to answer with an error: application/problem+json, RFC 9457. In a consumer: tried again, and counted. */
export class Problem extends Named {
  readonly status: number;
  readonly headers: Headers;
  constructor(status: number, detail: string, { headers = {} }: { readonly headers?: Headers } = {}) {
    super(detail);
    this.status = status;
    this.headers = headers;
  }
}

/** A dependency did not do what was asked. In a consumer: tried again, and counted where it is not `isPassing`. */
export class DependencyProblem extends Problem {
  readonly dependency: string;
  /** What it answered, if it did. */
  readonly reply?: Reply | undefined;
  /** For how long it is not to be asked. */
  readonly waitMs?: number;
  /** It is slow, dead or broken: counts for the breaker. */
  readonly isStrike?: boolean;
  constructor(
    status: number,
    dependency: string,
    detail: string,
    outcome: Pick<DependencyProblem, 'reply' | 'waitMs' | 'isStrike'> = {},
  ) {
    const headers = { 'retry-after': String(Math.max(1, Math.ceil((outcome.waitMs ?? 0) / 1_000))) };
    super(status, detail, outcome.waitMs === undefined ? {} : { headers });
    this.dependency = dependency;
    Object.assign(this, outcome);
  }

  /** It is away, slow, or pushes back. Where this is false it has judged what it was asked. */
  get isPassing(): boolean {
    return [429, 502, 503, 504].includes(this.reply?.status ?? this.status);
  }
}

/** Throw it in a consumer when no further try can help: the event goes to the dead letters at once. */
export class Terminal extends Named {}

/** What is needed cannot be reached at the moment: in a consumer tried again and never counted, in a request a 503. */
export class Unavailable extends Named {}

/** Started wrongly (a broken migration, a refused password): the process ends with this message. */
export class Fatal extends Named {}
