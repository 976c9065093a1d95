import type { Port } from '../../project/types.ts';
import { addressOf, type Neighbour } from './neighbours.ts';

/** Neighbours by every name that they have. */
export type Directory = Pick<ReadonlyMap<string, Neighbour>, 'get' | 'size'>;

/** A service's own name wins over another's alias. */
export function directoryOf(neighbours: readonly Neighbour[]): Directory {
  const aliases = neighbours.flatMap((each) => each.aliases.map((alias) => [alias, each] as const));
  return new Map([...aliases, ...neighbours.map((each) => [each.name, each] as const)]);
}

const hostName = String.raw`[A-Za-z0-9_](?:[\w.-]*\w)?`;
const urlStart = /\b([a-z][a-z0-9+.-]*):\/\/([^/?#\s"'<>;]*)/gi;
const hostInList = new RegExp(`^(${hostName})(?::(\\d{1,5}))?$`);
const bareAddress = new RegExp(String.raw`(?<=^|\/\/|[@,=\s"'(;[])(${hostName}):(\d{1,5})(?=$|[/,?#\s"';)\]&|])`, 'g');

/** Ports that a URL without one means. */
const defaultPorts: Readonly<Record<string, Port>> = {
  http: 80,
  ws: 80,
  https: 443,
  wss: 443,
  postgres: 5432,
  postgresql: 5432,
  mysql: 3306,
  mariadb: 3306,
  mongodb: 27017,
  redis: 6379,
  rediss: 6379,
  valkey: 6379,
  amqp: 5672,
  amqps: 5671,
  nats: 4222,
  sqlserver: 1433,
  mqtt: 1883,
  bolt: 7687,
  neo4j: 7687,
  smtp: 25,
  ldap: 389,
};

/**
 * A value that points at another service by its Compose name is rewritten to where that service is reached:
 * `http://orders:8080/x`, `orders:8080`, lists of them, and URLs with several hosts. Names without a port are
 * only touched in a URL.
 */
export function rewrite(value: string, directory: Directory): string {
  if (directory.size === 0) return value;
  const urls = value.replace(urlStart, (whole, scheme: string, authority: string) => {
    const at = authority.lastIndexOf('@') + 1;
    const hosts = authority.slice(at);
    const moved = hosts
      .split(',')
      .map((host) => movedHost(host, scheme, directory) ?? host)
      .join(',');
    return moved === hosts ? whole : `${scheme}://${authority.slice(0, at)}${moved}`;
  });
  return urls.replace(bareAddress, (whole, name: string, port: string) => {
    const neighbour = directory.get(name);
    const address = neighbour && addressFor(neighbour, Number(port));
    return address ?? whole;
  });
}

function movedHost(text: string, scheme: string, directory: Directory): string | undefined {
  const [, name = '', port] = hostInList.exec(text) ?? [];
  const neighbour = directory.get(name);
  if (!neighbour) return undefined;
  if (port !== undefined) return addressFor(neighbour, Number(port));
  const meant = defaultPorts[scheme.toLowerCase()];
  const exact = meant === undefined ? undefined : addressFor(neighbour, meant);
  return exact ?? (neighbour.mainPort === undefined ? undefined : addressOf(neighbour.host, neighbour.mainPort));
}

/** Where a port of a neighbour is dialled; undefined where it is not reachable. */
function dialled(neighbour: Neighbour, port: Port): Port | undefined {
  if (neighbour.kind === 'process' && neighbour.ports.size === 0) return neighbour.mainPort;
  return neighbour.ports.get(port);
}

function addressFor(neighbour: Neighbour, port: Port): string | undefined {
  const dial = dialled(neighbour, port);
  return dial === undefined ? undefined : addressOf(neighbour.host, dial);
}

const hostVariable = /^(.*?)(_?)(?:HOST|HOSTNAME|SERVER)$/i;

/**
 * A whole environment, rewritten. A variable that is only a name goes together with its port: `DB_HOST=db` and
 * `DB_PORT=5432`, `PGHOST` and `PGPORT`. A database whose port is not said gets that variable too.
 */
export function rewriteAll(env: Readonly<Record<string, string>>, directory: Directory): Record<string, string> {
  const result = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(env)) result[name] = rewrite(value, directory);
  for (const [name, value] of Object.entries(env)) {
    const neighbour = directory.get(value);
    const [, prefix, joint] = hostVariable.exec(name) ?? [];
    if (!neighbour || prefix === undefined) continue;
    const portName = `${prefix}${joint}${/[a-z]/.test(name) ? 'port' : 'PORT'}`;
    // the service's own PORT is where it listens itself
    const written = portName.toUpperCase() === 'PORT' ? undefined : env[portName];
    const asked = written === undefined ? neighbour.facts?.port : portIn(written);
    const dial = asked === undefined ? undefined : dialled(neighbour, asked);
    if (dial === undefined || portName.toUpperCase() === 'PORT') continue;
    result[name] = neighbour.host;
    result[portName] = String(dial);
  }
  return { ...result };
}

/** Every name that an environment may point at another service by, whether there is one of that name or not. */
export function namesAskedIn(env: Readonly<Record<string, string>>): ReadonlySet<string> {
  const asked = new Set<string>();
  const note = (name: string): undefined => void asked.add(name);
  rewriteAll(env, { size: 1, get: note });
  return asked;
}

function portIn(text: string): Port | undefined {
  return /^\d{1,5}$/.test(text) ? Number(text) : undefined;
}
