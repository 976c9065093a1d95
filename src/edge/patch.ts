import { type AccessLog, accessLogFields, logAccess } from './access-log.ts';
import { correlationRoutes } from './correlation.ts';
import { entriesOf, isObject, type JsonObject, objectAt, objectsOf, stringsOf } from './json.ts';
import { bindToLoopback, listenHosts } from './listen.ts';
import { rootsOnThisMachine } from './mounted.ts';
import { noSuchSite, redirectServer, redirectToHttps } from './redirect.ts';
import { routesOf } from './routes.ts';
import { makeSafe } from './safety.ts';
import { securedByLocalCa } from './tls.ts';
import type { EdgePorts, Route, Wanted } from './types.ts';
import { type Names, replaceUpstreams } from './upstreams.ts';
import { everywhere, walkRoutes } from './walk.ts';

export interface PatchInput extends Omit<Wanted, 'caddyfile'> {
  /** What Caddy made of the Caddyfile; not changed. */
  readonly adapted: JsonObject;
  readonly ports: EdgePorts;
  readonly hasIpv6: boolean;
  /** The Caddy runs in a container, beside those of the services. */
  readonly isContained?: boolean;
  /** Who tells Caddy where the replicas of services in containers are; absent where it can ask nobody. */
  readonly resolver?: string;
  /** Addresses that Caddy inherits as open sockets: `127.0.0.1:443` to `fd/3`. */
  readonly sockets?: ReadonlyMap<string, string>;
  readonly storage: string;
  /** Address of the private admin socket: `unix/.camp/run/admin.sock|0600`. */
  readonly adminListen: string;
  /** Where each request's line goes; absent: nowhere but where the Caddyfile says. */
  readonly accessLog?: AccessLog;
  /** Named in the configuration, so that the admin socket can be asked whose Caddy it is. */
  readonly id: string;
}

export interface Patched {
  readonly config: JsonObject;
  readonly routes: readonly Route[];
  /** What the resolver is to answer: addresses by name. */
  readonly names: Names;
  readonly warnings: readonly string[];
}

/** Turns an adapted Caddyfile into what this machine loads. Pure: same input, same output. */
export function patch(input: PatchInput): Patched {
  const config = structuredClone(input.adapted);
  const apps = objectAt(config, 'apps');
  const http = objectAt(apps, 'http');
  rootsOnThisMachine(http, input.mounts ?? []);
  const names: Names = new Map();
  const warnings = bindToLoopback(http, input);
  const byServer = securedByLocalCa(apps, input.domain);
  const routes = routesOf(http, input.services, input.domain, byServer);
  redirectToHttps(http, input.ports, listenHosts(input), byServer);
  for (const [name, server] of entriesOf(http.servers))
    if (name !== redirectServer) warnings.push(...patchServer(server, input, names));
  for (const [, server] of entriesOf(http.servers))
    server.listen = stringsOf(server.listen).map((address) => input.sockets?.get(address) ?? address);
  // A graceful end must not wait for a browser that keeps a connection open.
  http.grace_period ??= '500ms';
  config.logging = quiet(config.logging);
  if (input.accessLog) logAccess(config, http.servers, input.accessLog);
  return {
    config: { ...config, ...privateParts(input) },
    routes,
    names,
    warnings: [...new Set(warnings)],
  };
}

/** The parts that are camp's, whatever the Caddyfile says: admin socket and storage. */
export function privateParts(input: Pick<PatchInput, 'storage' | 'adminListen' | 'id'>): JsonObject {
  return {
    admin: { listen: input.adminListen, config: { persist: false } },
    storage: { '@id': input.id, module: 'file_system', root: input.storage },
  };
}

/** Caddy reports what is wrong, not what it does, unless the Caddyfile says otherwise. */
export function quiet(logging: JsonObject[string]): JsonObject {
  const own = isObject(logging) ? logging : {};
  const logs = isObject(own.logs) ? own.logs : {};
  const standard = isObject(logs.default) ? logs.default : {};
  return { ...own, logs: { ...logs, default: { level: 'WARN', ...standard } } };
}

/** Returns warnings; adds to `names`. */
function patchServer(server: JsonObject, input: PatchInput, names: Names): string[] {
  const warnings: string[] = [];
  const visit = (handler: JsonObject, place: Parameters<typeof replaceUpstreams>[1]): boolean => {
    if (handler.handler !== 'reverse_proxy') return true;
    warnings.push(...replaceUpstreams(handler, place, input, names));
    if (handler.handler !== 'reverse_proxy') return false;
    makeSafe(handler);
    return true;
  };
  walkRoutes(server.routes, everywhere, visit);
  if (isObject(server.errors)) walkRoutes(server.errors.routes, everywhere, visit);
  for (const [, route] of entriesOf(server.named_routes)) walkRoutes([route], everywhere, visit);
  // HTTP/3 needs UDP ports of its own, and browsers refuse it with a local CA.
  server.protocols ??= ['h1', 'h2'];
  const routes = objectsOf(server.routes);
  const hasCatchAll = routes.some((route) => !route.match);
  const isNamed = routes.length > 0 && !hasCatchAll && stringsOf(server.listen).length > 0;
  const first = [...correlationRoutes(), ...(input.accessLog ? [{ handle: accessLogFields() }] : [])];
  server.routes = [...first, ...routes, ...(isNamed ? [noSuchSite] : [])];
  return warnings;
}
