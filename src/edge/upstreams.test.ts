import { expect, test } from 'vitest';
import type { JsonObject } from './json.ts';
import { replaceUpstreams, type UpstreamInput } from './upstreams.ts';
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
