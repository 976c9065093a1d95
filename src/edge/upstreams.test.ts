import { describe, expect, test } from 'vitest';
import type { JsonObject } from './json.ts';
import { type Names, replaceUpstreams, type UpstreamInput } from './upstreams.ts';
import { everywhere } from './walk.ts';

const endpoint = (replica: number, containerPort?: number): UpstreamInput['endpoints'][number] => ({
  service: 'api',
  replica: `api:${replica}`,
  address: `shop-api-${replica}:${containerPort ?? 80}`,
  ...(containerPort === undefined ? {} : { containerPort }),
});

function replaced(
  handler: JsonObject,
  endpoints: UpstreamInput['endpoints'],
  rest: Partial<UpstreamInput> = {},
): { dials: unknown[]; warnings: string[]; handler: JsonObject } {
  const input: UpstreamInput = { services: new Set(['api', 'db']), endpoints, statics: new Map(), ...rest };
  const warnings = replaceUpstreams(handler, everywhere, input);
  return { dials: ((handler.upstreams ?? []) as JsonObject[]).map(({ dial }) => dial), warnings, handler };
}

test('an upstream takes the endpoints of the port that it names, and those that have one port only', () => {
  const endpoints = [endpoint(1, 3000), endpoint(1, 9090), endpoint(2, 3000), endpoint(3)];
  const { dials, warnings } = replaced({ upstreams: [{ dial: 'api:3000' }] }, endpoints);
  expect(dials).toEqual(['shop-api-1:3000', 'shop-api-2:3000', 'shop-api-3:80']);
  expect(warnings).toEqual([]);
});

test('a port that no endpoint leads to leaves no upstream, and is warned of with those there are', () => {
  const { dials, warnings } = replaced({ upstreams: [{ dial: 'tcp/api:8080' }] }, [
    endpoint(1, 3000),
    endpoint(1, 9090),
    endpoint(2, 3000),
  ]);
  expect(dials).toEqual([]);
  expect(warnings).toEqual(['port 8080 of "api" is not published (3000, 9090 is): requests for it are answered 503']);
});

test('a service without any endpoint is no reason for a warning: it has not started yet', () => {
  expect(replaced({ upstreams: [{ dial: 'api:8080' }] }, [])).toMatchObject({ dials: [], warnings: [] });
});

test('a dynamic upstream names its port too; one without a port takes any', () => {
  const endpoints = [endpoint(1, 3000), endpoint(1, 9090)];
  const dynamic = (source: JsonObject): JsonObject => ({ dynamic_upstreams: { source: 'a', name: 'api', ...source } });
  expect(replaced(dynamic({ port: '9090' }), endpoints).dials).toEqual(['shop-api-1:9090']);
  expect(replaced(dynamic({}), endpoints).dials).toEqual(['shop-api-1:3000', 'shop-api-1:9090']);
  expect(replaced(dynamic({ port: '1' }), endpoints)).toMatchObject({
    dials: [],
    warnings: [expect.stringContaining('port 1 of "api"')],
  });
});

test('weights follow the endpoints that are left', () => {
  const { handler } = replaced(
    {
      upstreams: [{ dial: 'api:3000' }, { dial: 'api:9090' }],
      load_balancing: { selection_policy: { policy: 'weighted_round_robin', weights: [9, 1] } },
    },
    [endpoint(1, 3000), endpoint(2, 3000), endpoint(1, 9090)],
  );
  expect(handler.load_balancing).toMatchObject({ selection_policy: { weights: [9, 9, 2] } });
});

test("the port of a health check is the container's: it stays where that is what the edge sees", () => {
  const handler = (): JsonObject => ({
    upstreams: [{ dial: 'api:3000' }],
    health_checks: { active: { uri: '/readyz', port: 9090 } },
  });
  expect(replaced(handler(), [endpoint(1, 3000)]).handler.health_checks).toEqual({ active: { uri: '/readyz' } });
  expect(replaced(handler(), [endpoint(1, 3000)], { isContained: true }).handler.health_checks).toEqual({
    active: { uri: '/readyz', port: 9090 },
  });
});

test('files in a container are asked for again each time, unless the Caddyfile says what is answered', () => {
  const pages = new Set(['api']);
  const again = { set: { 'Cache-Control': ['no-cache'] }, require: { headers: { 'Cache-Control': null } } };
  const upstreams = [{ dial: 'api:80' }];
  expect(replaced({ upstreams }, [endpoint(1)], { pages }).handler.headers).toEqual({ response: again });
  expect(replaced({ upstreams }, [endpoint(1)]).handler.headers).toBeUndefined();
  const asked = { request: { set: { X: ['1'] } } };
  expect(replaced({ upstreams, headers: asked }, [endpoint(1)], { pages }).handler.headers).toEqual({
    ...asked,
    response: again,
  });
  const own = { response: { set: { 'Cache-Control': ['max-age=60'] } } };
  expect(replaced({ upstreams, headers: own }, [endpoint(1)], { pages }).handler.headers).toEqual(own);
  const mixed = [{ dial: 'api:80' }, { dial: 'db:80' }];
  expect(replaced({ upstreams: mixed }, [endpoint(1)], { pages }).handler.headers).toBeUndefined();
});

describe('replicas in containers', () => {
  const resolver = 'unix/.camp/run/names.sock';
  const contained = new Set(['api', 'db']);
  const published = (replica: number): UpstreamInput['endpoints'][number] => ({
    ...endpoint(replica, 8080),
    address: `127.0.0.1:${4000 + replica}`,
  });
  const asked = (
    handler: JsonObject,
    endpoints: UpstreamInput['endpoints'],
    rest: Partial<UpstreamInput> = {},
  ): { names: Names; handler: JsonObject } => {
    const names: Names = new Map();
    const services = new Set(['api', 'db', 'web']);
    const input = { services, endpoints, statics: new Map(), contained, resolver, ...rest };
    replaceUpstreams(handler, everywhere, input, names);
    return { names, handler };
  };
  const plain = (): JsonObject => ({ handler: 'reverse_proxy', upstreams: [{ dial: 'api:8080' }] });

  test('are asked for by a name that says the service and the port: how many there are makes no other handler', () => {
    const one = asked(plain(), [published(1)]);
    const two = asked(plain(), [published(1), published(2)]);
    expect(one.handler).toEqual(two.handler);
    expect(two.names).toEqual(new Map([['api.8080.camp.internal.', ['127.0.0.1:4001', '127.0.0.1:4002']]]));
    expect(two.handler).toEqual({
      handler: 'reverse_proxy',
      dynamic_upstreams: {
        source: 'multi',
        sources: [
          {
            source: 'srv',
            name: 'api.8080.camp.internal.',
            refresh: '50ms',
            grace_period: '100ms',
            resolver: { addresses: [resolver] },
            dial_network: 'tcp4',
          },
        ],
      },
      transport: { protocol: 'http', resolver: { addresses: [resolver] } },
    });
  });

  test('are found by their own names where the edge is beside them', () => {
    const { handler, names } = asked(plain(), [endpoint(1, 8080)], { isContained: true });
    expect(names.get('api.8080.camp.internal.')).toEqual(['shop-api-1:8080']);
    expect(handler.transport).toBeUndefined();
    expect(JSON.stringify(handler)).not.toContain('tcp4');
  });

  test('are named while they are ready, and all of them while none is', () => {
    const both = [published(1), published(2)];
    const named = (...unready: string[]): readonly string[] | undefined =>
      asked(plain(), both, { unready: new Set(unready) }).names.get('api.8080.camp.internal.');
    expect(named('api:2')).toEqual(['127.0.0.1:4001']);
    expect(named('api:1', 'api:2')).toEqual(['127.0.0.1:4001', '127.0.0.1:4002']);
  });

  test.each<[string, JsonObject, Partial<UpstreamInput>?]>([
    ['nobody could be asked', {}, { resolver: undefined as never }],
    ['it is a process', {}, { contained: new Set() }],
    ['another upstream is a process', { upstreams: [{ dial: 'api:8080' }, { dial: 'web:80' }] }],
    ['another upstream is no service', { upstreams: [{ dial: 'api:8080' }, { dial: 'example.com:80' }] }],
    ['an upstream is limited', { upstreams: [{ dial: 'api:8080', max_requests: 3 }] }],
    ['there are weights', { load_balancing: { selection_policy: { policy: 'weighted_round_robin', weights: [1] } } }],
    ['there is a health check', { health_checks: { active: { uri: '/' } } }],
    ['it speaks TLS', { transport: { protocol: 'http', tls: {} } }],
    ['it is FastCGI', { transport: { protocol: 'fastcgi' } }],
    [
      'a header names the upstream',
      { headers: { request: { set: { H: ['{http.reverse_proxy.upstream.hostport}'] } } } },
    ],
    ['it is asked for already', { dynamic_upstreams: { source: 'a', name: 'api', port: '8080' } }],
  ])('are written down where %s', (_, rest, input = {}) => {
    const { handler, names } = asked({ ...plain(), ...rest }, [published(1), published(2)], input);
    expect(names.size).toBe(0);
    expect(handler.dynamic_upstreams).toBeUndefined();
    expect(handler.upstreams).toContainEqual(expect.objectContaining({ dial: '127.0.0.1:4002' }));
  });

  test('are written down where there is none: nobody could answer that', () => {
    expect(asked(plain(), []).handler).toEqual({ handler: 'reverse_proxy', upstreams: [] });
  });
});
