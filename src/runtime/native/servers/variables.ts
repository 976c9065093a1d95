/** What the images of these servers are told by variables; a native server is told the same. */
export const told = {
  postgresUser: 'POSTGRES_USER',
  postgresDatabase: 'POSTGRES_DB',
  postgresPassword: 'POSTGRES_PASSWORD',
  postgresHostMethod: 'POSTGRES_HOST_AUTH_METHOD',
  rabbitUser: 'RABBITMQ_DEFAULT_USER',
  rabbitPassword: 'RABBITMQ_DEFAULT_PASS',
  rabbitHost: 'RABBITMQ_DEFAULT_VHOST',
} as const;

/** The file by which PostgreSQL knows its data. */
export const versionFile = 'PG_VERSION';
