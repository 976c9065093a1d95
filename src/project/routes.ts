import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Found } from './discover.ts';
import { isDnsLabel, toDnsLabel } from './name.ts';
import type { Port, Service } from './types.ts';

/** What looks like the page that people open first, the likeliest first. */
const frontNames = ['web', 'frontend', 'front', 'app', 'www', 'ui', 'client', 'site', 'gateway'];
/** Processes that wait for work rather than for requests. */
const workerName =
  /(?:^|[-_.])(?:workers?|cron|scheduler|queue|consumer|jobs?|beat|sidekiq|migrat\w*|seed|init|setup)(?:$|[-_.\d])/;
const serverName = /(?:^|[-_.])(?:api|backend|server|service|auth|graphql|admin|dashboard)(?:$|[-_.\d])/;
/** Images whose protocol is not HTTP, by their last name. */
const otherProtocol =
  /(?:^|\/)(?:postgres|postgis|pgvector|timescaledb|mysql|mariadb|percona|redis|valkey|keydb|dragonfly|memcached|mongo|nats|rabbitmq|kafka|cp-kafka|redpanda|zookeeper|etcd|mosquitto|cassandra|scylla|mssql|server-ce|oracle\w*|cockroach)[^/]*$/;
const otherPorts = new Set<Port>([
  20, 21, 22, 25, 53, 110, 143, 443, 465, 587, 1025, 1433, 1521, 1883, 2181, 3306, 4222, 5432, 5672, 6379, 6432, 8443,
  9092, 11211, 27017,
]);

/**
 * A Caddyfile for a compose file that has none: every service that speaks HTTP under its own name, and the
 * one that looks like the front page under the project's domain too.
 */
export function routesOfServices(services: Iterable<Service>, name: string): string {
  const candidates = [...services].filter((service) => !service.isEdge && !service.isOneShot);
  const routed = candidates.flatMap((service) => {
    const port = httpPort(service, candidates.length === 1);
    return port === undefined ? [] : [{ service, port }];
  });
  const front = frontOf(routed.map(({ service }) => service)) ?? (routed.length === 1 ? routed[0]?.service : undefined);
  const domain = `{$CAMP_DOMAIN:${name}.localhost}`;
  const sites = routed.map(({ service, port }) => {
    const own = `${hostLabel(service.name)}.${domain}`;
    return `${service === front ? `${domain}, ${own}` : own} {\n\treverse_proxy ${service.name}:${port}\n}\n`;
  });
  return sites.length > 0 ? sites.join('\n') : `${domain} {\n\trespond "no service of ${name} speaks HTTP" 404\n}\n`;
}

function hostLabel(name: string): string {
  return isDnsLabel(name) ? name : toDnsLabel(name, 'service');
}

function frontOf<T extends { readonly name: string }>(services: readonly T[]): T | undefined {
  for (const name of frontNames) {
    const found =
      services.find((service) => service.name === name) ??
      services.find((service) => service.name.split(/[-_.]/).includes(name));
    if (found) return found;
  }
  return undefined;
}

/** The port where a service speaks HTTP in its container, undefined where nothing says that it does. */
function httpPort(service: Service, isOnly: boolean): Port | undefined {
  if (service.start?.kind === 'static') return 8080;
  if (service.image && !service.build && otherProtocol.test(service.image.split(/[:@]/)[0] ?? '')) return undefined;
  const declared = [
    ...service.ports.filter(({ protocol }) => protocol === 'tcp').map(({ container }) => container),
    ...service.expose,
  ];
  const usual = declared.find((port) => !otherPorts.has(port));
  if (usual !== undefined) return usual;
  if (declared.length > 0) return undefined;
  const known =
    Number(service.env['PORT']) ||
    dockerfilePort(service) ||
    (/(?:^|\/)(?:nginx|httpd|caddy|traefik\/whoami)(?::|@|$)/.test(service.image ?? '') ? 80 : undefined);
  if (known) return known;
  if (!service.build || workerName.test(service.name)) return undefined;
  return isOnly || service.health?.probe.kind === 'http' || serverName.test(service.name) || frontOf([service])
    ? 8080
    : undefined;
}

/** The first TCP port of the last EXPOSE in the service's Dockerfile. */
function dockerfilePort({ build }: Service): Port | undefined {
  if (!build) return undefined;
  const path = resolve(build.context, build.dockerfile ?? 'Dockerfile');
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.size > 100_000) return undefined;
  const found = [...readFileSync(path, 'utf8').matchAll(/^\s*EXPOSE\s+(\d{1,5})(?:\/tcp)?\b/gim)].at(-1);
  const port = Number(found?.[1]);
  return port > 0 && port <= 65535 && !otherPorts.has(port) ? port : undefined;
}

/** A Caddyfile for services that were found in folders: the front page at `/`, the others below `/api/`. */
export function routesOfFound(found: readonly Found[], name: string): string {
  const routed = found.length === 1 ? found : found.filter((each) => !workerName.test(each.name));
  const front =
    frontOf(routed) ??
    routed.find(({ start }) => start.kind === 'static') ??
    routed.find(({ folder }) => folder === '.') ??
    routed[0];
  const others = routed.filter((each) => each !== front);
  const lines = [
    ...others.map((each) => `\treverse_proxy /api/${each.name}/* ${each.name}:8080\n`),
    ...(front ? [`\treverse_proxy ${front.name}:8080\n`] : []),
  ];
  return `{$CAMP_DOMAIN:${name}.localhost} {\n${lines.join('')}}\n`;
}

/**
 * Beside a hand-written Caddyfile a single program takes the name that the file proxies to, where that is
 * one name: `reverse_proxy app:8080` means the one thing that can be started here.
 */
export function nameByCaddyfile(found: readonly Found[], caddyfile: string): readonly Found[] {
  const [only] = found;
  if (!only || found.length > 1) return found;
  const upstreams = [...caddyfile.matchAll(/^[^#\n]*?\breverse_proxy\s+([^{\n]+)/gm)].flatMap((each) =>
    (each[1] ?? '').trim().split(/\s+/),
  );
  const names = new Set(
    upstreams.flatMap((each) => /^(?:http:\/\/)?([a-z][a-z0-9-]*)(?::\d+)?$/.exec(each)?.[1] ?? []),
  );
  names.delete('localhost');
  const [name] = names;
  return name !== undefined && names.size === 1 && isDnsLabel(name) ? [{ ...only, name }] : found;
}
