import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { imageFacts } from './images.ts';
import type { Port, Service } from './types.ts';

export interface HttpPort {
  readonly port: Port;
  readonly scheme: 'http' | 'https';
}

/** What services say about each other: who is asked by HTTP, and where. */
export interface Mentions {
  /** Ports where others ask the service of that name by HTTP, in the order of the file. */
  readonly asked: ReadonlyMap<string, readonly HttpPort[]>;
  /** Services whose proxy configuration names another service. */
  readonly fronts: ReadonlySet<string>;
}

const url = /\b(https?|wss?):\/\/(?:[^/@\s'"]*@)?([a-z0-9](?:[\w.-]*[a-z0-9])?)(?::(\d{1,5}))?(?![\w:.-])/gi;
/** Upstreams in the words of nginx, HAProxy, Caddy and Envoy; FastCGI and its like are none. */
const upstream =
  /(?:^|[\s;{])(?:server(?:\s+\w+)?|reverse_proxy(?:\s+(?:\/\S*|\*|@\w+))?|to)\s+([a-z0-9](?:[\w.-]*[a-z0-9])?):(\d{1,5})(?![\w:.-])/gim;
const largest = 100_000;
const mostFiles = 20;

/** Reads what environments, commands and proxy configurations say about other services. Reads small files only. */
export function mentionsOf(services: readonly Service[]): Mentions {
  const byName = new Map<string, string>();
  for (const service of services)
    for (const alias of service.hints?.aliases ?? []) byName.set(alias.toLowerCase(), service.name);
  for (const { name } of services) byName.set(name.toLowerCase(), name);
  const asked = new Map<string, HttpPort[]>();
  const fronts = new Set<string>();
  for (const service of services) {
    const note = (host: string, found: HttpPort): boolean => {
      const name = byName.get(host.toLowerCase());
      if (name === undefined || name === service.name || found.port > 65535) return false;
      const known = asked.get(name) ?? [];
      if (!asked.has(name)) asked.set(name, known);
      if (!known.some(({ port }) => port === found.port)) known.push(found);
      return true;
    };
    for (const text of spokenBy(service)) readUrls(text, note);
    for (const text of configurationsOf(service)) if (readConfiguration(text, note)) fronts.add(service.name);
  }
  return { asked, fronts };
}

type Note = (host: string, found: HttpPort) => boolean;

function spokenBy({ env, hints }: Service): readonly string[] {
  return [...Object.values(env), ...Object.values(hints?.buildArgs ?? {}), (hints?.command ?? []).join(' ')].filter(
    (text) => text.includes('://'),
  );
}

function readUrls(text: string, note: Note): boolean {
  let isFront = false;
  for (const [, scheme = '', host = '', port] of text.matchAll(url)) {
    const isTls = /s$/i.test(scheme);
    if (note(host, { port: Number(port ?? (isTls ? 443 : 80)), scheme: isTls ? 'https' : 'http' })) isFront = true;
  }
  return isFront;
}

function readConfiguration(written: string, note: Note): boolean {
  const text = written.replace(/(^|\s)#[^\n]*/g, '$1');
  // the name of an upstream block hides the service of that name; its servers are what counts
  const blocks = new Set([...text.matchAll(/\bupstream\s+([\w.-]+)\s*\{/g)].map((each) => each[1]?.toLowerCase()));
  const isFastCgi = /\b(?:fastcgi|uwsgi|scgi|grpc)_pass\b/.test(text) && !/\bproxy_pass\b/.test(text);
  if (isFastCgi) return false;
  const named = readUrls(text, (host, found) => !blocks.has(host.toLowerCase()) && note(host, found));
  let isFront = named;
  for (const [, host = '', port] of text.matchAll(upstream))
    if (note(host, { port: Number(port), scheme: 'http' })) isFront = true;
  return isFront;
}

/** Texts that a proxy is configured by: what is mounted into it, or lies where it is built. */
function configurationsOf(service: Service): readonly string[] {
  const { image, build, hints, name } = service;
  const isProxy =
    (image !== undefined && imageFacts(image)?.isProxy === true) ||
    /nginx|proxy|gateway|caddy|haproxy|traefik|envoy|ingress|edge|front|web/.test(name);
  if (!isProxy) return [];
  const mounted = (hints?.mounts ?? []).filter(({ target }) =>
    /nginx|caddy|haproxy|traefik|envoy|httpd|apache|kong|proxy|conf/i.test(target),
  );
  const places = [
    ...mounted.map(({ source }) => source),
    ...(build ? [build.context, join(build.context, 'nginx')] : []),
  ];
  return places.flatMap((place) => configurationsAt(place)).slice(0, mostFiles);
}

const configurationName = /\.(?:conf|cfg|conf\.template|template)$|^(?:Caddyfile|nginx\.conf)$/i;

function configurationsAt(path: string): readonly string[] {
  try {
    const stat = statSync(path);
    if (stat.isFile()) return stat.size <= largest ? [readFileSync(path, 'utf8')] : [];
    if (!stat.isDirectory()) return [];
    const names = readdirSync(path)
      .filter((name) => configurationName.test(name))
      .sort();
    return names.slice(0, mostFiles).flatMap((name) => {
      const file = join(path, name);
      const inner = statSync(file);
      return inner.isFile() && inner.size <= largest ? [readFileSync(file, 'utf8')] : [];
    });
  } catch {
    return []; // what is missing or may not be read says nothing
  }
}
