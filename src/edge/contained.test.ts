import { expect, test } from 'vitest';
import { beatOf, portsOf } from './beat.ts';
import { contained } from './contained.ts';
import { containerShape, runScript } from './container-shape.ts';
import type { JsonObject } from './json.ts';
import { patch } from './patch.ts';

const leaf = { name: '*.shop.localhost', certificate: 'CERTIFICATE', key: 'KEY', dueAt: 1 };

const adapted: JsonObject = {
  logging: { logs: { log0: { writer: { output: 'file', filename: './access.log' }, include: ['http.log.access'] } } },
  apps: {
    tls: {
      certificates: { load_files: [{ certificate: 'own.pem', key: 'own.key' }] },
      automation: { policies: [{ subjects: ['x.localhost'], on_demand: true }] },
    },
    http: {
      servers: {
        srv0: {
          listen: [':443'],
          routes: [
            {
              match: [{ host: ['shop.localhost', 'api.shop.localhost'] }],
              handle: [{ handler: 'reverse_proxy', upstreams: [{ dial: 'web:80' }, { dial: 'localhost:3000' }] }],
            },
          ],
        },
        srv1: { listen: ['127.0.0.1:9000'], routes: [{ handle: [{ handler: 'static_response' }] }] },
      },
    },
  },
};

const patched = patch({
  adapted,
  ports: { https: 18_443, http: 18_080 },
  hasIpv6: true,
  isContained: true,
  storage: '/data/caddy',
  adminListen: '127.0.0.1:61019',
  id: 'camp-1',
  domain: 'shop.localhost',
  services: new Set(['web']),
  endpoints: [{ service: 'web', replica: 'web:1', address: 'shop-web-1:80', containerPort: 80 }],
  statics: new Map(),
});

test('a container listens on every interface, on the ports that are published; routes and redirect name those', () => {
  const { config } = contained(patched.config, [leaf]);
  const servers = ((config.apps as JsonObject).http as JsonObject).servers as Record<string, JsonObject>;
  expect(Object.values(servers).map(({ listen }) => listen)).toEqual([[':18443'], [':9000'], [':18080']]);
  expect(patched.routes).toEqual([{ service: 'web', url: 'https://shop.localhost:18443' }]);
  expect(JSON.stringify(config)).toContain('https://{http.request.host}:18443{http.request.uri}');
  expect(portsOf(config)).toEqual([9000, 18_080, 18_443]);
});

test("leaves come in, what issues them stays out, and the project's own certificates stay", () => {
  const { config } = contained(patched.config, [leaf]);
  expect((config.apps as JsonObject).pki).toBeUndefined();
  expect((config.apps as JsonObject).tls).toEqual({
    certificates: {
      load_files: [{ certificate: 'own.pem', key: 'own.key' }],
      load_pem: [{ certificate: 'CERTIFICATE', key: 'KEY' }],
    },
    disable_storage_check: true,
    disable_storage_clean: true,
  });
  expect(JSON.stringify(patched.config)).toContain('"automate"');
});

test('says what a container cannot do', () => {
  expect(contained(patched.config, []).warnings).toEqual([
    expect.stringContaining('certificates on demand need the local CA'),
    expect.stringContaining('./access.log is not written from a container'),
    expect.stringContaining("localhost:3000 is the edge's own container"),
  ]);
});

test('an empty configuration is one too', () => {
  expect(contained({}, [])).toEqual({ config: {}, warnings: [] });
  expect([portsOf({}), beatOf({})]).toEqual([[], undefined]);
});

test('its life is seen at a handshake, else at plain HTTP', () => {
  expect(beatOf(patched.config)).toEqual({ by: 'handshake', port: 18_443, host: 'shop.localhost' });
  expect(beatOf({ apps: { http: { servers: { a: { listen: ['tcp4/:80', 'unix//x'] } } } } })).toEqual({
    by: 'answer',
    port: 80,
  });
});

test("the CA is covered where it lies in the project's folder", () => {
  const shape = (storage: string): readonly string[] =>
    containerShape({ projectDir: '/home/ann', runDir: '.camp/run', storage }).tmpfs;
  expect(shape('/home/ann/.local/share/camp/caddy')).toEqual(['/home/ann/.camp', '/home/ann/.local/share/camp/caddy']);
  expect(shape('/home/anna/caddy')).toEqual(['/home/ann/.camp']);
});

test('the script quotes what it is given, and takes nothing from the image', () => {
  expect(runScript("/srv/it's", { A: `'"$(x)\n`, PATH: '/bin', 'not-a-name': '1' })).toBe(
    `export A=''\\''"$(x)\n'\ni=0; while [ ! -e /camp/caddy.json ] && [ $((i += 1)) -lt 3000 ]; do sleep 0.02; done\ncd '/srv/it'\\''s' && exec caddy run --config /camp/caddy.json\n`,
  );
});
