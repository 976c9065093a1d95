import { variablesOf, withMerged } from '../project/edit/compose-wiring.ts';
import type { Plain } from '../project/edit/yaml-layout.ts';
import { imageFacts } from '../project/images.ts';

/** What `camp add` has a recipe for. */
export const backingKinds = ['postgres', 'redis', 'nats', 'rabbitmq', 'kafka'] as const;
export type BackingKind = (typeof backingKinds)[number];

type Entry = Readonly<Record<string, Plain>>;

/** A backing service in a compose file, and how a service uses it. */
export interface Backing {
  /** The variable that its address is given in. */
  readonly variable: string;
  readonly condition: 'service_started' | 'service_healthy';
  /** The lines of a new one; `password` is the variable of its password. */
  entry(name: string, password: string): Entry;
  /** The address of one that is there, from its lines; undefined where they do not tell. */
  address(name: string, entry: Readonly<Record<string, unknown>>): string | undefined;
  /** Whether it has a password, which is generated into .env. */
  readonly hasPassword: boolean;
  /** Worth telling when one is added. */
  readonly note?: string;
}

export const backings: Readonly<Record<BackingKind, Backing>> = {
  postgres: {
    variable: 'DATABASE_URL',
    condition: 'service_healthy',
    hasPassword: true,
    entry: (name, password) => ({
      image: 'postgres:17',
      environment: {
        POSTGRES_USER: userOf(name),
        POSTGRES_DB: userOf(name),
        POSTGRES_PASSWORD: `\${${password}}`,
      },
      volumes: [`${name}:/var/lib/postgresql/data`],
      healthcheck: {
        test: ['CMD-SHELL', `pg_isready -U ${userOf(name)}`],
        interval: '5s',
        timeout: '3s',
        retries: 10,
      },
    }),
    address: (name, entry) => {
      const told = variablesOf(entry);
      const user = told.get('POSTGRES_USER') ?? 'postgres';
      const password = told.get('POSTGRES_PASSWORD');
      return password
        ? `postgres://${encoded(user)}:${encoded(password)}@${name}:5432/${encoded(told.get('POSTGRES_DB') ?? user)}`
        : undefined;
    },
  },
  redis: {
    variable: 'REDIS_URL',
    condition: 'service_started',
    hasPassword: false,
    entry: (name) => ({
      image: 'redis:8',
      command: ['redis-server', '--appendonly', 'yes', '--appendfsync', 'always'],
      volumes: [`${name}:/data`],
    }),
    address: (name, entry) =>
      /requirepass/.test(JSON.stringify(entry['command'] ?? '')) ? undefined : `redis://${name}:6379`,
  },
  nats: {
    variable: 'NATS_URL',
    condition: 'service_started',
    hasPassword: false,
    entry: (name) => ({ image: 'nats:2', command: ['-js', '-sd', '/data'], volumes: [`${name}:/data`] }),
    address: (name, entry) =>
      /"--?(?:user|pass|auth)\b/.test(JSON.stringify(entry['command'] ?? '')) ? undefined : `nats://${name}:4222`,
  },
  rabbitmq: {
    variable: 'AMQP_URL',
    condition: 'service_healthy',
    hasPassword: true,
    entry: (name, password) => ({
      image: 'rabbitmq:4',
      // its data lies below the name of its host, which would be another one in every new container
      hostname: name,
      environment: { RABBITMQ_DEFAULT_USER: 'app', RABBITMQ_DEFAULT_PASS: `\${${password}}` },
      volumes: [`${name}:/var/lib/rabbitmq`],
      healthcheck: { test: ['CMD', 'rabbitmq-diagnostics', '-q', 'ping'], interval: '5s', timeout: '10s', retries: 12 },
    }),
    address: (name, entry) => {
      const told = variablesOf(entry);
      const user = told.get('RABBITMQ_DEFAULT_USER') ?? 'guest';
      return `amqp://${encoded(user)}:${encoded(told.get('RABBITMQ_DEFAULT_PASS') ?? 'guest')}@${name}:5672`;
    },
  },
  kafka: {
    variable: 'KAFKA_BROKERS',
    condition: 'service_started',
    hasPassword: false,
    note: 'Kafka runs only in a container: camp needs a Docker engine for it',
    entry: (name) => ({
      image: 'apache/kafka:4.1.1',
      environment: {
        KAFKA_NODE_ID: 1,
        KAFKA_PROCESS_ROLES: 'broker,controller',
        KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
        KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${name}:9092`,
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
        KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1,
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1,
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: 1,
        KAFKA_LOG_DIRS: '/var/lib/kafka/data',
      },
      volumes: [`${name}:/var/lib/kafka/data`],
    }),
    address: (name) => `${name}:9092`,
  },
};

/** The kind of a service by its image; undefined where it is none of those that camp adds. */
export function backingKindOf(entry: unknown): BackingKind | undefined {
  const image = isEntry(entry) ? withMerged(entry)['image'] : undefined;
  const kind = typeof image === 'string' ? imageFacts(image)?.kind : undefined;
  return backingKinds.find((known) => known === kind);
}

/** What a backing service of that kind is called where nobody says it. */
export function defaultName(kind: BackingKind, service: string | undefined): string {
  if (kind !== 'postgres') return kind;
  return service === undefined ? 'db' : `${service}-db`;
}

/** `ORDERS_DB_PASSWORD` for `orders-db`. */
export function passwordVariable(name: string): string {
  return `${name.replaceAll('-', '_').toUpperCase()}_PASSWORD`;
}

/** User and database of `orders-db` are `orders`, those of `db` are `app`; Postgres keeps pg_ for itself. */
function userOf(name: string): string {
  const user = name.replace(/-?db$/, '').replaceAll('-', '_') || 'app';
  return user.startsWith('pg_') ? `app_${user}` : user;
}

/** What Compose fills in stays as it is; everything else as a URL needs it. */
function encoded(value: string): string {
  return value
    .split(/(\$\{[^}]*\}|\$\w+)/)
    .map((part, n) => (n % 2 === 1 ? part : encodeURIComponent(part)))
    .join('');
}

function isEntry(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
