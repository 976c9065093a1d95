import type { Emit } from '../kit/events.ts';
import { CampError } from '../kit/failure.ts';
import { mayBeLeft } from './containers/mark.ts';
import type { EdgeHost } from './edge-host.ts';
import type { Replicas } from './replicas.ts';

/** What is ended, and what it waits for. */
export interface Endable {
  readonly replicas: Replicas;
  readonly host: EdgeHost;
  readonly emit: Emit;
  /** Resolves when nothing is under way any more that may start something. */
  settled(): Promise<unknown>;
  flushLogs(): Promise<void>;
}

/** How a project that runs comes to its end: once, whoever asks for it and however often. */
export class Ending {
  readonly #controller = new AbortController();
  readonly #force = new AbortController();
  #shutdown: Promise<void> | undefined;
  /** It did not answer when its containers were to be removed. */
  #isEngineLost = false;

  /** Aborted from the moment that somebody has asked for it. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends everything. `isForced` leaves nobody any grace. */
  begin(all: Endable, isForced: boolean): Promise<void> {
    if (isForced) this.#force.abort();
    this.#controller.abort(new Error('the project is being stopped'));
    this.#shutdown ??= this.#end(all);
    return this.#shutdown;
  }

  async #end(all: Endable): Promise<void> {
    await this.#endReplicas(all);
    // a converge that was under way may have started something in the same moment
    await all.settled();
    await this.#endReplicas(all);
    await all.flushLogs();
    all.host.releasePorts();
  }

  async #endReplicas(all: Endable): Promise<void> {
    await Promise.all([all.replicas.processes.shutdown(this.#force.signal), this.#endContainers(all)]);
  }

  /** An engine that is away keeps its containers until `camp down`; everything else ends all the same. */
  async #endContainers({ replicas: { containers }, host, emit }: Endable): Promise<void> {
    if (this.#isEngineLost) return;
    try {
      await host.stop();
      await containers.shutdown(this.#force.signal);
    } catch (error) {
      const [failure] = error instanceof CampError ? error.failures : [];
      if (failure?.fault !== 'machine') throw error;
      // a second try would wait for the same engine
      this.#isEngineLost = true;
      if (!containers.mayHaveLeft) return;
      const left = mayBeLeft(failure);
      emit({ type: 'warning', message: left.message, failure: left });
    }
  }
}
