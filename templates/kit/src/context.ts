import { AsyncLocalStorage } from 'node:async_hooks';
import type { Session } from './database.ts';
import type { Queue } from './wait.ts';

/** What one request or one event carries through everything that it causes. */
export interface Context {
  readonly requestId: string;
  readonly traceId: string;
  /** Epoch milliseconds: nobody waits for the answer after it. */
  readonly deadline?: number;
  /** Somebody further out tries again already (a caller of the project, or the broker): this service must not. */
  readonly isRetried?: boolean;
  readonly signal?: AbortSignal;
  /** The open transaction, which everything in here joins, one after the other. */
  readonly open?: { readonly session: Session; readonly queue: Queue };
}

const storage = new AsyncLocalStorage<Context>();
export const within = <T>(context: Context, work: () => T): T => storage.run(context, work);
export const current = (): Context | undefined => storage.getStore();

const randomHex = (length: 16 | 32): string => crypto.randomUUID().replaceAll('-', '').slice(0, length);

/** X-Request-Id (the edge sets it), else the trace id of `traceparent`, else a new one. */
export function correlation(requestId = '', traceparent = ''): Pick<Context, 'requestId' | 'traceId'> {
  const traceId = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparent)?.[1] ?? randomHex(32);
  return { requestId: /^[\w.:-]{1,128}$/.test(requestId) ? requestId : traceId, traceId };
}

/** The context of this moment, or a fresh one where nothing began it. */
export const currentOrNew = (): Context => current() ?? correlation();

/** W3C Trace Context: the trace goes on, the span is new. */
export const traceparent = ({ traceId }: { traceId: string }): string => `00-${traceId}-${randomHex(16)}-01`;
