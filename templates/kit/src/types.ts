import type { log } from './log.ts';

type Headers = Readonly<Record<string, string>>;

/** One request, as a handler sees it. */
export interface Call extends Client {
  readonly method: string;
  readonly path: string;
  readonly params: Headers;
  readonly query: URLSearchParams;
  /** Names are lower case. */
  readonly headers: Headers;
  /** The same in every log line of every service that this request passes through. */
  readonly requestId: string;
  readonly traceId: string;
  /** Epoch milliseconds. */
  readonly deadline: number;
  /** Aborted at the deadline, and when the caller has gone. */
  readonly signal: AbortSignal;
  readonly log: typeof log;
  /** The body; more than BODY_LIMIT is a 413, what is no JSON a 400. */
  text(): Promise<string>;
  json<T = any>(): Promise<T>;
  /** All or nothing. Everything in an idempotent route is one transaction. */
  tx: Transact;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Headers;
  /** Sent as JSON; a string or bytes with a content-type of their own are sent as they are. */
  readonly body?: unknown;
}

export type Handler = (call: Call) => Answer | undefined | void | Promise<Answer | undefined | void>;

/** Asks other services: within the deadline, with retries where they cannot multiply, a breaker per destination. */
export interface Client {
  get<T = any>(url: string | URL, options?: CallOptions): Promise<T>;
  post<T = any>(url: string | URL, body?: unknown, options?: CallOptions): Promise<T>;
  /** Any method; every answer below 500 but 429 is returned, whatever its status. */
  request(method: string, url: string | URL, options?: CallOptions): Promise<Reply>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Headers;
  /** One try; 2 s when not given. */
  readonly timeoutMs?: number;
  /** Sent as Idempotency-Key: makes it safe to try a POST again. */
  readonly idempotencyKey?: string;
}

export interface Reply<T = any> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** Inside of a transaction. */
export interface Tx {
  /** SQL that Postgres and SQLite share, parameters are $1, $2, … */
  query<R = any>(sql: string, values?: readonly unknown[]): Promise<R[]>;
  /** Sent if and only if the transaction commits. The id of the event. */
  emit(type: string, data: unknown): Promise<string>;
  readonly requestId: string;
}

export type Transact = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

/** On the wire, the same in every language. */
export interface Event<T = any> {
  readonly id: string;
  /** Such as orders.created */
  readonly type: string;
  /** The service. */
  readonly source: string;
  readonly time: string;
  readonly data: T;
  readonly requestId: string;
  readonly traceparent: string;
}

export type EventHandler<T = any> = (event: Event<T>, tx: Tx) => unknown;

export interface DeadLetter {
  readonly event: Event;
  readonly consumer: string;
  readonly reason: string;
  readonly attempts: number;
  readonly time: string;
}

export interface SagaStep {
  readonly name: string;
  /** The event that asks for the step; its data is {sagaId, …data}. */
  readonly command: string;
  /** The two possible answers; their data carries the sagaId. */
  readonly done: string;
  readonly failed: string;
  /** Takes a step back; whoever handles it must not mind when there is nothing to take back. */
  readonly undo?: string;
  /** The answer to it. Without one, undo counts as soon as it is sent. */
  readonly undone?: string;
}

export interface SagaOptions<T> {
  readonly steps: readonly SagaStep[];
  /** From begin to done; whatever is not done by then is undone. 60 s when not given. */
  readonly deadlineMs?: number;
  onDone?(tx: Tx, saga: { readonly id: string; readonly data: T }): unknown;
  onUndone?(tx: Tx, saga: { readonly id: string; readonly data: T; readonly reason: string }): unknown;
}
