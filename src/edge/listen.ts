import { entriesOf, isObject, type JsonObject, objectAt, objectsOf, stringsOf } from './json.ts';
import type { EdgePorts } from './types.ts';

export interface ListenInput {
  readonly ports: EdgePorts;
  /** Whether the machine has ::1. */
  readonly hasIpv6: boolean;
  /** In a container everything is listened on: its ports are published on loopback only. */
  readonly isContained?: boolean;
}

/** The hosts that a server of the edge listens on; empty is all of them. */
export function listenHosts(input: Pick<ListenInput, 'hasIpv6' | 'isContained'>): readonly string[] {
  if (input.isContained) return [''];
  return input.hasIpv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1'];
}

interface Address {
  readonly network: string;
  readonly host: string;
  readonly port: string;
}

/**
 * Puts every server on loopback and on the ports that camp may bind; returns warnings. A site's address
 * in a Caddyfile is a matcher, not a bind: without this even `http://127.0.0.1:8080` listens everywhere.
 */
export function bindToLoopback(http: JsonObject, input: ListenInput): string[] {
  const warnings: string[] = [];
  const standard = { https: String(http.https_port ?? 443), http: String(http.http_port ?? 80) };
  for (const [name, server] of entriesOf(http.servers)) {
    const listen = stringsOf(server.listen).flatMap((text) => {
      const { addresses, warning } = toLoopback(text, standard, input);
      if (warning) warnings.push(warning);
      return addresses;
    });
    if (listen.length === 0 && isObject(http.servers)) delete http.servers[name];
    else server.listen = [...new Set(listen)];
  }
  http.https_port = input.ports.https;
  if (input.ports.http !== undefined) http.http_port = input.ports.http;
  mergeServers(http);
  return warnings;
}

function toLoopback(
  text: string,
  standard: { https: string; http: string },
  input: ListenInput,
): { addresses: string[]; warning?: string } {
  if (text.startsWith('unix')) return { addresses: [text] };
  const { network, host, port } = parseAddress(text);
  const wanted = port === standard.https ? input.ports.https : port === standard.http ? input.ports.http : port;
  if (wanted === undefined)
    return { addresses: [], warning: 'no port for plain HTTP could be had: the http:// sites are not served' };
  const hosts = isLoopback(host) && !input.isContained ? [host] : listenHosts(input);
  const prefix = network ? `${network}/` : '';
  return {
    addresses: hosts.map((each) => `${prefix}${each}:${wanted}`),
    ...(host === '' || isLoopback(host)
      ? {}
      : { warning: `the Caddyfile binds ${host}: camp listens on loopback only` }),
  };
}

function parseAddress(text: string): Address {
  const slash = text.indexOf('/');
  const rest = text.slice(slash + 1);
  const colon = rest.lastIndexOf(':');
  return { network: slash < 0 ? '' : text.slice(0, slash), host: rest.slice(0, colon), port: rest.slice(colon + 1) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Two servers that differed only in what they bound may now share an address, which Caddy refuses: they become one. */
function mergeServers(http: JsonObject): void {
  const kept: JsonObject[] = [];
  for (const [name, server] of entriesOf(http.servers)) {
    const addresses = new Set(stringsOf(server.listen));
    const twin = kept.find((other) => stringsOf(other.listen).some((address) => addresses.has(address)));
    if (!twin) {
      kept.push(server);
      continue;
    }
    merge(twin, server);
    if (isObject(http.servers)) delete http.servers[name];
  }
}

function merge(into: JsonObject, from: JsonObject): void {
  into.listen = [...new Set([...stringsOf(into.listen), ...stringsOf(from.listen)])];
  into.routes = specificFirst([...objectsOf(into.routes), ...objectsOf(from.routes)]);
  if (from.tls_connection_policies)
    into.tls_connection_policies = specificFirst([
      ...objectsOf(into.tls_connection_policies),
      ...objectsOf(from.tls_connection_policies),
    ]);
  if (isObject(from.errors)) {
    const errors = objectAt(into, 'errors');
    errors.routes = specificFirst([...objectsOf(errors.routes), ...objectsOf(from.errors.routes)]);
  }
  for (const [key, value] of Object.entries(from)) into[key] ??= value;
}

/** What matches everything goes last, in its order. */
function specificFirst(items: readonly JsonObject[]): JsonObject[] {
  return [...items.filter((item) => item.match), ...items.filter((item) => !item.match)];
}
