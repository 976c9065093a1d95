import { expect, test } from 'vitest';
import type { JsonObject } from './json.ts';
import { type PatchInput, patch } from './patch.ts';

const adapted: JsonObject = {
  admin: { listen: '0.0.0.0:2019' },
  apps: {
    http: {
      servers: {
        srv0: {
          listen: [':443'],
          routes: [
            {
              match: [{ host: ['shop.localhost'] }],
              handle: [{ handler: 'reverse_proxy', upstreams: [{ dial: 'web:80' }] }],
              terminal: true,
            },
          ],
        },
      },
    },
  },
};

const input: PatchInput = {
  adapted,
  ports: { https: 443, http: 80 },
  hasIpv6: false,
  storage: '/storage',
  adminListen: 'unix/run/admin.sock|0600',
  id: 'camp-1',
  domain: 'shop.localhost',
  services: new Set(['web']),
  endpoints: [{ service: 'web', replica: 'web:1', address: '127.0.0.1:4000' }],
  statics: new Map(),
};

test('the input stays as it was, and the same input gives the same output', () => {
  const before = JSON.stringify(adapted);
  expect(patch(input)).toEqual(patch(input));
  expect(JSON.stringify(adapted)).toBe(before);
});

test('a standard port is left out of URLs; without IPv6 only 127.0.0.1 is bound', () => {
  const { config, routes } = patch(input);
  expect(routes).toEqual([{ service: 'web', url: 'https://shop.localhost' }]);
  expect(JSON.stringify(config)).not.toContain('[::1]');
  expect(JSON.stringify(config)).toContain('https://{http.request.host}{http.request.uri}');
});

test('without a port for HTTP there is no redirect, and http:// sites are left out with a warning', () => {
  const plain: JsonObject = {
    apps: { http: { servers: { a: { listen: [':80'], routes: [] }, b: { listen: [':443'], routes: [] } } } },
  };
  const { config, warnings } = patch({ ...input, adapted: plain, ports: { https: 18_443 } });
  expect(Object.keys(((config.apps as JsonObject).http as JsonObject).servers as JsonObject)).toEqual(['b']);
  expect(warnings).toEqual(['no port for plain HTTP could be had: the http:// sites are not served']);
});

test('servers that differed only in what they bound become one, catch-alls last', () => {
  const two: JsonObject = {
    apps: {
      http: {
        servers: {
          a: { listen: ['0.0.0.0:443'], routes: [{ handle: [{ handler: 'static_response' }] }] },
          b: {
            listen: [':443'],
            routes: [{ match: [{ host: ['b.localhost'] }], handle: [] }],
            tls_connection_policies: [{}],
          },
        },
      },
    },
  };
  const { config, warnings } = patch({ ...input, adapted: two });
  const servers = ((config.apps as JsonObject).http as JsonObject).servers as Record<string, JsonObject>;
  expect(Object.keys(servers).filter((name) => name !== 'camp_redirect')).toEqual(['a']);
  const routes = servers['a']?.routes as JsonObject[];
  expect(routes.at(-1)?.handle).toEqual([{ handler: 'static_response' }]);
  expect(warnings).toEqual(['the Caddyfile binds 0.0.0.0: camp listens on loopback only']);
});

test('an empty Caddyfile is a configuration too', () => {
  const { config, routes } = patch({ ...input, adapted: {} });
  expect(routes).toEqual([]);
  expect(config.admin).toEqual({ listen: 'unix/run/admin.sock|0600', config: { persist: false } });
});

test('a configuration of any odd shape does not throw', () => {
  for (const apps of [
    null,
    [],
    'x',
    { http: [] },
    { http: { servers: { a: null, b: { listen: 1, routes: [null, 1, { match: 'x', handle: [{}] }] } } } },
  ] as JsonObject['apps'][])
    expect(() => patch({ ...input, adapted: { apps } as JsonObject })).not.toThrow();
});

test('folders that the Caddyfile means in its container are those of this machine', () => {
  const roots = ['/srv', '/srv/', '/srv/docs/a', '/srvs', '/var/www', 'public', '{http.vars.x}'];
  const handle = roots.map((root) => ({ handler: 'vars', root }));
  const files: JsonObject = {
    apps: { http: { servers: { a: { listen: [':443'], routes: [{ handle: [...handle] }] } } } },
  };
  const mounts = [
    { source: '/p/site', target: '/srv/' },
    { source: '/p/docs', target: '/srv/docs' },
    { source: '/p/Caddyfile', target: '/etc/caddy/Caddyfile' },
  ];
  const text = JSON.stringify(patch({ ...input, adapted: files, mounts }).config);
  const found = [...text.matchAll(/"handler":"vars","root":"([^"]*)"/g)].map((each) => each[1]);
  expect(found).toEqual(['/p/site', '/p/site', '/p/docs/a', '/srvs', '/var/www', 'public', '{http.vars.x}']);
});
