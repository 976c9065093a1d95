import { builtImageOf } from './dockerfile.ts';
import type { Mentions } from './http-mentions.ts';
import { factsOf, frontNames } from './http-port.ts';
import { imageFacts, imageName } from './images.ts';
import type { Service } from './types.ts';

/** Names of what stands in front of others. */
const proxyName =
  /(?:^|[-_.])(?:nginx|proxy|traefik|caddy|gateway|ingress|edge|lb|load-?balancer|router|haproxy|envoy|kong|apache|varnish)(?:$|[-_.\d])/;
/** Where a page for everybody is published, the likeliest first. */
const frontDoors = [80, 443, 8080, 8443, 8000];

/**
 * The service of the page that people open first, among those that speak HTTP: what stands in front of the
 * others, else what is called so, else what is published where pages are.
 */
export function frontOf(routed: readonly Service[], all: readonly Service[], mentions: Mentions): Service | undefined {
  const proxies = routed.filter((service) => isFrontProxy(service, all, mentions));
  const proxy = byDoor(proxies.filter((service) => !isByHost(service, all)));
  if (proxy) return proxy;
  const others = routed.filter((service) => !proxies.includes(service));
  const own = others.filter((service) => !isTool(service, others));
  return namedFront(own) ?? byDoor(own) ?? byDependents(own, all) ?? byDoor(proxies);
}

/** The first of what is called like a front page. */
export function namedFront<T extends { readonly name: string }>(services: readonly T[]): T | undefined {
  for (const name of frontNames) {
    const found =
      services.find((service) => service.name === name) ??
      services.find((service) => service.name.split(/[-_.]/).includes(name));
    if (found) return found;
  }
  return undefined;
}

function isFrontProxy(service: Service, all: readonly Service[], mentions: Mentions): boolean {
  const built = builtImageOf(service);
  if (doorOf(service) === undefined || !factsOf(service, built)?.isProxy) return false;
  return (
    mentions.fronts.has(service.name) ||
    standsBefore(service, all) ||
    proxyName.test(service.name) ||
    seesEngine(service)
  );
}

/** It waits for something that runs beside it, not only for what prepares its files and ends. */
function standsBefore({ dependsOn }: Service, all: readonly Service[]): boolean {
  return all.some(
    (other) => dependsOn.has(other.name) && !other.isOneShot && (other.build !== undefined || !isBareTool(other)),
  );
}

/** An image without anything in it but a shell. */
function isBareTool({ image }: Service): boolean {
  return image !== undefined && /^(?:library\/)?(?:busybox|alpine|debian|ubuntu)$/.test(imageName(image).repository);
}

/** It finds its backends by asking the engine, as Traefik and nginx-proxy do. */
function seesEngine({ hints }: Service): boolean {
  return hints?.mounts?.some(({ source }) => source.endsWith('docker.sock')) ?? false;
}

/** It answers only for host names that labels of others say, so for none of ours. */
function isByHost(service: Service, all: readonly Service[]): boolean {
  if (!seesEngine(service)) return false;
  const rules = all.flatMap(({ env, hints }) => [
    ...Object.entries(hints?.labels ?? {}).flatMap(([name, value]) =>
      /^traefik\..*\.rule$/i.test(name) || /^caddy(?:_\d+)?$/i.test(name) ? [value] : [],
    ),
    ...(env['VIRTUAL_HOST'] ? ['Host'] : []),
  ]);
  return rules.length > 0 && rules.every((rule) => !/^\s*Path/.test(rule));
}

/** Consoles of other people's programs, where there are services of the project's own. */
function isTool(service: Service, routed: readonly Service[]): boolean {
  const isForeign = ({ image, build }: Service): boolean => {
    const facts = !build && image !== undefined ? imageFacts(image) : undefined;
    return facts !== undefined && !facts.isProxy;
  };
  return isForeign(service) && routed.some((other) => !isForeign(other));
}

/** How likely its published port is where a page would be, 0 first; a host port says more than one in the container. */
function doorOf({ ports }: Service): number | undefined {
  const tcp = ports.filter(({ protocol }) => protocol === 'tcp');
  const ranks = [
    ...tcp.map(({ host, container }) => frontDoors.indexOf(host ?? container)),
    ...tcp.map(({ container }) => frontDoors.indexOf(container) + frontDoors.length),
  ];
  const [best] = ranks.filter((rank, i) => rank >= (i < tcp.length ? 0 : frontDoors.length)).sort((a, b) => a - b);
  return best;
}

function byDoor(services: readonly Service[]): Service | undefined {
  const rank = (service: Service): number => doorOf(service) ?? Number.POSITIVE_INFINITY;
  return services.filter((service) => doorOf(service) !== undefined).sort((a, b) => rank(a) - rank(b))[0];
}

/** What needs others and is needed by none, else the first that is published, else the first. */
function byDependents(services: readonly Service[], all: readonly Service[]): Service | undefined {
  const needed = new Set(all.flatMap(({ dependsOn }) => [...dependsOn.keys()]));
  const roots = services.filter(({ name }) => !needed.has(name));
  const isPublished = ({ ports }: Service): boolean => ports.some(({ protocol }) => protocol === 'tcp');
  return (
    roots.find((service) => service.dependsOn.size > 0 && isPublished(service)) ??
    services.find(isPublished) ??
    roots[0] ??
    services[0]
  );
}
