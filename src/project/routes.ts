import type { Found } from './discover.ts';
import { frontOf, namedFront } from './front.ts';
import type { HttpPort } from './http-mentions.ts';
import { mentionsOf } from './http-mentions.ts';
import { httpPortOf, workerName } from './http-port.ts';
import { isDnsLabel, toDnsLabel } from './name.ts';
import type { Service } from './types.ts';

/** Where each service that speaks HTTP does so in its container, by name, in the order of the file. */
export function httpPortsOf(services: readonly Service[]): ReadonlyMap<string, HttpPort> {
  const mentions = mentionsOf(services);
  return new Map(
    services.flatMap((service) => {
      const found = httpPortOf(service, mentions, services);
      return found ? [[service.name, found] as const] : [];
    }),
  );
}

/**
 * A Caddyfile for a compose file that has none: every service that speaks HTTP under its own name, and the
 * one that looks like the front page under the project's domain too. `others` have turned out to speak something else.
 */
export function routesOfServices(
  services: Iterable<Service>,
  name: string,
  others: ReadonlySet<string> = new Set(),
): string {
  const all = [...services];
  const guessed = httpPortsOf(all);
  const ports = new Map([...guessed].filter(([service]) => !others.has(service)));
  // still named: what is published does not change with what is found out
  const notes = [...guessed].flatMap(([service, { port }]) =>
    others.has(service) ? [`# ${service}:${port} does not speak HTTP\n`] : [],
  );
  const routed = all.filter((service) => ports.has(service.name));
  const front = frontOf(routed, all, mentionsOf(all));
  const labels = hostLabels(routed.map((service) => service.name));
  const domain = `{$CAMP_DOMAIN:${name}.localhost}`;
  const sites = [...ports].map(([service, port]) => {
    const own = `${labels.get(service)}.${domain}`;
    return `${service === front?.name ? `${domain}, ${own}` : own} {\n${proxyLines(service, port)}}\n`;
  });
  if (sites.length > 0) return [...notes, sites.join('\n')].join('');
  return `${notes.join('')}${domain} {\n\trespond "no service of ${name} speaks HTTP" 404\n}\n`;
}

function proxyLines(service: string, { port, scheme }: HttpPort): string {
  if (scheme === 'http') return `\treverse_proxy ${service}:${port}\n`;
  // its certificate is for the container's own name, if for any; what it says goes over loopback only
  return `\treverse_proxy https://${service}:${port} {\n\t\ttransport http {\n\t\t\ttls_insecure_skip_verify\n\t\t}\n\t}\n`;
}

/**
 * A DNS label for each service. One that is a label already keeps its name, whatever comes before it; of
 * others with the same label the later ones get a number.
 */
export function hostLabels(names: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set(names.filter(isDnsLabel));
  const labels = new Map<string, string>();
  for (const name of names) {
    const label = isDnsLabel(name) ? name : toDnsLabel(name, 'service');
    let own = label;
    if (!isDnsLabel(name)) {
      for (let n = 2; taken.has(own); n++) own = `${label.slice(0, 60)}-${n}`;
      taken.add(own);
    }
    labels.set(name, own);
  }
  return labels;
}

/** A Caddyfile for services that were found in folders: the front page at `/`, the others below `/api/`. */
export function routesOfFound(found: readonly Found[], name: string): string {
  const routed = found.length === 1 ? found : found.filter((each) => !workerName.test(each.name));
  const front =
    namedFront(routed) ??
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
