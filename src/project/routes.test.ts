import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aService } from '../../test/rig/services.ts';
import { hostLabels, httpPortsOf, routesOfServices } from './routes.ts';
import type { Port, PublishedPort, Service } from './types.ts';

const dir = mkdtempSync(join(tmpdir(), 'camp-routes-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const tcp = (...ports: readonly (Port | readonly [host: Port, container: Port])[]): readonly PublishedPort[] =>
  ports.map((each) =>
    typeof each === 'number'
      ? { container: each, protocol: 'tcp' }
      : { host: each[0], container: each[1], protocol: 'tcp' },
  );
const of = (name: string, over: Partial<Service> = {}): Service => aService(name, { isNative: false, ...over });
const image = (name: string, from: string, over: Partial<Service> = {}): Service => of(name, { image: from, ...over });
const built = (name: string, over: Partial<Service> = {}): Service =>
  of(name, { build: { context: join(dir, 'none'), hasDockerfile: false }, ...over });
const dockerfile = (...lines: readonly string[]): Partial<Service> => ({ hints: { dockerfile: lines.join('\n') } });

const portOf = (service: Service, ...others: readonly Service[]): string | undefined => {
  const found = httpPortsOf([service, ...others]).get(service.name);
  return found && `${found.scheme}:${found.port}`;
};

describe('the port where a service speaks HTTP', () => {
  it.each<[string, Service, string | undefined]>([
    ['a published port', image('x', 'example/x', { ports: tcp([80, 4000]) }), 'http:4000'],
    ['an exposed one', image('x', 'example/x', { expose: [4000] }), 'http:4000'],
    ['nothing said', image('x', 'example/x'), undefined],
    ['a database', image('db', 'postgres:17', { ports: tcp(5432) }), undefined],
    ['a database by its port', image('x', 'example/x', { ports: tcp(5432) }), undefined],
    [
      'a broker with its console published',
      image('mq', 'rabbitmq:4-management', { ports: tcp(5672, 15672) }),
      'http:15672',
    ],
    ['a broker without', image('mq', 'rabbitmq:4-management', { ports: tcp(5672) }), undefined],
    ['a mail catcher', image('mail', 'axllent/mailpit', { ports: tcp(1025, 8025) }), 'http:8025'],
    ['a store that speaks HTTP', image('s3', 'minio/minio', { ports: tcp(9001, 9000) }), 'http:9000'],
    ['only its console', image('s3', 'minio/minio', { ports: tcp(9001) }), 'http:9001'],
    ['FastCGI', image('php', 'php:8-fpm', { expose: [9000] }), undefined],
    ['a known image with nothing said', image('g', 'grafana/grafana'), 'http:3000'],
    [
      'a known image on another port',
      image('g', 'grafana/grafana', { env: { GF_SERVER_HTTP_PORT: '3333' } }),
      'http:3333',
    ],
    ['nginx told to listen elsewhere', image('n', 'nginx:1', { ports: tcp([80, 3000]) }), 'http:3000'],
    ['TLS only', image('n', 'nginx:1', { ports: tcp(443) }), 'https:443'],
    ['TLS beside plain', image('n', 'nginx:1', { ports: tcp(443, 80) }), 'http:80'],
    ['another TLS port only', image('k', 'example/k', { ports: tcp(8443) }), 'https:8443'],
    [
      'pages in an image that serves them where it says',
      built('w', { ports: tcp([80, 80]), start: { kind: 'static', root: dir, why: 'index.html' } }),
      'http:80',
    ],
    ['pages', of('w', { start: { kind: 'static', root: dir, why: 'index.html' } }), 'http:8080'],
    ['a debugger beside it', built('x', { ports: tcp(9229, 3000) }), 'http:3000'],
    ['metrics beside it', built('x', { ports: tcp(9464, 8080) }), 'http:8080'],
    ['gRPC only', built('x', { ports: tcp(50051) }), undefined],
    ['UDP only', image('x', 'example/x', { ports: [{ container: 8080, protocol: 'udp' }] }), undefined],
    ['which of two the environment says', built('x', { ports: tcp(7001, 7002), env: { PORT: '7002' } }), 'http:7002'],
    [
      'which of two the health check asks',
      built('x', { ports: tcp(7001, 7002), hints: { healthTest: 'CMD curl -f http://localhost:7002/h' } }),
      'http:7002',
    ],
    [
      'a health check alone',
      image('x', 'e/x', { hints: { healthTest: 'CMD-SHELL curl localhost:9999/ || exit 1' } }),
      'http:9999',
    ],
    [
      'a health check by variable',
      image('x', 'e/x', { env: { P: '81' }, hints: { healthTest: 'wget http://127.0.0.1:${P}/' } }),
      'http:81',
    ],
    [
      'a health check over TLS',
      image('x', 'e/x', { hints: { healthTest: 'curl -k https://localhost:9443' } }),
      'https:9443',
    ],
    [
      'a health check by its own name',
      image('studio', 'e/x', { hints: { healthTest: "CMD node -e fetch('http://studio:3002/x')" } }),
      'http:3002',
    ],
    [
      'a health check of the shell',
      image('x', 'e/x', {
        hints: { healthTest: 'CMD bash -c exec 3<>/dev/tcp/127.0.0.1/9000 && echo -e "GET / HTTP/1.1"' },
      }),
      'http:9000',
    ],
    [
      'no health check of others',
      image('x', 'e/x', { hints: { healthTest: 'curl http://localhost.example.com:1' } }),
      undefined,
    ],
    [
      'TLS of a known image',
      image('es', 'elasticsearch', {
        ports: tcp(9200),
        hints: { healthTest: 'CMD-SHELL curl -s https://localhost:9200' },
      }),
      'https:9200',
    ],
    ['PORT', built('x', { env: { PORT: '5001' } }), 'http:5001'],
    ['a command', image('x', 'python:3', { hints: { command: ['python', '-m', 'http.server', '8123'] } }), 'http:8123'],
    ['a flag', image('x', 'python:3', { hints: { command: ['uvicorn', 'm:a', '--port=8124'] } }), 'http:8124'],
    ['an address', built('x', { hints: { command: ['gunicorn', '-b', '0.0.0.0:8125', 'm'] } }), 'http:8125'],
    ['Django', built('x', { hints: { command: ['python', 'manage.py', 'runserver', '0.0.0.0:8126'] } }), 'http:8126'],
    ['EXPOSE', built('x', dockerfile('FROM a', 'EXPOSE 6001')), 'http:6001'],
    ['a command in the image', built('x', dockerfile('FROM a', 'CMD ["flask","run","--port","6002"]')), 'http:6002'],
    ['a known base', built('x', dockerfile('FROM node AS b', 'FROM nginx:alpine')), 'http:80'],
    ['a database as base', built('x', dockerfile('FROM postgres:17')), undefined],
    [
      'a web server beside FastCGI in one image',
      built('x', { ...dockerfile('FROM php:8-fpm'), ports: tcp([8080, 80]) }),
      'http:80',
    ],
    [
      'Traefik',
      image('x', 'e/x', { hints: { labels: { 'traefik.http.services.x.loadbalancer.server.port': '7777' } } }),
      'http:7777',
    ],
    ['nginx-proxy', image('x', 'e/x', { env: { VIRTUAL_HOST: 'x.test', VIRTUAL_PORT: '7778' } }), 'http:7778'],
    ['nginx-proxy with one port', image('x', 'e/x', { expose: [7779], env: { VIRTUAL_HOST: 'x.test' } }), 'http:7779'],
    [
      'caddy-docker-proxy',
      image('x', 'e/x', { hints: { labels: { 'caddy.reverse_proxy': '{{upstreams 7780}}' } } }),
      'http:7780',
    ],
    ['a worker with EXPOSE', built('worker', dockerfile('FROM a', 'EXPOSE 3000')), undefined],
    [
      'a worker by its command',
      built('tasks', { hints: { command: ['celery', '-A', 'x', 'worker'], dockerfile: 'FROM a\nEXPOSE 80' } }),
      undefined,
    ],
    ['a one-shot', built('x', { isOneShot: true, ports: tcp(80) }), undefined],
    ['no network', image('x', 'nginx', { hints: { networkMode: 'none' } }), undefined],
    ['a name people open', built('frontend'), 'http:8080'],
  ])('%s', (_, service, expected) => {
    expect(portOf(service, image('other', 'example/other'))).toBe(expected);
  });

  it('believes what others ask', () => {
    const caller = built('web', {
      env: { ORDERS: 'http://orders:7000/api', LIST: 'https://billing, http://shop.orders:1' },
    });
    const ports = httpPortsOf([caller, built('orders'), built('billing')]);
    expect(ports.get('orders')).toEqual({ port: 7000, scheme: 'http' });
    expect(ports.get('billing')).toEqual({ port: 443, scheme: 'https' });
  });

  it('knows a service by its other names', () => {
    const caller = built('web', { env: { URL: 'http://the_api:7000' } });
    expect(portOf(built('x', { hints: { aliases: ['the_api'] } }), caller)).toBe('http:7000');
  });

  it('takes another command of the same image for a worker, and another copy for a copy', () => {
    const server = built('server', { ports: tcp(3000) });
    const worker = built('emails', { hints: { command: ['node', 'emails.js'] } });
    expect(httpPortsOf([server, worker]).has('emails')).toBe(false);
  });

  describe('behind a proxy whose configuration lies here', () => {
    beforeAll(() =>
      writeFileSync(
        join(dir, 'site.conf'),
        `upstream pool { server app1:5001; server app2:5002 weight=2; }
         server { listen 80; # http://ignored:1
           location / { proxy_pass http://pool; } location /api { proxy_pass http://api:5003/; } }`,
      ),
    );
    const proxy = image('proxy', 'nginx', {
      ports: tcp([80, 80]),
      hints: { mounts: [{ source: join(dir, 'site.conf'), target: '/etc/nginx/conf.d/default.conf' }] },
    });
    const services = [built('app1'), built('app2'), built('api'), built('pool'), built('ignored'), proxy];

    it('finds every upstream', () => {
      const found = [...httpPortsOf(services)].map(([name, { port }]) => `${name}:${port}`);
      expect(found).toEqual(['app1:5001', 'app2:5002', 'api:5003', 'proxy:80']);
    });

    it('takes the proxy for the front page', () => {
      expect(routesOfServices(services, 'shop')).toContain('{$CAMP_DOMAIN:shop.localhost}, proxy.{$CAMP');
    });
  });
});

describe('the front page', () => {
  const front = (...services: readonly Service[]): string | undefined =>
    /^\{\$CAMP_DOMAIN:p\.localhost\}, ([a-z0-9-]+)\./m.exec(routesOfServices(services, 'p'))?.[1];
  const api = built('api', { ports: tcp([8000, 8000]) });
  const sock = { mounts: [{ source: '/var/run/docker.sock', target: '/var/run/docker.sock' }] };

  it.each<[string, readonly Service[], string]>([
    ['by its name', [api, built('frontend', { ports: tcp(3000) })], 'frontend'],
    [
      'a proxy before a name',
      [built('web', { ports: tcp(3000) }), image('nginx', 'nginx', { ports: tcp([80, 80]) })],
      'nginx',
    ],
    [
      'a proxy that needs others',
      [
        built('web', { ports: tcp(3000) }),
        image('rp', 'haproxy', { ports: tcp([8080, 80]), dependsOn: new Map([['web', 'service_started']]) }),
      ],
      'rp',
    ],
    [
      'no proxy that only serves files',
      [built('web', { ports: tcp(3000) }), image('manual', 'nginx', { ports: tcp([8080, 80]) })],
      'web',
    ],
    [
      'no file server that waits for what makes its files',
      [
        built('web', { ports: tcp([8080, 3000]) }),
        image('assets', 'busybox'),
        image('static', 'nginx', { ports: tcp([8081, 80]), dependsOn: new Map([['assets', 'service_started']]) }),
      ],
      'web',
    ],
    ['no proxy that nobody can reach', [built('web', { ports: tcp(3000) }), image('nginx', 'nginx')], 'web'],
    [
      'what is published on 80',
      [built('catalog', { ports: tcp([81, 3000]) }), built('shop', { ports: tcp([80, 3000]) })],
      'shop',
    ],
    [
      'a host port before one in the container',
      [built('result', { ports: tcp([8081, 80]) }), built('vote', { ports: tcp([8080, 80]) })],
      'vote',
    ],
    [
      'no tool',
      [image('adminer', 'adminer', { ports: tcp([8080, 8080]) }), built('shop', { ports: tcp([3000, 3000]) })],
      'shop',
    ],
    ['the only one', [image('adminer', 'adminer', { ports: tcp([8080, 8080]) })], 'adminer'],
    [
      'what needs others',
      [
        built('a', { ports: tcp(1234) }),
        built('b', { ports: tcp(1235), dependsOn: new Map([['a', 'service_started']]) }),
      ],
      'b',
    ],
    [
      'no Traefik that asks for other hosts',
      [
        image('traefik', 'traefik:v3', { ports: tcp([80, 80]), hints: sock }),
        image('whoami', 'traefik/whoami', { hints: { labels: { 'traefik.http.routers.w.rule': 'Host(`w.test`)' } } }),
      ],
      'whoami',
    ],
    [
      'Traefik that goes by path',
      [
        image('traefik', 'traefik:v3', { ports: tcp([80, 80]), hints: sock }),
        image('whoami', 'traefik/whoami', { hints: { labels: { 'traefik.http.routers.w.rule': 'PathPrefix(`/`)' } } }),
      ],
      'traefik',
    ],
  ])('%s', (_, services, expected) => {
    expect(front(...services)).toBe(expected);
  });
});

describe('routesOfServices', () => {
  it('passes TLS on without asking for a name', () => {
    expect(routesOfServices([image('k', 'example/k', { ports: tcp(8443) })], 'p')).toBe(
      `{$CAMP_DOMAIN:p.localhost}, k.{$CAMP_DOMAIN:p.localhost} {
\treverse_proxy https://k:8443 {
\t\ttransport http {
\t\t\ttls_insecure_skip_verify
\t\t}
\t}
}
`,
    );
  });

  it('says so where nothing speaks HTTP', () => {
    expect(routesOfServices([image('db', 'postgres')], 'p')).toContain('no service of p speaks HTTP');
  });

  it('leads to nothing that has turned out not to speak HTTP, and still names its port', () => {
    const services = [built('web', { ports: tcp(3000) }), built('broker', { expose: [9000] })];
    const text = routesOfServices(services, 'p', new Set(['broker']));
    expect(text).toContain('# broker:9000 does not speak HTTP\n{$CAMP_DOMAIN:p.localhost}, web.');
    expect(text).not.toContain('reverse_proxy broker');
    expect(routesOfServices(services, 'p', new Set(['web', 'broker']))).toContain('no service of p speaks HTTP');
  });

  it('gives each service a label of its own, whatever stands first', () => {
    expect([...hostLabels(['my_app', 'my.app', 'my-app', 'API', 'api', 'a__b', '_'])]).toEqual([
      ['my_app', 'my-app-2'],
      ['my.app', 'my-app-3'],
      ['my-app', 'my-app'],
      ['API', 'api-2'],
      ['api', 'api'],
      ['a__b', 'a-b'],
      ['_', 'service'],
    ]);
  });

  it('is quick with four thousand services', () => {
    const many = Array.from({ length: 4000 }, (_, i) =>
      built(`s${i}`, { env: { NEXT: `http://s${i + 1}:80${i % 10}` } }),
    );
    expect(httpPortsOf(many).size).toBe(3999);
  });
});
