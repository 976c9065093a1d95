import { entriesOf, type JsonObject, objectAt, objectsOf, stringsOf } from './json.ts';
import { hostsOf, type ServerHosts } from './tls.ts';
import type { EdgePorts } from './types.ts';

/** Name of the server that only redirects. */
export const redirectServer = 'camp_redirect';

/**
 * Plain HTTP leads to HTTPS for the project's own hosts: temporarily and uncached, because a permanent
 * redirect on localhost would stay in browsers after the project. A site that the Caddyfile serves over
 * http:// is served; other hosts are not redirected.
 */
export function redirectToHttps(
  http: JsonObject,
  ports: EdgePorts,
  listenOn: readonly string[],
  byServer: ReadonlyMap<string, ServerHosts>,
): void {
  if (ports.http === undefined) return;
  const address = `:${ports.http}`;
  const plain = entriesOf(http.servers).find(([, server]) =>
    stringsOf(server.listen).some((each) => each.endsWith(address)),
  )?.[1];
  const served = new Set(plain ? hostsOf(plain) : []);
  const secured = [...byServer].filter(([name, hosts]) => hosts.hasRedirects && listensOn(http, name, ports.https));
  const hosts = [...new Set(secured.flatMap(([, each]) => each.names))].filter((host) => !served.has(host));
  if (hosts.length === 0) return;
  const route = redirectRoute(hosts, ports.https);
  if (plain) {
    const routes = objectsOf(plain.routes);
    plain.routes = [...routes.filter((each) => each.match), route, ...routes.filter((each) => !each.match)];
    return;
  }
  objectAt(http, 'servers')[redirectServer] = {
    listen: listenOn.map((host) => `${host}${address}`),
    protocols: ['h1'],
    automatic_https: { disable: true },
    routes: [route, noSuchSite],
  };
}

function listensOn(http: JsonObject, name: string, port: number): boolean {
  const server = entriesOf(http.servers).find(([each]) => each === name)?.[1];
  return stringsOf(server?.listen).some((address) => address.endsWith(`:${port}`));
}

function redirectRoute(hosts: readonly string[], port: number): JsonObject {
  const target = port === 443 ? '{http.request.host}' : `{http.request.host}:${port}`;
  return {
    match: [{ host: [...hosts] }],
    handle: [
      {
        handler: 'static_response',
        status_code: 307,
        headers: { Location: [`https://${target}{http.request.uri}`], 'Cache-Control': ['no-store'] },
      },
    ],
    terminal: true,
  };
}

/**
 * Last route of a server whose sites all have names: with the wildcard certificate any name below the
 * domain gets through the handshake, and Caddy's empty 200 would make a mistyped host look alive.
 */
export const noSuchSite: JsonObject = {
  handle: [{ handler: 'static_response', status_code: 404, body: 'no site is called {http.request.host}\n' }],
};
