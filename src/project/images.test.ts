import { describe, expect, it } from 'vitest';
import { imageFacts, imageName, speaksHttp } from './images.ts';

describe('imageFacts', () => {
  it.each([
    ['postgres', 'postgres', 5432, 'postgres'],
    ['postgres:17-alpine', 'postgres', 5432, 'postgres'],
    ['docker.io/library/postgres:17@sha256:abc', 'postgres', 5432, 'postgres'],
    ['bitnami/postgresql:16', 'postgres', 5432, 'postgres'],
    ['registry.example.com:5000/team/postgres', 'postgres', 5432, 'postgres'],
    ['timescale/timescaledb-ha:pg17', 'postgres', 5432, 'postgres'],
    ['mysql/mysql-server:8', 'mysql', 3306, 'mysql'],
    ['MariaDB:11', 'mariadb', 3306, 'mysql'],
    ['mongo:7', 'mongo', 27017, 'mongodb'],
    ['valkey/valkey:8', 'redis', 6379, 'redis'],
    ['nats:2', 'nats', 4222, 'nats'],
    ['rabbitmq:4-management-alpine', 'rabbitmq', 5672, 'amqp'],
    ['confluentinc/cp-kafka:7.6.0', 'kafka', 9092, 'kafka'],
    ['memcached', 'memcached', 11211, 'memcached'],
    ['docker.elastic.co/elasticsearch/elasticsearch:8.13.0', 'elasticsearch', 9200, 'http'],
    ['minio/minio', 'minio', 9000, 'http'],
    ['mailhog/mailhog', 'mail', 1025, 'smtp'],
    ['mcr.microsoft.com/mssql/server:2022-latest', 'other', 1433, 'sqlserver'],
    ['php:8.3-fpm-alpine', 'other', 9000, 'fcgi'],
    ['php:8-apache', 'http', 80, 'http'],
    ['wordpress:6-fpm', 'other', 9000, 'fcgi'],
    ['nginx:1.27', 'http', 80, 'http'],
    ['grafana/grafana', 'http', 3000, 'http'],
    ['dpage/pgadmin4', 'http', 80, 'http'],
    ['redpandadata/console:v2', 'http', 8080, 'http'],
  ] as const)('%s is %s on %i', (image, kind, port, scheme) => {
    expect(imageFacts(image)).toMatchObject({ kind, port, scheme });
  });

  it.each([
    'node:24',
    'python:3',
    'golang',
    'example/web',
    'php:8-cli',
    'postgres-backup-s3',
    '',
    ':',
    '__proto__',
    'constructor',
  ])('knows nothing of %j', (image) => {
    expect(imageFacts(image)).toBeUndefined();
  });

  it('knows consoles and monitors', () => {
    expect(imageFacts('rabbitmq:3-management')?.extraHttpPorts).toEqual([15672]);
    expect(imageFacts('nats')?.extraHttpPorts).toEqual([8222]);
    expect(imageFacts('minio/minio')?.extraHttpPorts).toEqual([9001]);
  });

  it('tells who stands in front of others, and who speaks HTTP', () => {
    expect(imageFacts('traefik:v3')?.isProxy).toBe(true);
    expect(imageFacts('grafana/grafana')?.isProxy).toBe(false);
    expect(['nginx', 'elasticsearch', 'redis'].map((image) => speaksHttp(imageFacts(image) as never))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('parts a name with a registry port, a tag and a digest', () => {
    expect(imageName('localhost:5000/a/b:1@sha256:00')).toEqual({
      repository: 'localhost:5000/a/b',
      last: 'b',
      tag: '1',
    });
  });
});
