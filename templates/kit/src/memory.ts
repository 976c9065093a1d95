import { type Broker, covers, type Subscription } from './broker.ts';
import type { DeadLetter, Envelope } from './types.ts';
import { sleep } from './wait.ts';

/**
 * The broker of a service that has none: its own events go to its own consumers. An event counts as published when all are done with it,
 * so that it is still in the outbox after a crash.
 */
export function openMemory(bury: (letter: DeadLetter) => Promise<void>): Broker {
  const subscriptions: Subscription[] = [];
  const stopping = new AbortController();
  const working = new Set<Promise<void>>();

  async function deliver(subscription: Subscription, event: Envelope): Promise<void> {
    for (let deliveries = 1; ; deliveries++) {
      if (stopping.signal.aborted) throw new Error('stopping: the event stays in the outbox');
      const verdict = await subscription.handle({ ...event, deliveries });
      if (verdict.kind === 'done') return;
      if (verdict.kind === 'dead') return bury(verdict.letter);
      await sleep(verdict.delayMs, stopping.signal);
    }
  }

  return {
    isLocal: true,
    async publish(event) {
      const all = Promise.all(subscriptions.filter(({ type }) => covers(type, event.type)).map((each) => deliver(each, event))).then(() => {});
      working.add(all);
      await all.finally(() => working.delete(all));
    },
    subscribe: (subscription) => void subscriptions.push(subscription),
    trouble: () => undefined,
    async drain() {
      stopping.abort();
      await Promise.allSettled(working);
    },
    close: async () => {},
  };
}
