import type { Clock } from '../../kit/clock.ts';
import type { Endpoint } from '../../kit/events.ts';
import type { Life } from '../life.ts';
import type { ProbeAnswer } from '../probe.ts';
import { mainEndpoint } from './endpoints.ts';
import type { Api, ContainerDetail } from './engine/types.ts';
import { awaitReadiness } from './readiness.ts';
import type { Sight } from './sight.ts';

export interface ServingOf {
  readonly api: Api;
  readonly isLocalLinux: boolean;
  readonly clock: Clock;
  readonly life: Life;
  readonly sight: Sight;
  /** The port inside the container that routes lead to; absent where none does. */
  readonly httpPort: number | undefined;
  /** Another service waits for its health. */
  readonly isHealthAwaited: boolean;
  /** Where it is reached now. */
  endpoints(): readonly Endpoint[];
}

/** Whether one container serves: from its readiness on it is ready or unhealthy, by what the engine says of it. */
export class Serving {
  /** What the last probe since its start saw. */
  lastAnswer: ProbeAnswer | undefined;
  readonly #of: ServingOf;
  /** Readiness has been seen in the run that is being watched. */
  #hasBegun = false;
  /** What its health check is made with is not in its image: the engine calls it unhealthy, whatever it does. */
  #isUncheckable = false;

  constructor(of: ServingOf) {
    this.#of = of;
  }

  /** Resolves when the container is ready, and has told so; rejects only with the signal's reason. */
  async begin(container: ContainerDetail, signal: AbortSignal): Promise<void> {
    await this.#readiness(container, signal);
    this.#hasBegun = true;
    this.settle();
  }

  /** Its run is not watched any more. */
  end(): void {
    this.#hasBegun = false;
  }

  /** Of what serves: ready or not, by what the engine says of its health. */
  settle(): void {
    if (!this.#hasBegun) return;
    const { life, sight, clock, httpPort, endpoints } = this.#of;
    const { status, health } = sight.seen ?? {};
    const isWell = status === 'running' && (this.#isUncheckable || health?.status !== 'unhealthy');
    if (isWell && life.state.at !== 'ready') {
      const endpoint = mainEndpoint(endpoints(), httpPort);
      life.become({ at: 'ready', ...(endpoint ? { endpoint } : {}) });
    }
    if (!isWell && life.state.at === 'ready') {
      // the engine calls all unhealthy that has ended: whoever watches it says what has happened
      if (status === 'paused') life.note('was paused from outside');
      else if (status === 'running') life.note(`is unhealthy: ${lastHealth(sight.seen)}`);
      life.become({ at: 'unhealthy', since: clock.now() });
    }
  }

  #readiness(container: ContainerDetail, signal: AbortSignal): Promise<void> {
    const { api, isLocalLinux, life, sight, httpPort, isHealthAwaited, endpoints } = this.#of;
    const isHealthy = (): boolean => sight.seen?.health?.status === 'healthy';
    return awaitReadiness(
      {
        api,
        container,
        endpoints: endpoints(),
        httpPort,
        isLocalLinux,
        isHealthAwaited,
        onUncheckable: (said) => {
          if (!this.#isUncheckable) life.note(`${said}: taken for ready when it answers`);
          this.#isUncheckable = true;
        },
        healthy: async (until) => {
          while (!isHealthy()) await life.changes.next(60_000, until, isHealthy);
        },
        onAnswer: (answer) => {
          this.lastAnswer = answer;
        },
      },
      signal,
    );
  }
}

function lastHealth(seen: ContainerDetail | undefined): string {
  const last = seen?.health?.log.at(-1);
  return last ? last.output.trim().split('\n').at(-1) || `code ${last.exitCode}` : 'its health check fails';
}
