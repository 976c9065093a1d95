import { join } from 'node:path';
import { CampError } from '../kit/failure.ts';
import { addRoute } from '../project/edit/caddyfile.ts';
import { composeFacts, type ServiceFacts } from '../project/edit/compose-document.ts';
import { caddyfileHead, exposedPort, frontNames } from './adopt.ts';
import { suggestName } from './names.ts';
import { nameFromFolder, type TextFile } from './project-files.ts';
import type { Found } from './types.ts';

/** Images that speak their own protocol, not HTTP: a route to them would only ever answer 502. */
const notHttp =
  /^(?:.*\/)?(?:postgres|postgis|timescaledb|pgvector|mysql|mariadb|mongo|redis|valkey|memcached|nats|rabbitmq|kafka|redpanda|zookeeper|cassandra|etcd|mosquitto)(?:$|[:@-])/;

/**
 * A Caddyfile for a compose file that has none: the front page on the domain, every other service that
 * publishes or exposes a port on a host of its own. Throws COMPOSE_INVALID (project).
 */
export function caddyfileForCompose(
  dir: string,
  compose: TextFile,
  givenName?: string,
): { readonly text: string; readonly found: readonly Found[]; readonly name: string } {
  const facts = composeFacts(compose.text, compose.path);
  if ('problem' in facts) throw new CampError(facts.problem);
  const name = givenName ?? (facts.name === undefined ? undefined : suggestName(facts.name)) ?? nameFromFolder(dir);
  const routed = facts.services
    .map((service) => ({ service, port: portOf(dir, service) }))
    .filter(({ service, port }) => port !== undefined && service.name !== 'edge');
  const front =
    frontNames
      .map((front) => routed.find(({ service }) => service.name === front))
      .find((found) => found !== undefined) ?? routed[0];
  const domain = `${name}.localhost`;
  let text = '';
  const found: Found[] = [];
  for (const { service, port = 8080 } of [...(front ? [front] : []), ...routed.filter((other) => other !== front)]) {
    const isFront = service === front?.service;
    const host = suggestName(service.name, 'service') ?? service.name;
    const edit = addRoute(text, { service: service.name, port, domain, at: isFront ? { path: '/' } : { host } });
    if (!('text' in edit)) continue;
    text = edit.text;
    const start = service.image ? `image ${service.image}` : `build ${service.build ?? '.'}`;
    found.push({
      name: service.name,
      folder: service.build ?? '',
      start,
      route: `https://${isFront ? '' : `${host}.`}${domain}/`,
    });
  }
  if (found.length === 0)
    text += `{$CAMP_DOMAIN:${domain}} {\n\trespond / "${name} is up, and nothing in ${compose.path} publishes a port"\n}\n`;
  return { text: caddyfileHead + text, found, name };
}

/** The port that HTTP is most likely on; undefined for what is not HTTP or opens nothing. */
function portOf(dir: string, service: ServiceFacts): number | undefined {
  if (service.image !== undefined && notHttp.test(service.image)) return undefined;
  if (service.ports.length > 0) return service.ports[0];
  return service.build === undefined ? undefined : exposedPort(join(dir, service.build));
}
