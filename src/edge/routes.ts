import { entriesOf, type JsonObject, isObject, objectsOf, stringsOf } from './json.ts';
import type { ServerHosts } from './tls.ts';
import type { Route } from './types.ts';
import { servicesOf } from './upstreams.ts';
import { everywhere, type Place, walkRoutes } from './walk.ts';

interface Candidate {
  readonly url: string;
  readonly isConditional: boolean;
  readonly pathLength: number;
}

/**
 * The best URL of each service that the configuration routes to, in the order of the text: without extra
 * conditions before with, a shorter path before a longer one. Read before upstreams are replaced.
 */
export function routesOf(http: JsonObject, services: ReadonlySet<string>, byServer: ReadonlyMap<string, ServerHosts>): readonly Route[] {
  const found = new Map<string, Candidate>();
  for (const [name, server] of entriesOf(http.servers)) {
    const isTls = byServer.get(name)?.isTls ?? false;
    walkRoutes(server.routes, everywhere, (handler, place) => {
      if (handler.handler !== 'reverse_proxy' || isSubrequest(handler)) return;
      const candidate = candidateAt(server, isTls, place);
      if (!candidate) return;
      for (const service of servicesOf(handler, services)) {
        const known = found.get(service);
        if (!known || isBetter(candidate, known)) found.set(service, candidate);
      }
    });
  }
  return [...found].map(([service, { url }]) => ({ service, url }));
}

/** `forward_auth` asks a service on behalf of a request; it is no way in. */
function isSubrequest(handler: JsonObject): boolean {
  const rewrite = isObject(handler.rewrite) ? handler.rewrite : {};
  return rewrite.method === 'GET' && rewrite.uri !== undefined && objectsOf(handler.handle_response).length > 0;
}

function candidateAt(server: JsonObject, isTls: boolean, place: Place): Candidate | undefined {
  const host = place.hosts ? place.hosts.find((each) => !/[*{]/.test(each)) : isTls ? undefined : 'localhost';
  const port = /:(\d+)$/.exec(stringsOf(server.listen)[0] ?? '')?.[1];
  if (host === undefined || port === undefined || place.path === undefined) return undefined;
  const authority = port === (isTls ? '443' : '80') ? host : `${host}:${port}`;
  return {
    url: `${isTls ? 'https' : 'http'}://${authority}${place.path}`,
    isConditional: place.isConditional,
    pathLength: place.path.length,
  };
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.isConditional !== b.isConditional) return b.isConditional;
  return a.pathLength < b.pathLength;
}
