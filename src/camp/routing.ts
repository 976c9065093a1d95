import type { Wanted as Served } from '../edge/types.ts';
import type { Clock } from '../kit/clock.ts';
import type { Endpoint, Event, Ms } from '../kit/events.ts';
import type { Wanted } from '../plan/types.ts';
import type { Project } from '../project/types.ts';
import type { EdgeHost } from './edge-host.ts';
import type { Replicas } from './replicas.ts';

/**
 * Requests that wait at the edge for a replica are sent again every 20 ms, and a new configuration would end them:
 * so it waits until those that waited for the last replica have been served.
 */
const heldRequestsMs: Ms = 60;

/** Tells the edge what to serve and where, and knows what it was told last. */
export class Routing {
  readonly #host: EdgeHost;
  readonly #replicas: Replicas;
  readonly #clock: Clock;
  /** Addresses that the edge was last told of. */
  #addresses: ReadonlySet<string> = new Set();
  /** Replicas in containers that were not ready then; undefined while the edge has been told nothing. */
  #unready: ReadonlySet<string> | undefined;
  #lastReadyMs: Ms = Number.NEGATIVE_INFINITY;

  constructor(host: EdgeHost, replicas: Replicas, clock: Clock) {
    this.#host = host;
    this.#replicas = replicas;
    this.#clock = clock;
  }

  /** `mayWait`: requests may be waiting at the edge. */
  async route(project: Project, wanted: Wanted, mayWait: boolean, signal: AbortSignal): Promise<void> {
    const waitedMs = this.#clock.now() - this.#lastReadyMs;
    if (mayWait && waitedMs < heldRequestsMs) await this.#clock.sleep(heldRequestsMs - waitedMs, signal);
    const served = this.#served(project, wanted);
    await this.#host.route(served, signal);
    this.#addresses = new Set(served.endpoints.map(({ address }) => address));
    this.#unready = served.unready;
  }

  #served(project: Project, wanted: Wanted) {
    const placed = [...wanted.placements];
    const services = [...project.services.values()];
    return {
      caddyfile: project.caddyfile,
      domain: project.domain,
      services: new Set(project.services.keys()),
      endpoints: this.#replicas.wantedEndpoints(wanted).filter((one) => !this.#isTooEarly(one, wanted)),
      statics: new Map(
        placed.flatMap(([name, placement]) => (placement.kind === 'static' ? [[name, placement.root] as const] : [])),
      ),
      pages: new Set(
        services.flatMap(({ name, start }) =>
          start?.kind === 'static' && wanted.placements.get(name)?.kind === 'container' ? [name] : [],
        ),
      ),
      contained: new Set(placed.flatMap(([name, { kind }]) => (kind === 'container' ? [name] : []))),
      unready: this.#replicas.unready(wanted),
      mounts: services.flatMap(({ isEdge, hints }) => (isEdge ? (hints?.mounts ?? []) : [])),
    } satisfies Served;
  }

  /**
   * A process that is added to others which serve already: asked before it listens it would count as failed, and be left out for a
   * second after it is ready (decision 5). Where all of them start, requests wait for whichever is the first.
   */
  #isTooEarly({ service, replica, address }: Endpoint, wanted: Wanted): boolean {
    if (this.#addresses.has(address) || wanted.placements.get(service)?.kind !== 'process') return false;
    const ready = this.#replicas.all().filter((one) => one.service === service && one.state.at === 'ready');
    return ready.length > 0 && ready.every(({ id }) => id !== replica);
  }

  /** Whether a replica is reached where the edge has not been told, or has become ready or unready since. */
  hasNews(wanted: Wanted): boolean {
    return this.#hasUnrouted(wanted) || this.#hasTurned(wanted);
  }

  /** Whether an event is a reason to tell the edge anew: what listens elsewhere than was expected is routed to where it does. */
  isNews(event: Event, wanted: Wanted | undefined): boolean {
    if (event.type !== 'replica') return false;
    const isReady = event.state.at === 'ready';
    if (isReady) this.#lastReadyMs = event.t;
    if (!this.#host.kind || !wanted) return false;
    return (isReady && this.#hasUnrouted(wanted)) || this.#hasTurned(wanted);
  }

  #hasUnrouted(wanted: Wanted): boolean {
    return this.#replicas.wantedEndpoints(wanted).some(({ address }) => !this.#addresses.has(address));
  }

  #hasTurned(wanted: Wanted): boolean {
    if (!this.#unready) return false;
    const unready = this.#replicas.unready(wanted);
    return unready.size !== this.#unready.size || [...unready].some((id) => !this.#unready?.has(id));
  }
}
