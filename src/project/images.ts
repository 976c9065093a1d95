import type { Port } from './types.ts';

/** What a program is to those who talk to it; `http` is everything that only speaks HTTP, `other` a protocol of its own. */
export type ImageKind =
  | 'postgres'
  | 'mysql'
  | 'mariadb'
  | 'mongo'
  | 'redis'
  | 'nats'
  | 'rabbitmq'
  | 'kafka'
  | 'memcached'
  | 'elasticsearch'
  | 'minio'
  | 'mail'
  | 'http'
  | 'other';

/** What is known about a widely used image without looking into it. */
export interface ImageFacts {
  readonly kind: ImageKind;
  /** Where it serves inside its container. */
  readonly port: Port;
  /** Of a URL that leads there: `postgres`, `amqp`, `http`; `tcp` where the protocol has no scheme of its own. */
  readonly scheme: string;
  /** Where it speaks HTTP besides: a console, a monitor. */
  readonly extraHttpPorts: readonly Port[];
  /** It passes requests on to other services. */
  readonly isProxy: boolean;
}

type Row = readonly [kind: ImageKind, port: Port, scheme: string, ...extraHttpPorts: Port[]];

/** Programs by what an image's last path segment is called; ports are those of the images' own documentation. */
const families: readonly (readonly [RegExp, Row])[] = [
  [/^(?:cockroach|cockroachdb)$/, ['postgres', 26257, 'postgres', 8080]],
  [/^(?:pgbouncer)$/, ['postgres', 6432, 'postgres']],
  [
    /^(?:postgres|postgresql|postgresql-repmgr|postgis|pgvector|pgvecto-rs|timescaledb(?:-ha|-postgis)?|pgpool|paradedb|citus|spilo(?:-\d+)?|alloydbomni|pg)$/,
    ['postgres', 5432, 'postgres'],
  ],
  [/^(?:mysql|mysql-server|percona|percona-server|vitess)$/, ['mysql', 3306, 'mysql']],
  [/^(?:mariadb|mariadb-galera|mariadb-server)$/, ['mariadb', 3306, 'mysql']],
  [/^(?:mongo|mongodb|mongodb-community-server|percona-server-mongodb|ferretdb)$/, ['mongo', 27017, 'mongodb']],
  [/^redis-stack$/, ['redis', 6379, 'redis', 8001]],
  [/^(?:redis-sentinel)$/, ['other', 26379, 'redis']],
  [
    /^(?:redis|redis-stack-server|redis-cluster|rejson|redisearch|redict|valkey|keydb|dragonfly|garnet)$/,
    ['redis', 6379, 'redis'],
  ],
  [/^(?:nats|nats-server|nats-streaming)$/, ['nats', 4222, 'nats', 8222]],
  [/^(?:rabbitmq|lavinmq)$/, ['rabbitmq', 5672, 'amqp', 15672]],
  [/^(?:redpanda)$/, ['kafka', 9092, 'kafka', 9644, 8081, 8082]],
  [/^(?:kafka|cp-kafka|cp-server|kafka-native|kafka-kraft|fast-data-dev)$/, ['kafka', 9092, 'kafka']],
  [/^(?:memcached)$/, ['memcached', 11211, 'memcached']],
  [/^(?:elasticsearch|elasticsearch-oss|opensearch)$/, ['elasticsearch', 9200, 'http']],
  [/^(?:minio)$/, ['minio', 9000, 'http', 9001]],
  [/^(?:mailhog|mailpit|mhsendmail)$/, ['mail', 1025, 'smtp', 8025]],
  [/^(?:mailcatcher|maildev)$/, ['mail', 1025, 'smtp', 1080]],
  [/^(?:inbucket)$/, ['mail', 2500, 'smtp', 9000]],
  [/^(?:smtp4dev)$/, ['mail', 25, 'smtp', 80]],
  [/^(?:postfix|docker-mailserver|boky-postfix|smtp)$/, ['mail', 25, 'smtp']],
  [/^(?:mssql-server-linux|azure-sql-edge)$/, ['other', 1433, 'sqlserver']],
  [/^(?:oracle-xe|oracle-free|oracledb|enterprise|express)$/, ['other', 1521, 'oracle']],
  [/^(?:cassandra|scylla|dse-server)$/, ['other', 9042, 'cql']],
  [/^(?:neo4j)$/, ['other', 7687, 'bolt', 7474]],
  [/^(?:memgraph|memgraph-platform)$/, ['other', 7687, 'bolt', 3000]],
  [/^(?:rethinkdb)$/, ['other', 28015, 'rethinkdb', 8080]],
  [/^(?:aerospike-server|aerospike)$/, ['other', 3000, 'tcp']],
  [/^(?:etcd)$/, ['other', 2379, 'tcp']],
  [/^(?:zookeeper|cp-zookeeper)$/, ['other', 2181, 'tcp']],
  [/^(?:eclipse-mosquitto|mosquitto|vernemq|mqtt)$/, ['other', 1883, 'mqtt']],
  [/^(?:emqx|emqx-enterprise)$/, ['other', 1883, 'mqtt', 18083]],
  [/^(?:hivemq4|hivemq-ce)$/, ['other', 1883, 'mqtt', 8080]],
  [/^(?:activemq|activemq-classic|activemq-artemis|artemis)$/, ['other', 61616, 'tcp', 8161]],
  [/^(?:pulsar|pulsar-standalone|pulsar-all)$/, ['other', 6650, 'pulsar', 8080]],
  [/^(?:nsqd)$/, ['other', 4150, 'tcp', 4151]],
  [/^(?:beanstalkd)$/, ['other', 11300, 'tcp']],
  [/^(?:milvus)$/, ['other', 19530, 'tcp', 9091]],
  [/^(?:auto-setup|temporal|temporalite)$/, ['other', 7233, 'tcp']],
  [/^(?:openldap|ldap|glauth|389ds)$/, ['other', 389, 'ldap']],
  [/^(?:sftp|openssh-server|sshd)$/, ['other', 22, 'sftp']],
  [/^(?:vsftpd|pure-ftpd|ftp)$/, ['other', 21, 'ftp']],
  [/^(?:samba)$/, ['other', 445, 'smb']],
  [/^(?:squid)$/, ['other', 3128, 'tcp']],
  [/^(?:coturn)$/, ['other', 3478, 'tcp']],
  [/^(?:clamav|clamd)$/, ['other', 3310, 'tcp']],
  [/^(?:graphite|graphite-statsd)$/, ['other', 2003, 'tcp', 80]],
  [/^(?:statsd|telegraf)$/, ['other', 8125, 'tcp']],
  [/^(?:fluentd|fluent-bit)$/, ['other', 24224, 'tcp', 2020]],
  [/^(?:logstash|logstash-oss)$/, ['other', 5044, 'tcp', 9600]],
  [/^(?:opentelemetry-collector(?:-contrib)?)$/, ['other', 4317, 'tcp']],
  [/^(?:autossh|cloudflared|ngrok)$/, ['other', 0, 'tcp']],
];

const proxies: Readonly<Record<string, Port>> = {
  nginx: 80,
  'nginx-unprivileged': 8080,
  openresty: 80,
  angie: 80,
  httpd: 80,
  apache: 8080,
  caddy: 80,
  'caddy-docker-proxy': 80,
  traefik: 80,
  haproxy: 80,
  'haproxy-alpine': 80,
  envoy: 10000,
  kong: 8000,
  'kong-gateway': 8000,
  apisix: 9080,
  krakend: 8080,
  tyk: 8080,
  varnish: 80,
  'nginx-proxy': 80,
  'nginx-proxy-manager': 80,
  swag: 80,
  sozu: 80,
  'oauth2-proxy': 4180,
  pomerium: 443,
};

/** Programs that speak HTTP, by an image's last path segment. */
const http: Readonly<Record<string, Port>> = Object.fromEntries(
  `adminer 8080 · akhq 8080 · alertmanager 9093 · all-in-one 16686 · arangodb 8529 · authelia 9091 · azurite 10000 · baserow 80 ·
   blackbox-exporter 9115 · bookstack 80 · browserless 3000 · cadvisor 8080 · chroma 8000 · chrome 3000 · clickhouse-server 8123 ·
   clickhouse 8123 · cloudbeaver 8978 · code-server 8080 · consul 8500 · couchbase 8091 · couchdb 5984 · cp-enterprise-control-center 9021 ·
   cp-kafka-connect 8083 · cp-kafka-rest 8082 · cp-ksqldb-server 8088 · cp-schema-registry 8081 · debezium-connect 8083 ·
   directus 8055 · discourse 3000 · docker-registry-ui 80 · docs 80 · dokuwiki 8080 · dozzle 8080 · drupal 80 · dynamodb-local 8000 ·
   elasticsearch-exporter 9114 · flower 5555 · forgejo 3000 · ghost 2368 · gitea 3000 · gitlab-ce 80 · gitlab-ee 80 · go-httpbin 8080 ·
   gotenberg 3000 · grafana 3000 · grafana-oss 3000 · grafana-enterprise 3000 · graphql-engine 8080 · heimdall 80 · hello-world-http 80 ·
   home-assistant 8123 · http-echo 5678 · http-https-echo 8080 · httpbin 80 · hydra 4444 · imgproxy 8080 · influxdb 8086 · jaeger 16686 ·
   jellyfin 8096 · jenkins 8080 · jobmanager 8081 · joomla 80 · kafdrop 9000 · kafka-ui 8080 · keycloak 8080 · kibana 5601 · kibana-oss 5601 ·
   ksqldb-server 8088 · localstack 4566 · localstack-pro 4566 · logto 3001 · loki 3100 · matomo 80 · mattermost-team-edition 8065 ·
   mediawiki 80 · meilisearch 7700 · metabase 3000 · mimir 9009 · mlflow 5000 · mockserver 1080 · mongo-express 8081 · moto 5000 · mysqld-exporter 9104 ·
   n8n 5678 · nextcloud 80 · nexus3 8081 · nocodb 8080 · node-exporter 9100 · ollama 11434 · open-webui 8080 · opensearch-dashboards 5601 ·
   outline 3000 · paperless-ngx 8000 · pgadmin4 80 · pgweb 8081 · phpldapadmin 80 · phpmyadmin 80 · pihole 80 · plausible 8000 ·
   portainer 9000 · portainer-ce 9000 · postgres-exporter 9187 · postgrest 3000 · prometheus 9090 · pushgateway 9091 · qdrant 6333 ·
   questdb 9000 · redis-commander 8081 · redis_exporter 9121 · redisinsight 5540 · redmine 3000 · registry 5000 · rocket.chat 3000 ·
   roundcubemail 80 · rstudio 8787 · schema-registry 8081 · searxng 8080 · selenium 4444 · shlink 8080 · solr 8983 · sonarqube 9000 ·
   standalone-chrome 4444 · standalone-firefox 4444 · stripe-mock 12111 · strapi 1337 · superset 8088 · surrealdb 8000 · swagger-editor 8080 ·
   swagger-ui 8080 · tempo 3200 · tika 9998 · tomcat 8080 · typesense 8108 · umami 3000 · unleash-server 4242 · uptime-kuma 3001 ·
   vault 8200 · vaultwarden 80 · victoria-metrics 8428 · verdaccio 4873 · weaviate 8080 · web 8080 · whoami 80 · wiremock 8080 · wordpress 80 ·
   zipkin 9411 · zipkin-slim 9411 · base-notebook 8888 · scipy-notebook 8888 · minimal-notebook 8888 · tensorflow-notebook 8888`
    .split('·')
    .map((row) => row.trim().split(' '))
    .map(([name = '', port]) => [name, Number(port)]),
);

/** Facts by the whole repository name, where the last segment alone could be anything. */
const byRepository: readonly (readonly [RegExp, Row])[] = [
  [/(?:^|\/)mssql\/server$/, ['other', 1433, 'sqlserver']],
  [/(?:^|\/)redpandadata\/console$/, ['http', 8080, 'http']],
  [/(?:^|\/)temporalio\/ui$/, ['http', 8080, 'http']],
  [/(?:^|\/)debezium\/connect$/, ['http', 8083, 'http']],
  [/(?:^|\/)tailscale\/tailscale$/, ['other', 0, 'tcp']],
];
/** Too plain a word to mean one program, unless somebody known says it. */
const vague = new Set([
  'docs',
  'web',
  'enterprise',
  'express',
  'smtp',
  'pg',
  'ldap',
  'mqtt',
  'ftp',
  'temporal',
  'chrome',
]);

interface ImageName {
  readonly repository: string;
  readonly last: string;
  readonly tag: string;
}

/** `registry:5000/bitnami/postgresql:16@sha256:…` in its parts. */
export function imageName(image: string): ImageName {
  const [named = ''] = image.trim().toLowerCase().split('@');
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const repository = colon === -1 ? named : named.slice(0, colon);
  return {
    repository,
    last: repository.slice(repository.lastIndexOf('/') + 1),
    tag: colon === -1 ? '' : named.slice(colon + 1),
  };
}

/** What is known about an image by its name; undefined for what is not widely used and for mere language bases. */
export function imageFacts(image: string): ImageFacts | undefined {
  const { repository, last, tag } = imageName(image);
  // FastCGI is no HTTP: something else must stand in front
  if (/(?:^|-)fpm(?:-|$)/.test(tag) || /-fpm$/.test(last)) return facts(['other', 9000, 'fcgi']);
  if (last === 'php') return /apache/.test(tag) ? facts(['http', 80, 'http']) : undefined;
  const special = byRepository.find(([pattern]) => pattern.test(repository));
  if (special) return facts(special[1]);
  const isVague = vague.has(last) && !/(?:swaggerapi|penpotapp|browserless|oracle)\//.test(repository);
  if (isVague) return undefined;
  const proxy = own(proxies, last);
  if (proxy !== undefined)
    return { ...facts(['http', proxy, 'http', ...(last === 'traefik' ? [8080] : [])]), isProxy: true };
  const port = own(http, last);
  if (port !== undefined) return facts(['http', port, 'http']);
  const family = families.find(([pattern]) => pattern.test(last));
  return family && facts(family[1]);
}

/** Whether the program's own port speaks HTTP. */
export function speaksHttp({ scheme }: ImageFacts): boolean {
  return scheme === 'http' || scheme === 'https';
}

function facts([kind, port, scheme, ...extraHttpPorts]: Row): ImageFacts {
  return { kind, port, scheme, extraHttpPorts, isProxy: false };
}

function own(table: Readonly<Record<string, Port>>, name: string): Port | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
