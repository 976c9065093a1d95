import { entriesOf, isObject, type JsonObject, objectsOf, stringsOf } from './json.ts';
import type { ServerHosts } from './tls.ts';
import type { Route } from './types.ts';
import { servicesOf } from './upstreams.ts';
import { everywhere, type Place, walkRoutes } from './walk.ts';

interface Candidate {
  readonly url: string;
  readonly pathLength: number;
}

/**
 * The best URL of each service that the configuration routes to, in the order of the text: a shorter path
 * before a longer one. What a plain GET may not reach (a header decides, say) is no route. Read before
 * upstreams are replaced.
 */
export function routesOf(
  http: JsonObject,
  services: ReadonlySet<string>,
  domain: string,
  byServer: ReadonlyMap<string, ServerHosts>,
): readonly Route[] {
  const found = new Map<string, Candidate>();
  for (const [name, server] of entriesOf(http.servers)) {
    const isTls = byServer.get(name)?.isTls ?? false;
    const visit = (handler: JsonObject, place: Place): void => {
      if (handler.handler === 'invoke' && isObject(server.named_routes)) {
        const named = server.named_routes[String(handler.name)];
        if (isObject(named)) walkRoutes([named], place, visit);
      }
      if (handler.handler !== 'reverse_proxy' || isSubrequest(handler)) return;
      const candidate = candidateAt(server, isTls, domain, place);
      if (!candidate) return;
      for (const service of servicesOf(handler, services)) {
        const known = found.get(service);
        if (!known || candidate.pathLength < known.pathLength) found.set(service, candidate);
      }
    };
    walkRoutes(server.routes, everywhere, visit);
  }
  return [...found].map(([service, { url }]) => ({ service, url }));
}

/** `forward_auth` asks a service on behalf of a request; it is no way in. */
function isSubrequest(handler: JsonObject): boolean {
  const rewrite = isObject(handler.rewrite) ? handler.rewrite : {};
  return rewrite.method === 'GET' && rewrite.uri !== undefined && objectsOf(handler.handle_response).length > 0;
}

function candidateAt(server: JsonObject, isTls: boolean, domain: string, place: Place): Candidate | undefined {
  const host = place.hosts ? place.hosts.find((each) => !/[*{]/.test(each)) : isTls ? domain : 'localhost';
  const port = /:(\d+)$/.exec(stringsOf(server.listen)[0] ?? '')?.[1];
  if (host === undefined || port === undefined || place.path === undefined || place.isConditional) return undefined;
  const authority = port === (isTls ? '443' : '80') ? host : `${host}:${port}`;
  return {
    url: `${isTls ? 'https' : 'http'}://${authority}${place.path}`,
    pathLength: place.path.length,
  };
}
