import { describe, expect, it } from 'vitest';
import { aService } from '../../../test/rig/services.ts';
import { imageFacts } from '../../project/images.ts';
import type { Condition, Port } from '../../project/types.ts';
import { type Neighbour, neighboursOfContainer, neighboursOfProcess, processNeighbour } from './neighbours.ts';
import { directoryOf, namesAskedIn, rewrite, rewriteAll } from './rewrite.ts';
import { urlOf } from './url.ts';
import { containerWiringOf, variableName, wiringOf } from './wiring.ts';

const needs = (...names: readonly string[]): ReadonlyMap<string, Condition> =>
  new Map(names.map((name) => [name, 'service_started']));

function container(
  name: string,
  image: string,
  ports: Readonly<Record<Port, Port>>,
  over: Partial<Neighbour> = {},
): Neighbour {
  const facts = imageFacts(image);
  const map = new Map(Object.entries(ports).map(([inside, outside]) => [Number(inside), outside]));
  const mainPort = facts && map.get(facts.port);
  return {
    name,
    aliases: [],
    kind: 'container',
    host: '127.0.0.1',
    ports: map,
    ...(mainPort === undefined ? {} : { mainPort }),
    scheme: 'http',
    ...(facts ? { facts } : {}),
    env: {},
    command: [],
    ...over,
  };
}

const orders = processNeighbour('orders', '127.0.0.1:21001', ['shop-orders']);
const order = processNeighbour('order', '127.0.0.1:21002');
const db = container('db', 'postgres:17', { 5432: 41733 });
const web = container('web', 'example/web', { 8080: 30001, 9090: 30002 }, { mainPort: 30001 });
const kafka = container('kafka', 'apache/kafka', { 9092: 30003 });
const kafka2 = container('kafka2', 'apache/kafka', { 9092: 30004 });
const directory = directoryOf([orders, order, db, web, kafka, kafka2]);

describe('rewrite', () => {
  it.each([
    ['http://orders:8080', 'http://127.0.0.1:21001'],
    ['http://orders:8080/path?x=orders:1', 'http://127.0.0.1:21001/path?x=127.0.0.1:21001'],
    ['http://orders/path', 'http://127.0.0.1:21001/path'],
    ['http://orders', 'http://127.0.0.1:21001'],
    ['http://shop-orders:8080', 'http://127.0.0.1:21001'],
    ['orders:8080,order:8080', '127.0.0.1:21001,127.0.0.1:21002'],
    ['amqp://user:pass@orders:5672/v', 'amqp://user:pass@127.0.0.1:21001/v'],
    ['ws://web:9090', 'ws://127.0.0.1:30002'],
    ['http://web:8080 http://web:9090', 'http://127.0.0.1:30001 http://127.0.0.1:30002'],
    ['web:9090', '127.0.0.1:30002'],
    ['http://web', 'http://127.0.0.1:30001'],
    ['postgres://u:p@db/x', 'postgres://u:p@127.0.0.1:41733/x'],
    ['postgresql://u:p%40@db:5432/x?sslmode=disable', 'postgresql://u:p%40@127.0.0.1:41733/x?sslmode=disable'],
    ['postgres://u:a@b:c@db:5432/x', 'postgres://u:a@b:c@127.0.0.1:41733/x'],
    ['jdbc:postgresql://db:5432/x', 'jdbc:postgresql://127.0.0.1:41733/x'],
    ['jdbc:oracle:thin:@db:5432:x', 'jdbc:oracle:thin:@db:5432:x'],
    ['u:p@tcp(db:5432)/x', 'u:p@tcp(127.0.0.1:41733)/x'],
    ['mongodb://u:p@kafka:9092,kafka2:9092/x', 'mongodb://u:p@127.0.0.1:30003,127.0.0.1:30004/x'],
    ['kafka:9092,kafka2:9092', '127.0.0.1:30003,127.0.0.1:30004'],
    ['{"host":"db:5432"}', '{"host":"127.0.0.1:41733"}'],
    ['Host=db:5432;User=db', 'Host=127.0.0.1:41733;User=db'],
    // what is not published cannot be reached, and must not lead elsewhere
    ['http://web:1234', 'http://web:1234'],
    ['https://orders.example.com', 'https://orders.example.com'],
    ['https://example.com/orders:8080', 'https://example.com/orders:8080'],
    ['my-orders:8080', 'my-orders:8080'],
    ['orders', 'orders'],
    ['the db is slow', 'the db is slow'],
    ['http://ordersx:80', 'http://ordersx:80'],
    ['http://orders:8080@elsewhere/', 'http://orders:8080@elsewhere/'],
    ['http://db:web@elsewhere/', 'http://db:web@elsewhere/'],
    ['http://[::1]:8080/', 'http://[::1]:8080/'],
    ['[fe80::1]:5432', '[fe80::1]:5432'],
    ['db:54320', 'db:54320'],
    ['', ''],
  ])('%s becomes %s', (value, expected) => {
    expect(rewrite(value, directory)).toBe(expected);
  });

  it('writes an IPv6 address in brackets', () => {
    expect(rewrite('http://a:1', directoryOf([processNeighbour('a', '[::1]:2000')]))).toBe('http://[::1]:2000');
  });
});

describe('rewriteAll', () => {
  it.each([
    [
      { DB_HOST: 'db', DB_PORT: '5432' },
      { DB_HOST: '127.0.0.1', DB_PORT: '41733' },
    ],
    [
      { PGHOST: 'db', PGPORT: '5432' },
      { PGHOST: '127.0.0.1', PGPORT: '41733' },
    ],
    [
      { db_host: 'db', db_port: '5432' },
      { db_host: '127.0.0.1', db_port: '41733' },
    ],
    [
      { WEB_HOST: 'web', WEB_PORT: '9090' },
      { WEB_HOST: '127.0.0.1', WEB_PORT: '30002' },
    ],
    [{ DB_HOST: 'db' }, { DB_HOST: '127.0.0.1', DB_PORT: '41733' }],
    [
      { DB_HOST: 'db', DB_PORT: '9999' },
      { DB_HOST: 'db', DB_PORT: '9999' },
    ],
    [
      { DB_HOST: 'db.example.com', DB_PORT: '5432' },
      { DB_HOST: 'db.example.com', DB_PORT: '5432' },
    ],
    [{ WEB_HOST: 'web' }, { WEB_HOST: 'web' }],
    [
      { HOST: 'db', PORT: '5432' },
      { HOST: 'db', PORT: '5432' },
    ],
    [
      { DB_NAME: 'db', DB_PORT: '5432' },
      { DB_NAME: 'db', DB_PORT: '5432' },
    ],
  ])('%j becomes %j', (env, expected) => {
    expect(rewriteAll(env, directory)).toEqual(expected);
  });
});

describe('wiringOf a process', () => {
  it('names the URL of what a service depends on, and of nothing else', () => {
    expect(wiringOf(aService('web', { dependsOn: needs('orders') }), [orders, order])).toEqual({
      ORDERS_URL: 'http://127.0.0.1:21001',
    });
  });

  it('lets environment: win', () => {
    const service = aService('web', { dependsOn: needs('orders'), env: { ORDERS_URL: 'http://elsewhere' } });
    expect(wiringOf(service, [orders])).toEqual({ ORDERS_URL: 'http://elsewhere' });
  });

  const wired = (neighbour: Neighbour, env: Record<string, string> = {}): Record<string, string> =>
    wiringOf(aService('app', { dependsOn: needs(neighbour.name), env }), [neighbour]);

  it.each<[string, Neighbour, Record<string, string>]>([
    [
      'postgres',
      { ...db, env: { POSTGRES_USER: 'shop', POSTGRES_PASSWORD: 'p@ss/w', POSTGRES_DB: 'orders' } },
      {
        DB_URL: 'postgres://shop:p%40ss%2Fw@127.0.0.1:41733/orders',
        DATABASE_URL: 'postgres://shop:p%40ss%2Fw@127.0.0.1:41733/orders',
        PGHOST: '127.0.0.1',
        PGPORT: '41733',
        PGUSER: 'shop',
        PGPASSWORD: 'p@ss/w',
        PGDATABASE: 'orders',
      },
    ],
    [
      'mysql',
      container('sql', 'mysql:8', { 3306: 30010 }, { env: { MYSQL_ROOT_PASSWORD: 'r', MYSQL_DATABASE: 'd' } }),
      {
        SQL_URL: 'mysql://root:r@127.0.0.1:30010/d',
        DATABASE_URL: 'mysql://root:r@127.0.0.1:30010/d',
        MYSQL_HOST: '127.0.0.1',
        MYSQL_PORT: '30010',
        MYSQL_TCP_PORT: '30010',
        MYSQL_USER: 'root',
        MYSQL_PASSWORD: 'r',
        MYSQL_DATABASE: 'd',
      },
    ],
    [
      'mongo',
      container(
        'm',
        'mongo:7',
        { 27017: 30011 },
        { env: { MONGO_INITDB_ROOT_USERNAME: 'u', MONGO_INITDB_ROOT_PASSWORD: 'p' } },
      ),
      {
        M_URL: 'mongodb://u:p@127.0.0.1:30011/?authSource=admin',
        MONGO_URL: 'mongodb://u:p@127.0.0.1:30011/?authSource=admin',
      },
    ],
    [
      'redis',
      container('cache', 'redis:8', { 6379: 30012 }, { command: ['redis-server', '--requirepass', 'x y'] }),
      { CACHE_URL: 'redis://:x%20y@127.0.0.1:30012', REDIS_URL: 'redis://:x%20y@127.0.0.1:30012' },
    ],
    ['nats', container('nats', 'nats:2', { 4222: 30013 }), { NATS_URL: 'nats://127.0.0.1:30013' }],
    [
      'rabbitmq',
      container('mq', 'rabbitmq:4', { 5672: 30014 }),
      { MQ_URL: 'amqp://guest:guest@127.0.0.1:30014', AMQP_URL: 'amqp://guest:guest@127.0.0.1:30014' },
    ],
    ['kafka', kafka, { KAFKA_URL: 'kafka://127.0.0.1:30003', KAFKA_BROKERS: '127.0.0.1:30003' }],
    ['a mail catcher', container('mail', 'axllent/mailpit', { 1025: 30015 }), { MAIL_URL: 'smtp://127.0.0.1:30015' }],
    ['a service in a container', web, { WEB_URL: 'http://127.0.0.1:30001' }],
  ])('finds %s', (_, neighbour, expected) => {
    expect(wired(neighbour)).toEqual(expected);
  });

  it('adds nothing beside an address that environment: gives', () => {
    expect(wired(db, { DATABASE_URL: 'postgres://db:5432/mine' })).toEqual({
      DATABASE_URL: 'postgres://127.0.0.1:41733/mine',
      DB_URL: 'postgres://postgres@127.0.0.1:41733/postgres',
    });
  });

  it('asks for what a *_FILE variable names, without its last line end', () => {
    const secret = { ...db, env: { POSTGRES_PASSWORD_FILE: '/run/secrets/pw' } };
    const env = wiringOf(aService('app', { dependsOn: needs('db') }), [secret], (of, path) => `${of.name}${path}\n`);
    expect(env['PGPASSWORD']).toBe('db/run/secrets/pw');
  });

  it('gives the usual names to the first of two databases, and its own name to each', () => {
    const other = container('audit', 'postgres:17', { 5432: 41734 });
    const env = wiringOf(aService('app', { dependsOn: needs('db', 'audit') }), [db, other]);
    expect([env['PGPORT'], env['AUDIT_URL']]).toEqual(['41733', 'postgres://postgres@127.0.0.1:41734/postgres']);
  });

  it('makes variable names of service names', () => {
    expect(variableName('order-items.v2')).toBe('ORDER_ITEMS_V2');
  });
});

describe('containerWiringOf', () => {
  const processes = [processNeighbour('orders', 'host.docker.internal:21001', ['shop-orders'])];

  it('changes only what points at a process', () => {
    const service = aService('web', {
      dependsOn: needs('orders', 'db'),
      env: { API: 'http://orders:8080/x', DB: 'postgres://db:5432', MODE: 'dev' },
    });
    expect(containerWiringOf(service, processes)).toEqual({
      environment: { ORDERS_URL: 'http://host.docker.internal:21001', API: 'http://host.docker.internal:21001/x' },
      extraHosts: ['host.docker.internal:host-gateway', 'orders:host-gateway', 'shop-orders:host-gateway'],
    });
  });

  it('never overrides what environment: says', () => {
    const service = aService('web', { dependsOn: needs('orders'), env: { ORDERS_URL: 'http://elsewhere' } });
    expect(containerWiringOf(service, processes).environment).toEqual({});
  });

  it('has nothing to say where there is no process', () => {
    expect(containerWiringOf(aService('web', { dependsOn: needs('db') }), [db])).toEqual({
      environment: {},
      extraHosts: [],
    });
  });
});

describe('neighbours', () => {
  const services = new Map(
    [
      aService('api'),
      aService('db', { image: 'postgres:17', env: { POSTGRES_DB: 'x' } }),
      aService('ui', { image: 'example/ui' }),
      aService('pages'),
    ].map((service) => [service.name, service]),
  );
  const view = {
    services,
    placementOf: (name: string) =>
      name === 'api' ? ('process' as const) : name === 'pages' ? ('static' as const) : ('container' as const),
    processPort: () => 21001,
    containerPorts: (name: string) => (name === 'db' ? [5432] : [8443, 9000]),
    publishedPort: (_: string, port: Port) => port + 20000,
    httpPort: (name: string) => (name === 'ui' ? ({ port: 8443, scheme: 'https' } as const) : undefined),
    factsOf: (service: { readonly image?: string }) =>
      service.image === undefined ? undefined : imageFacts(service.image),
  };

  it('are all on loopback for a process', () => {
    expect(neighboursOfProcess(view).map(({ name, host, mainPort, scheme }) => [name, host, mainPort, scheme])).toEqual(
      [
        ['api', '127.0.0.1', 21001, 'http'],
        ['db', '127.0.0.1', 25432, 'http'],
        ['ui', '127.0.0.1', 28443, 'https'],
      ],
    );
  });

  it('are processes behind the gateway for a container', () => {
    expect(neighboursOfContainer(view).map(({ name, host, mainPort }) => [name, host, mainPort])).toEqual([
      ['api', 'host.docker.internal', 21001],
    ]);
  });
});

describe('urlOf', () => {
  it.each([
    [
      'postgres:17',
      { POSTGRES_USER: 'u', POSTGRES_PASSWORD: 'secret', POSTGRES_DB: 'orders' },
      5432,
      'postgres://127.0.0.1:1/orders',
    ],
    ['postgres:17', {}, undefined, 'postgres://127.0.0.1:1/postgres'],
    ['mysql', { MYSQL_DATABASE: 'a b' }, 3306, 'mysql://127.0.0.1:1/a%20b'],
    ['redis', { REDIS_PASSWORD: 'secret' }, 6379, 'redis://127.0.0.1:1'],
    ['rabbitmq:management', { RABBITMQ_DEFAULT_PASS: 'secret' }, 5672, 'amqp://127.0.0.1:1'],
    ['rabbitmq:management', {}, 15672, 'http://127.0.0.1:1'],
    ['example/x', {}, 5432, 'postgres://127.0.0.1:1'],
    ['example/x', {}, 3000, 'http://127.0.0.1:1'],
  ] as const)('%s %j at %s is %s', (image, env, port, expected) => {
    expect(urlOf(aService('x', { env }), '127.0.0.1:1', imageFacts(image), port)).toBe(expected);
  });
});

describe('names that an environment points at', () => {
  it('are those that would be rewritten if there were such a service', () => {
    const env = {
      A: 'http://orders:8080/x',
      B: 'nats://one,two:4222',
      C: 'cache:6379',
      DB_HOST: 'db',
      PORT: '80',
      D: 'a word',
    };
    const asked = namesAskedIn(env);
    for (const name of ['orders', 'one', 'two', 'cache', 'db']) expect(asked).toContain(name);
    expect(asked).not.toContain('x');
  });
});
