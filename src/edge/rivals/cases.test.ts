import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JsonObject } from '../json.ts';
import { renderApache } from './apache.ts';
import { renderCaddyfile } from './caddyfile.ts';
import { renderNginx } from './nginx.ts';
import { readSite } from './read-site.ts';
import type { Rendered } from './types.ts';

/**
 * A case is a Caddyfile, what Caddy makes of it (test/contract/rivals-cases.test.ts holds it to that), and what the
 * other servers are given. UPDATE=1 writes what is rendered now.
 */
const folder = join(import.meta.dirname, '../../../test/cases/rivals');
const deployment = { https: 8443, http: 8080, certificate: '/etc/site.crt', key: '/etc/site.key' };

function rendered(adapted: JsonObject): readonly string[] {
  const replicas = [
    ['orders', '127.0.0.1:4001'],
    ['orders', '127.0.0.1:4002'],
    ['chat', '127.0.0.1:4003'],
  ] as const;
  const site = readSite({
    adapted,
    domain: 'shop.localhost',
    dir: '/project',
    services: new Set(['orders', 'chat', 'web', 'nobody']),
    endpoints: replicas.map(([service, address], i) => ({ service, replica: `${service}:${i}`, address })),
    statics: new Map([['web', '/project/web']]),
  });
  const each = (name: string, result: Rendered): string =>
    'refused' in result
      ? `${name} refuses ${result.refused.join(', ')}\n`
      : `${name}${result.omitted.length > 0 ? ` without ${result.omitted.join(', ')}` : ''}\n${result.text}`;
  if (site.refused.length > 0) return [`refused\n${site.refused.join('\n')}\n`];
  return [
    ...(site.omitted.length > 0 ? [`omitted\n${site.omitted.join('\n')}\n`] : []),
    each('nginx', renderNginx(site, { ...deployment, version: '1.22.1', mimeTypes: '/etc/nginx/mime.types' })),
    each(
      'apache',
      renderApache(site, { ...deployment, modules: 'modules', builtIn: new Set(), mimeTypes: '/etc/mime.types' }),
    ),
    each('caddy', renderCaddyfile(site)),
  ];
}

for (const file of readdirSync(folder))
  test(file, () => {
    const [caddyfile = '', adapted = '', ...expected] = readFileSync(join(folder, file), 'utf8').split(/^-{10} /m);
    const config = JSON.parse(adapted.replace(/^adapted\n/, '')) as JsonObject;
    const before = JSON.stringify(config);
    const found = rendered(config);
    if (process.env['UPDATE']) writeFileSync(join(folder, file), [caddyfile, adapted, ...found].join('---------- '));
    else expect(found).toEqual(expected);
    expect(JSON.stringify(config)).toBe(before);
  });

test('HTTP/2 is switched on as the version of nginx wants it', () => {
  const config = { apps: { http: { servers: { srv0: { listen: [':443'], routes: [host] } } } } } as JsonObject;
  const site = readSite({
    adapted: config,
    domain: 'a.localhost',
    dir: '/',
    services: new Set(),
    endpoints: [],
    statics: new Map(),
  });
  const text = (version: string): string => {
    const result = renderNginx(site, { ...deployment, version, mimeTypes: '/etc/nginx/mime.types' });
    return 'text' in result ? result.text : '';
  };
  for (const old of ['1.22.1', '1.25.0']) expect(text(old)).toContain(`listen 127.0.0.1:8443 ssl http2;`);
  for (const later of ['1.25.1', '1.27.0', '2.0.0']) {
    expect(text(later)).toContain('http2 on;');
    expect(text(later)).toContain('listen 127.0.0.1:8443 ssl;');
  }
});

const host = {
  match: [{ host: ['a.localhost'] }],
  handle: [{ handler: 'static_response', body: 'a', status_code: 200 }],
};
