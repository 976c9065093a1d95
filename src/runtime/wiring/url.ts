import type { ImageFacts } from '../../project/images.ts';
import type { Port, Service } from '../../project/types.ts';

/** Schemes by the ports that programs of their kind use everywhere. */
const schemes: Readonly<Record<Port, string>> = {
  21: 'ftp',
  22: 'ssh',
  25: 'smtp',
  443: 'https',
  1025: 'smtp',
  1433: 'sqlserver',
  1883: 'mqtt',
  3306: 'mysql',
  4222: 'nats',
  5432: 'postgres',
  5672: 'amqp',
  6379: 'redis',
  8443: 'https',
  9092: 'kafka',
  11211: 'memcached',
  27017: 'mongodb',
  50051: 'grpc',
};

/**
 * The URL that a person is shown for an address where a service listens: with the scheme of what it speaks and the
 * database's name, without credentials. `containerPort` is where the address leads to, if it leads into a container.
 */
export function urlOf(service: Service, address: string, facts: ImageFacts | undefined, containerPort?: Port): string {
  if (facts && (containerPort === undefined || containerPort === facts.port))
    return `${facts.scheme}://${address}${databaseOf(service, facts)}`;
  if (facts?.extraHttpPorts.includes(containerPort ?? 0)) return `http://${address}`;
  return `${(containerPort === undefined ? undefined : schemes[containerPort]) ?? 'http'}://${address}`;
}

function databaseOf({ env }: Service, { kind, port }: ImageFacts): string {
  const first = (...names: readonly string[]): string | undefined =>
    names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
  const name = ((): string | undefined => {
    switch (kind) {
      case 'postgres':
        if (port !== 5432) return first('POSTGRES_DB', 'COCKROACH_DATABASE');
        return first('POSTGRES_DB', 'POSTGRESQL_DATABASE', 'POSTGRES_USER', 'POSTGRESQL_USERNAME') ?? 'postgres';
      case 'mysql':
      case 'mariadb':
        return first('MYSQL_DATABASE', 'MARIADB_DATABASE');
      case 'mongo':
        return first('MONGO_INITDB_DATABASE', 'MONGODB_DATABASE');
      default:
        return undefined;
    }
  })();
  return name === undefined ? '' : `/${encodeURIComponent(name)}`;
}
