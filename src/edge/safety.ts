import { isObject, type JsonObject, objectAt, objectsOf } from './json.ts';
import { asksForReplicas } from './names.ts';

/** How long a request waits for an upstream to come back, and how often it is tried meanwhile. */
const tryWindow = { try_duration: '5s', try_interval: '20ms' };
/** Where Caddy asks for the replicas: a single one is tried each 20 ms too, since it is out for every other try. */
const asking = { try_interval: '10ms', fail_duration: '15ms' };

/**
 * What makes a reverse_proxy safe while services restart; whatever the Caddyfile says itself stays.
 *
 * With several upstreams one failure takes an upstream out, for one second only: camp starts a dead
 * replica again within that time, so a longer absence would only shrink the pool, and without any the
 * least loaded upstream would be the dead one, at each retry again. With a single upstream passive checks
 * would turn one error into a second of 503. Where Caddy asks for the replicas, nobody knows whether there is one or
 * several: there a failure counts for the next try of a request that waits, enough to find another replica.
 */
export function makeSafe(handler: JsonObject): void {
  handler.stream_close_delay ??= '5m';
  const isAsking = asksForReplicas(handler);
  const written = isObject(handler.load_balancing) ? handler.load_balancing : {};
  if (written.try_duration === undefined && written.retries === undefined) {
    const balancing = objectAt(handler, 'load_balancing');
    balancing.try_duration = tryWindow.try_duration;
    balancing.try_interval ??= (isAsking ? asking : tryWindow).try_interval;
  }
  if (objectsOf(handler.upstreams).length < 2 && !isAsking) return;
  objectAt(handler, 'load_balancing').selection_policy ??= { policy: 'least_conn' };
  const checks = objectAt(handler, 'health_checks');
  checks.passive ??= { fail_duration: isAsking ? asking.fail_duration : '1s', max_fails: 1 };
}
