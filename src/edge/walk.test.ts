import { expect, test } from 'vitest';
import type { JsonObject } from './json.ts';
import { everywhere, type Place, walkRoutes } from './walk.ts';

function placesOf(routes: JsonObject[]): Place[] {
  const places: Place[] = [];
  walkRoutes(routes, everywhere, (handler, place) => void (handler.handler === 'x' && places.push(place)));
  return places;
}
const at = (match: JsonObject): Place => placesOf([{ match: [match], handle: [{ handler: 'x' }] }])[0]!;

test.each([
  ['/api/*', '/api/', '/api'],
  ['/api*', '/api', '/api'],
  ['/exact', '/exact', ''],
  ['*', '', ''],
  ['/*', '', ''],
])('%s is reached at %s', (pattern, path, prefix) => {
  expect(at({ path: [pattern] })).toMatchObject({ path, prefix });
});

test('a pattern with a star inside names no path; the first that does counts', () => {
  expect(at({ path: ['/a/*/b'] }).path).toBeUndefined();
  expect(at({ path: ['*.jpg', '/img/*'] }).path).toBe('/img/');
});

test.each([
  [{ method: ['POST'] }, true],
  [{ method: ['GET', 'HEAD'] }, false],
  [{ header: { X: ['1'] } }, true],
  [{ not: [{ path: ['/api/*'] }] }, false],
  [{ not: [{ path: ['/'] }] }, true],
  [{ not: [{ method: ['POST'] }] }, false],
  [{ not: [{ header: { X: ['1'] } }] }, true],
  [{ path: ['/a/*'], not: [{ path: ['/a/b*'] }] }, false],
  [{ path: ['/a/*'], not: [{ path: ['/A/*'] }] }, true],
] as const)('%j is conditional: %s', (match, isConditional) => {
  expect(at(match as unknown as JsonObject).isConditional).toBe(isConditional);
});

test('what is cut off the path counts for the URL, not for the handler', () => {
  const inner = {
    handler: 'subroute',
    routes: [
      { handle: [{ handler: 'rewrite', strip_path_prefix: '/v1' }] },
      { match: [{ path: ['/users/*'] }], handle: [{ handler: 'x' }] },
    ],
  };
  expect(placesOf([{ match: [{ path: ['/v1/*'] }], handle: [inner] }])).toMatchObject([
    { path: '/v1/users/', prefix: '/users' },
  ]);
});

test('handlers in handle_response and in deep subroutes are visited', () => {
  const deep = {
    handler: 'reverse_proxy',
    handle_response: [{ routes: [{ handle: [{ handler: 'subroute', routes: [{ handle: [{ handler: 'x' }] }] }] }] }],
  };
  expect(placesOf([{ match: [{ host: ['a'] }], handle: [deep] }])).toMatchObject([{ hosts: ['a'] }]);
});
