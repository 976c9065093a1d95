import { resolve } from 'node:path';
import type { Endpoint } from '../../kit/events.ts';
import { entriesOf, isObject, type JsonObject, objectAt, objectsOf, stringsOf } from '../json.ts';
import { type Mounted, rootsOnThisMachine } from '../mounted.ts';
import { securedByLocalCa } from '../tls.ts';
import { replaceUpstreams, servicesOf } from '../upstreams.ts';
import { everywhere, type Place, walkRoutes } from '../walk.ts';
import { type Losses, servicesKey } from './read-handler.ts';
import { rulesOf } from './read-routes.ts';
import type { Host, Rule, Site } from './types.ts';

export interface SiteInput {
  /** What Caddy made of the Caddyfile; not changed. */
  readonly adapted: JsonObject;
  readonly domain: string;
  /** The project's folder, which relative roots are meant from. */
  readonly dir: string;
  readonly services: ReadonlySet<string>;
  readonly endpoints: readonly Endpoint[];
  /** Services that are only files: name to folder, absolute. */
  readonly statics: ReadonlyMap<string, string>;
  readonly mounts?: readonly Mounted[];
}

/**
 * The site that an adapted Caddyfile describes, with the endpoints in the place of the services' names. What another
 * server could not be told is named in it, one way or the other.
 */
export function readSite(input: SiteInput): Site {
  const refused: string[] = [];
  const omitted: string[] = [];
  const losses: Losses = { refuse: (what) => void refused.push(what), omit: (what) => void omitted.push(what) };
  const config = structuredClone(input.adapted);
  const apps = objectAt(config, 'apps');
  const http = objectAt(apps, 'http');
  for (const name of Object.keys(apps)) if (!['http', 'tls', 'pki'].includes(name)) refused.push(`the app ${name}`);
  if (config.logging !== undefined) omitted.push('log');
  readTls(apps, losses);
  rootsOnThisMachine(http, input.mounts ?? []);
  for (const [, server] of entriesOf(http.servers)) withAddresses(server, input);
  const secured = securedByLocalCa(apps, input.domain);
  const hosts = entriesOf(http.servers).flatMap(([name, server]) => {
    const { isTls = false, hasRedirects = false } = secured.get(name) ?? {};
    readServer(server, isTls ? String(http.https_port ?? 443) : String(http.http_port ?? 80), losses);
    return hostsIn(server, losses).map(
      (each): Host => ({ ...each, isTls, isRedirected: hasRedirects, rules: rulesOf(each.routes, losses) }),
    );
  });
  if (hosts.length === 0) refused.push('a Caddyfile without a site');
  return {
    hosts: hosts.map(({ names, isTls, isRedirected, rules }) => ({
      names,
      isTls,
      isRedirected,
      rules: rules.map((rule) => absolute(rule, input.dir)),
    })),
    refused: [...new Set(refused)],
    omitted: [...new Set(omitted)],
  };
}

function absolute(rule: Rule, dir: string): Rule {
  return rule.action.kind === 'files'
    ? { ...rule, action: { ...rule.action, root: resolve(dir, rule.action.root) } }
    : rule;
}

/** Who issues the certificates is each server's own matter; who may connect is not. */
function readTls(apps: JsonObject, losses: Losses): void {
  if (apps.tls !== undefined) losses.omit('tls (where certificates come from)');
  for (const [, server] of entriesOf(objectAt(apps, 'http').servers))
    for (const { match: _, certificate_selection: __, ...rest } of objectsOf(server.tls_connection_policies))
      for (const key of Object.keys(rest)) losses.refuse(`tls ${key}`);
}

function withAddresses(server: JsonObject, input: SiteInput): void {
  const visit = (handler: JsonObject, place: Place): boolean => {
    if (handler.handler !== 'reverse_proxy') return true;
    const named = servicesOf(handler, input.services);
    const root = named.map((name) => input.statics.get(name)).find((each) => each !== undefined);
    if (root !== undefined && named.every((name) => input.statics.has(name))) {
      for (const key of Object.keys(handler)) delete handler[key];
      Object.assign(handler, { handler: 'file_server', root, hide: ['.*'], strip: place.prefix });
      return false;
    }
    replaceUpstreams(handler, place, input);
    handler[servicesKey] = named;
    return true;
  };
  walkRoutes(server.routes, everywhere, visit);
}

function readServer(server: JsonObject, port: string, losses: Losses): void {
  for (const address of stringsOf(server.listen))
    if (!address.endsWith(`:${port}`)) losses.refuse(`a site at ${address}`);
  if (isObject(server.errors)) losses.refuse('handle_errors');
  if (server.logs !== undefined) losses.omit('log');
  const known = ['listen', 'routes', 'errors', 'logs', 'tls_connection_policies', 'automatic_https', 'named_routes'];
  for (const key of Object.keys(server)) if (!known.includes(key)) losses.refuse(`servers ${key}`);
}

interface Named {
  readonly names: readonly string[];
  readonly routes: JsonObject[];
}

/** A site with names is one route at the top with nothing but its hosts; all others belong to every host. */
function hostsIn(server: JsonObject, losses: Losses): readonly Named[] {
  const routes = objectsOf(server.routes);
  const named = routes.filter((route) => objectsOf(route.match).some((set) => set.host !== undefined));
  const rest = routes.filter((route) => !named.includes(route));
  const hosts = named.map((route): Named => {
    const sets = objectsOf(route.match);
    const names = sets.flatMap((set) => stringsOf(set.host));
    for (const name of names) if (!/^(\*\.)?[A-Za-z0-9.-]+$/.test(name)) losses.refuse(`a site called ${name}`);
    const paths = sets.filter((set) => set.path !== undefined);
    if (paths.length > 0) losses.refuse('a site for one path');
    for (const key of sets.flatMap((set) => Object.keys(set)))
      if (key !== 'host' && key !== 'path') losses.refuse(`the matcher ${key}`);
    return { names, routes: [{ handle: route.handle ?? [] }] };
  });
  return rest.length > 0 ? [...hosts, { names: [], routes: rest }] : hosts;
}
