import { addressOf, type Neighbour } from './neighbours.ts';
import { toldBy } from './told.ts';

/** Reads what a `*_FILE` variable of a neighbour names; undefined where that cannot be read here. */
export type ReadSecret = (neighbour: Neighbour, path: string) => string | undefined;

/** Variables that go together: where `environment:` says one of `decisive`, none of them is added. */
export interface Backing {
  readonly url: string;
  readonly decisive: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

/** The variables by which programs find a backing service (DESIGN section 2); undefined for what is none. */
export function backingOf(neighbour: Neighbour, readSecret: ReadSecret): Backing | undefined {
  const { facts, host, mainPort } = neighbour;
  if (!facts || mainPort === undefined) return undefined;
  const told = reader(neighbour, readSecret);
  const address = addressOf(host, mainPort);
  switch (facts.kind) {
    case 'postgres':
      return postgres(neighbour, mainPort, told);
    case 'mysql':
    case 'mariadb':
      return mysql(neighbour, mainPort, told);
    case 'mongo': {
      const user = told('MONGO_INITDB_ROOT_USERNAME', 'MONGODB_ROOT_USER', 'MONGODB_USERNAME');
      const password = told('MONGO_INITDB_ROOT_PASSWORD', 'MONGODB_ROOT_PASSWORD', 'MONGODB_PASSWORD');
      const name = told('MONGO_INITDB_DATABASE', 'MONGODB_DATABASE') ?? '';
      const login = user === undefined ? '' : '?authSource=admin';
      const url = `mongodb://${credentials(user, password)}${address}/${encodeURIComponent(name)}${login}`;
      return one('MONGO_URL', url);
    }
    case 'redis': {
      const flag = neighbour.command.indexOf('--requirepass');
      const password =
        (flag === -1 ? undefined : neighbour.command[flag + 1]) || told('REDIS_PASSWORD', 'VALKEY_PASSWORD');
      return one('REDIS_URL', `redis://${password ? `:${encodeURIComponent(password)}@` : ''}${address}`);
    }
    case 'nats':
      return one('NATS_URL', `nats://${address}`);
    case 'rabbitmq': {
      const user = told('RABBITMQ_DEFAULT_USER', 'RABBITMQ_USERNAME') ?? 'guest';
      const password = told('RABBITMQ_DEFAULT_PASS', 'RABBITMQ_PASSWORD') ?? 'guest';
      const vhost = told('RABBITMQ_DEFAULT_VHOST', 'RABBITMQ_VHOST');
      const path = vhost === undefined || vhost === '/' ? '' : `/${encodeURIComponent(vhost)}`;
      return one('AMQP_URL', `amqp://${credentials(user, password)}${address}${path}`);
    }
    case 'kafka':
      return { url: `kafka://${address}`, decisive: ['KAFKA_BROKERS'], variables: { KAFKA_BROKERS: address } };
    case 'elasticsearch':
      return one('ELASTICSEARCH_URL', `http://${address}`);
    case 'http':
      return undefined;
    default:
      return { url: `${facts.scheme}://${address}`, decisive: [], variables: {} };
  }
}

function one(name: string, url: string): Backing {
  return { url, decisive: [name], variables: { [name]: url } };
}

type Told = (...names: readonly string[]) => string | undefined;

function reader(neighbour: Neighbour, readSecret: ReadSecret): Told {
  return (...names) => toldBy(neighbour.env, names, (path) => readSecret(neighbour, path));
}

function postgres(neighbour: Neighbour, port: number, told: Told): Backing {
  const isCockroach = neighbour.facts?.port === 26257;
  const user =
    told('POSTGRES_USER', 'POSTGRESQL_USERNAME', 'POSTGRESQL_USER', 'COCKROACH_USER') ??
    (isCockroach ? 'root' : 'postgres');
  const password = told('POSTGRES_PASSWORD', 'POSTGRESQL_PASSWORD', 'COCKROACH_PASSWORD');
  const database =
    told('POSTGRES_DB', 'POSTGRESQL_DATABASE', 'COCKROACH_DATABASE') ?? (isCockroach ? 'defaultdb' : user);
  const query = isCockroach ? '?sslmode=disable' : '';
  const url = `postgres://${credentials(user, password)}${addressOf(neighbour.host, port)}/${encodeURIComponent(database)}${query}`;
  return {
    url,
    decisive: ['DATABASE_URL', 'PGHOST', 'PGSERVICE'],
    variables: {
      DATABASE_URL: url,
      PGHOST: neighbour.host,
      PGPORT: String(port),
      PGUSER: user,
      ...(password === undefined ? {} : { PGPASSWORD: password }),
      PGDATABASE: database,
    },
  };
}

function mysql(neighbour: Neighbour, port: number, told: Told): Backing {
  const own = told('MYSQL_USER', 'MARIADB_USER');
  const user = own ?? 'root';
  const password =
    own === undefined
      ? told('MYSQL_ROOT_PASSWORD', 'MARIADB_ROOT_PASSWORD')
      : told('MYSQL_PASSWORD', 'MARIADB_PASSWORD');
  const database = told('MYSQL_DATABASE', 'MARIADB_DATABASE');
  const url = `mysql://${credentials(user, password)}${addressOf(neighbour.host, port)}/${encodeURIComponent(database ?? '')}`;
  return {
    url,
    decisive: ['DATABASE_URL', 'MYSQL_HOST'],
    variables: {
      DATABASE_URL: url,
      MYSQL_HOST: neighbour.host,
      MYSQL_PORT: String(port),
      MYSQL_TCP_PORT: String(port),
      MYSQL_USER: user,
      ...(password === undefined ? {} : { MYSQL_PASSWORD: password }),
      ...(database === undefined ? {} : { MYSQL_DATABASE: database }),
    },
  };
}

function credentials(user: string | undefined, password: string | undefined): string {
  if (user === undefined) return '';
  return `${encodeURIComponent(user)}${password === undefined ? '' : `:${encodeURIComponent(password)}`}@`;
}
