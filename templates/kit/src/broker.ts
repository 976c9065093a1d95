import type { DeadLetter, Envelope, Event } from './types.ts';

export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'dead'; readonly letter: DeadLetter };

export interface Subscription {
  /** The durable name; its replicas share the work. */
  readonly consumer: string;
  readonly type: string;
  /** Never throws. */
  handle(event: Event): Promise<Verdict>;
}

/** nats.ts, or memory.ts where NATS_URL is not set. */
export interface Broker {
  /** Publishing ends only when every consumer in this process is done: the outbox keeps the event until then. */
  readonly isLocal: boolean;
  /** Stored when it resolves; the same id twice is one message. */
  publish(event: Envelope): Promise<void>;
  subscribe(subscription: Subscription): void;
  /** Why it is not connected, if it is not. */
  trouble(): string | undefined;
  /** Takes no new events and waits for those at work. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** NATS_URL, or without it: in this process. */
export async function openBroker(service: string, bury: (letter: DeadLetter) => Promise<void>): Promise<Broker> {
  const url = process.env['NATS_URL'] || process.env['NATS'];
  if (url) return (await import('./nats.ts')).openNats(url, service);
  return (await import('./memory.ts')).openMemory(bury);
}

export const eventPrefix = 'events.';

/** Durable names hold neither dots nor wildcards. */
export const durableName = (service: string, type: string): string => `${service}_${type}`.replaceAll('*', 'any').replaceAll('>', 'all').replace(/[^\w-]/g, '_');

/** Whether a subscription's type covers an event's: `*` is one word, `>` all that follow. */
export function covers(pattern: string, type: string): boolean {
  const words = type.split('.');
  const asked = pattern.split('.');
  for (const [index, word] of asked.entries()) {
    if (word === '>') return words.length > index;
    if (words[index] === undefined || (word !== '*' && word !== words[index])) return false;
  }
  return words.length === asked.length;
}
