import { AsyncLocalStorage } from 'node:async_hooks';
import type { Unit } from './unit.ts';

/** What one request or one event carries through everything that it causes. */
export interface Context {
  readonly requestId: string;
  readonly traceId: string;
  /** Epoch milliseconds: nobody waits for the answer after it. */
  readonly deadline?: number;
  /** Somebody further out tries again already (a caller of the project, or the broker): this service must not. */
  readonly isRetried?: boolean;
  readonly signal?: AbortSignal;
  /** The open transaction, which everything in here joins. */
  readonly unit?: Unit;
}

const storage = new AsyncLocalStorage<Context>();

export const current = (): Context | undefined => storage.getStore();

/** Runs `work` with more context than there is; what it starts inherits it. */
export function within<T>(context: Context, work: () => T): T {
  return storage.run(context, work);
}

export function randomHex(length: 16 | 32): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, length);
}

/** W3C Trace Context: the trace goes on, the span is new. */
export const traceparent = (context: Pick<Context, 'traceId'>): string => `00-${context.traceId}-${randomHex(16)}-01`;

/** X-Request-Id (the edge sets it), else the trace id of `traceparent`, else a new one. */
export function correlation(requestIdHeader: string | undefined, traceparentHeader: string | undefined): { requestId: string; traceId: string } {
  const trace = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparentHeader ?? '')?.[1];
  const given = requestIdHeader ?? '';
  const requestId = /^[\w.:-]{1,128}$/.test(given) ? given : (trace ?? randomHex(32));
  const asTrace = requestId.replaceAll('-', '').toLowerCase();
  return { requestId, traceId: trace ?? (/^[0-9a-f]{32}$/.test(asTrace) ? asTrace : randomHex(32)) };
}

/** The context of this moment, or a fresh one where nothing began it. */
export const currentOrNew = (): Context => current() ?? correlation(undefined, undefined);
