import type { Endpoint } from '../kit/events.ts';
import { isObject, type Json, type JsonObject, objectsOf } from './json.ts';
import { askedName, askingFor, targetOf } from './names.ts';
import { fileServer } from './static-files.ts';
import type { Place } from './walk.ts';

export interface UpstreamInput {
  readonly services: ReadonlySet<string>;
  readonly endpoints: readonly Endpoint[];
  readonly statics: ReadonlyMap<string, string>;
  /** Services that are only files and run in containers. */
  readonly pages?: ReadonlySet<string>;
  /** The endpoints are those of containers as their neighbours see them. */
  readonly isContained?: boolean;
  /** Services in containers: their replicas are asked for while requests come, where that is possible. */
  readonly contained?: ReadonlySet<string>;
  /** Replicas that are not ready: they are not named while another one is. */
  readonly unready?: ReadonlySet<string>;
  /** Who answers: `unix/.camp/run/names.sock`; absent where Caddy could ask nobody. */
  readonly resolver?: string;
}

/** Addresses by the name that Caddy asks for. */
export type Names = Map<string, readonly string[]>;

/** The services that a reverse_proxy handler names, in its order. */
export function servicesOf(handler: JsonObject, services: ReadonlySet<string>): string[] {
  const hosts = objectsOf(handler.upstreams).map((upstream) => hostOf(upstream.dial));
  const dynamic = dynamicSources(handler.dynamic_upstreams).map((source) => source.name);
  return [...new Set([...hosts, ...dynamic])].filter(
    (name): name is string => typeof name === 'string' && services.has(name),
  );
}

/** `orders` of `orders:8080` or `tcp/orders:8080`. */
function hostOf(dial: Json | undefined): string | undefined {
  return partsOf(dial)?.name;
}

function partsOf(dial: Json | undefined): (Named & { readonly name: string }) | undefined {
  if (typeof dial !== 'string' || dial.startsWith('unix')) return undefined;
  const [, name, port] = /^(?:[a-z0-9]+\/)?([^:/]+)(?::(\d+))?$/i.exec(dial) ?? [];
  return name === undefined ? undefined : { name, port };
}

/** A host as the Caddyfile names it, with its port. */
interface Named {
  readonly name: Json | undefined;
  readonly port?: Json | undefined;
}

function dynamicSources(value: Json | undefined): JsonObject[] {
  if (!isObject(value)) return [];
  return Array.isArray(value.sources) ? objectsOf(value.sources).flatMap(dynamicSources) : [value];
}

/**
 * Puts live endpoints in the place of service names, in one reverse_proxy handler. A service without an
 * endpoint leaves no upstream: Caddy then holds a request for the try window and answers 503.
 * A service that is only files replaces the handler; replicas in containers are asked for, by names that are added
 * to `names`. Returns warnings.
 */
export function replaceUpstreams(
  handler: JsonObject,
  place: Place,
  input: UpstreamInput,
  names: Names = new Map(),
): string[] {
  const named = servicesOf(handler, input.services);
  if (named.length === 0) return [];
  const root = named.map((name) => input.statics.get(name)).find((each) => each !== undefined);
  if (root !== undefined && named.every((name) => input.statics.has(name))) {
    for (const key of Object.keys(handler)) delete handler[key];
    Object.assign(handler, fileServer(root, place.prefix));
    return [];
  }
  const written = objectsOf(handler.upstreams);
  const asked = askInstead(handler, input);
  if (asked) {
    names.set(asked.name, asked.addresses);
    if (named.every((name) => input.pages?.has(name))) askAgain(handler);
    return [];
  }
  const expanded = written.map((upstream) => expand(upstream, input));
  // The port of `dynamic srv` comes with the answer; `dynamic a` has one of its own.
  const sources = dynamicSources(handler.dynamic_upstreams).map(({ name, port }): Named => ({ name, port }));
  const found = sources.map((source) => addressesOf(source, input));
  const dynamic = found.flatMap((addresses) => addresses ?? []);
  if (found.some((addresses) => addresses)) delete handler.dynamic_upstreams;
  const warnings = [...written.map((upstream) => partsOf(upstream.dial)), ...sources].flatMap((each) =>
    unpublished(each, input),
  );
  spreadWeights(
    isObject(handler.load_balancing) ? handler.load_balancing.selection_policy : undefined,
    expanded.map((each) => each.length),
  );
  const all = [...expanded.flat(), ...dynamic.map((dial) => ({ dial }))];
  handler.upstreams = [...new Map(all.map((upstream) => [String(upstream.dial), upstream])).values()];
  if (!input.isContained) freeHealthPort(handler);
  if (named.every((name) => input.pages?.has(name))) askAgain(handler);
  return warnings;
}

/**
 * Has Caddy ask for the replicas: what then comes and goes is no other configuration, and a new one turns visitors
 * away. Not where an upstream is more than an address, and not for a service without any: nobody could answer that.
 */
function askInstead(
  handler: JsonObject,
  input: UpstreamInput,
): { readonly name: string; readonly addresses: readonly string[] } | undefined {
  const written = objectsOf(handler.upstreams);
  const places = written.map((upstream) => partsOf(upstream.dial));
  if (input.resolver === undefined || !isPlain(handler)) return undefined;
  if (!places.every((one) => one && input.contained?.has(one.name))) return undefined;
  const name = askedName(places.flatMap((one) => [String(one?.name), String(one?.port ?? 'any')]));
  const all = places.flatMap((one) => addressesOf(one, input) ?? []);
  const targets = all.map(targetOf);
  const isOwn = targets[0]?.isOwn;
  if (name === undefined || isOwn === undefined || targets.some((one) => one?.isOwn !== isOwn)) return undefined;
  const ready = input.endpoints.filter(({ replica }) => !input.unready?.has(replica));
  const served = places.flatMap((one) => addressesOf(one, { ...input, endpoints: ready }) ?? []);
  delete handler.upstreams;
  handler.dynamic_upstreams = askingFor(name, input.resolver, isOwn);
  if (isOwn)
    handler.transport = { protocol: 'http', ...own(handler.transport), resolver: { addresses: [input.resolver] } };
  return { name, addresses: [...new Set(served.length > 0 ? served : all)] };
}

/** What says nothing about an upstream that an answer could not say. */
function isPlain(handler: JsonObject): boolean {
  const { policy, fallback } = own(own(handler.load_balancing).selection_policy);
  const isWeighted = [policy, own(fallback).policy].includes('weighted_round_robin');
  const { protocol = 'http', tls, resolver, network_proxy, local_address } = own(handler.transport);
  return (
    objectsOf(handler.upstreams).every(
      ({ dial, ...rest }) => /^(?:tcp\/)?[^/]+$/.test(String(dial)) && Object.keys(rest).length === 0,
    ) &&
    handler.dynamic_upstreams === undefined &&
    own(handler.health_checks).active === undefined &&
    protocol === 'http' &&
    [tls, resolver, network_proxy, local_address].every((one) => one === undefined) &&
    !isWeighted &&
    !JSON.stringify(handler).includes('reverse_proxy.upstream.')
  );
}

function own(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/**
 * Files in a container are answered as those that the edge serves itself: browsers ask again each time, unless the
 * container or the Caddyfile says otherwise. A name that must be absent has no values (Caddy's ResponseMatcher).
 */
function askAgain(handler: JsonObject): void {
  const headers = isObject(handler.headers) ? handler.headers : {};
  if (headers.response !== undefined) return;
  const absent = { headers: { 'Cache-Control': null } };
  handler.headers = { ...headers, response: { set: { 'Cache-Control': ['no-cache'] }, require: absent } };
}

function expand(upstream: JsonObject, input: UpstreamInput): JsonObject[] {
  const addresses = addressesOf(partsOf(upstream.dial), input);
  return addresses ? addresses.map((dial) => ({ ...upstream, dial })) : [upstream];
}

/** Addresses of a service's endpoints that lead to the named port; undefined for what is no service. */
function addressesOf(named: Named | undefined, input: UpstreamInput): string[] | undefined {
  if (typeof named?.name !== 'string' || !input.services.has(named.name)) return undefined;
  return endpointsOf(named, input)
    .filter(({ containerPort }) => containerPort === undefined || leadsTo(named, containerPort))
    .map(({ address }) => address);
}

function endpointsOf(named: Named, input: UpstreamInput): readonly Endpoint[] {
  return input.endpoints.filter(({ service }) => service === named.name);
}

/** A port that only Caddy knows (a placeholder, none at all) may be any. */
function leadsTo(named: Named, containerPort: number): boolean {
  return Number.isNaN(Number(named.port ?? Number.NaN)) || Number(named.port) === containerPort;
}

function unpublished(named: Named | undefined, input: UpstreamInput): string[] {
  if (!named || addressesOf(named, input)?.length !== 0) return [];
  const ports = [...new Set(endpointsOf(named, input).map(({ containerPort }) => containerPort))];
  if (ports.length === 0) return [];
  return [
    `port ${String(named.port)} of "${String(named.name)}" is not published (${ports.join(', ')} is): requests for it are answered 503`,
  ];
}

/** `weighted_round_robin 9 1` weighs what was written; each replica gets its share of the written weight. */
function spreadWeights(policy: Json | undefined, counts: readonly number[]): void {
  if (!isObject(policy)) return;
  spreadWeights(policy.fallback, counts);
  if (!Array.isArray(policy.weights) || policy.weights.length !== counts.length) return;
  const scale = counts.filter((count) => count > 0).reduce(leastCommonMultiple, 1);
  policy.weights = policy.weights.flatMap((weight, i) => {
    const count = counts[i] ?? 0;
    return Array.from({ length: count }, () => (Number(weight) * scale) / count);
  });
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a * b) / divisor(a, b);
}

/** `health_port 8080` is the port inside a container; here the endpoint's own port is meant. */
function freeHealthPort(handler: JsonObject): void {
  const active = isObject(handler.health_checks) ? handler.health_checks.active : undefined;
  if (isObject(active)) delete active.port;
}
