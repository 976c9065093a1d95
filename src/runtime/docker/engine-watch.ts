import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import type { Api, EngineEvent } from './engine/types.ts';
import { projectLabel } from './labels.ts';

const reconnectMs: Ms = 250;

/**
 * Follows what happens to the containers of one project. The engine may end the stream at any time (it is restarted,
 * a laptop sleeps): after each new beginning everything has to be looked at afresh, which `onBegin` is told.
 */
export class EngineWatch {
  readonly #closing = new AbortController();
  readonly #opened = new Set<() => void>();
  #isOpen = false;

  constructor(
    api: Api,
    projectId: string,
    on: { event(event: EngineEvent): void; begin(): void; lost(error: unknown): void },
  ) {
    void this.#follow(api, projectId, on);
  }

  /** Resolves when the engine is there, at once if it is; rejects with the signal's reason. */
  whenOpen(signal: AbortSignal): Promise<void> {
    if (this.#isOpen) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const opened = (): void => {
        signal.removeEventListener('abort', abort);
        this.#opened.delete(opened);
        resolve();
      };
      const abort = (): void => {
        this.#opened.delete(opened);
        reject(signal.reason);
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      this.#opened.add(opened);
    });
  }

  close(): void {
    this.#closing.abort();
  }

  async #follow(
    api: Api,
    projectId: string,
    on: { event(event: EngineEvent): void; begin(): void; lost(error: unknown): void },
  ): Promise<void> {
    const { signal } = this.#closing;
    let wasTold = false;
    const onOpen = (): void => {
      this.#isOpen = true;
      wasTold = false;
      for (const opened of [...this.#opened]) opened();
      on.begin();
    };
    while (!signal.aborted) {
      try {
        await api.events({ labels: [`${projectLabel}=${projectId}`], onOpen }, on.event, { signal });
      } catch (error) {
        if (!signal.aborted && !wasTold) on.lost(error);
        wasTold = true;
      }
      this.#isOpen = false;
      await delay(reconnectMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
