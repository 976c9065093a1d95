import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { authorityFiles, inspectAuthority } from '../../src/edge/authority.ts';
import { ensureAuthority, trustEnv } from '../../src/edge/ca.ts';
import { createEdge } from '../../src/edge/edge.ts';
import { listeners } from '../../src/kit/ports.ts';
import { isAlive, processInfo } from '../../src/kit/process.ts';
import {
  caddy,
  createRig,
  eventually,
  failureOf,
  fingerprintOf,
  get,
  https,
  never,
  site,
  upstream,
  wantedOf,
  writeIn,
} from './edge-rig.ts';

describe.skipIf(caddy === undefined)('the edge, as a process', () => {
  test('listens on loopback only, whatever the Caddyfile binds, and its files are private', async () => {
    await using rig = createRig();
    await using web = await upstream((_, response) => response.end('web'));
    const port = rig.setup.ports.https + 40;
    const text = `{\n\tadmin 0.0.0.0:${port + 1}\n\tstorage file_system ${rig.folder}/elsewhere\n}\nshop.localhost {\n\tbind 0.0.0.0\n\treverse_proxy web:80\n}\nhttp://127.0.0.1:${port} {\n\trespond hi\n}\n`;
    await rig.edge.start(never);
    await rig.edge.route(wantedOf(text, { web: [web.address] }), never);
    const inodes = new Set(
      listeners()
        .filter((one) => one.port >= rig.setup.ports.https && one.port <= port + 1)
        .map((one) => one.address),
    );
    expect([...inodes].filter((address) => address !== '127.0.0.1' && address !== '::1')).toEqual([]);
    expect(listeners().map((one) => one.port)).toEqual(
      expect.arrayContaining([rig.setup.ports.https, rig.setup.ports.http, port]),
    );
    expect(listeners().some((one) => one.port === port + 1)).toBe(false);
    expect(rig.events).toContainEqual({
      type: 'warning',
      message: 'the Caddyfile binds 0.0.0.0: camp listens on loopback only',
    });
    const mode = (path: string): string => (statSync(join(rig.folder, path)).mode & 0o777).toString(8);
    expect([mode('.camp/run'), mode('.camp/run/admin.sock'), mode('.camp/run/caddy.json'), mode('storage')]).toEqual([
      '700',
      '600',
      '600',
      '700',
    ]);
    expect((statSync(authorityFiles(rig.setup.storage).rootKey).mode & 0o777).toString(8)).toBe('600');
    expect(() => statSync(join(rig.folder, 'elsewhere'))).toThrow();
  });

  test('a Caddy that hangs, or whose admin socket is gone, is replaced', async () => {
    await using rig = createRig();
    await using web = await upstream((_, response) => response.end('web'));
    await rig.edge.start(never);
    await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    for (const hurt of [
      (pid: number) => process.kill(pid, 'SIGSTOP'),
      () => rmSync(join(rig.folder, '.camp/run/admin.sock')),
    ]) {
      const pid = rig.edge.pid!;
      const id = { pid, startTime: processInfo(pid)!.startTime };
      const begin = performance.now();
      hurt(pid);
      await eventually(
        'a new Caddy',
        async () => !isAlive(id) && (await rig.get(https(rig)).catch(() => undefined))?.status === 200,
        15_000,
      );
      expect(performance.now() - begin).toBeLessThan(10_000);
    }
  });

  test('who connects before the first configuration waits for it', async () => {
    await using rig = createRig();
    await using web = await upstream((_, response) => response.end('web'));
    await rig.edge.start(never);
    const early = rig.get(`http://shop.localhost:${rig.setup.ports.http}/`);
    await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    expect((await early).status).toBe(307);
  });

  test('serves a service that is only files: index, no listing, no dotfiles, always fresh', async () => {
    await using rig = createRig();
    await using web = await upstream((_, response) => response.end('web'));
    const root = join(rig.folder, '.hidden-parent/docs');
    writeIn(root, 'index.html', '<h1>docs</h1>');
    writeIn(root, 'deep/page.html', 'page');
    writeIn(root, '.env', 'SECRET=1');
    writeIn(root, '.well-known/x', 'known');
    await rig.edge.start(never);
    const text = 'shop.localhost {\n\treverse_proxy /docs/* docs:80\n\treverse_proxy web:80\n}\n';
    const [route] = await rig.edge.route(
      wantedOf(text, { web: [web.address] }, { statics: new Map([['docs', root]]) }),
      never,
    );
    expect(route).toEqual({ service: 'docs', url: https(rig, '/docs/') });
    expect(await rig.edge.firstRequest(route!, 5000, never)).toBe(200);
    const index = await rig.get(https(rig, '/docs/'));
    expect([index.text, index.headers['cache-control']]).toEqual(['<h1>docs</h1>', 'no-cache']);
    const status = async (path: string): Promise<number> => (await rig.get(https(rig, path))).status;
    expect(
      await Promise.all(
        ['/docs/deep/page.html', '/docs/deep/', '/docs/.env', '/docs/%2eenv', '/docs/.well-known/x'].map(status),
      ),
    ).toEqual([200, 404, 404, 404, 200]);
    // a path that climbs out is not the folder's any more
    expect(
      await Promise.all(
        ['/', '/docs/..%2f..%2fstorage/pki', '/docs/../../storage'].map(
          async (path) => (await rig.get(https(rig, path))).text,
        ),
      ),
    ).toEqual(['web', 'web', 'web']);
  });

  test('in front of containers each upstream leads to the published port of the container port that it names', async () => {
    await using rig = createRig();
    await using page = await upstream((_, response) => response.end('page'));
    await using metrics = await upstream((_, response) => response.end('metrics'));
    await rig.edge.start(never);
    const text = 'shop.localhost {\n\treverse_proxy /metrics/* web:9090\n\treverse_proxy web:3000\n}\n';
    const endpoint = { service: 'web', replica: 'web:1' };
    const endpoints = [
      { ...endpoint, address: page.address, containerPort: 3000 },
      { ...endpoint, address: metrics.address, containerPort: 9090 },
    ];
    const routes = await rig.edge.route({ ...wantedOf(text, { web: [] }), endpoints }, never);
    await rig.edge.firstRequest(routes[0]!, 10_000, never);
    for (let i = 0; i < 4; i++) {
      expect((await rig.get(https(rig, '/metrics/x'))).text).toBe('metrics');
      expect((await rig.get(https(rig))).text).toBe('page');
    }
  });

  test('another Caddy on the port is found, also on a port that only the Caddyfile names', async () => {
    await using first = createRig();
    await using web = await upstream((_, response) => response.end('web'));
    await first.edge.start(never);
    await first.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    await using second = createRig();
    const own = `http://localhost:${first.setup.ports.https + 45} {\n\trespond hi\n}\n`;
    await first.edge.route(wantedOf(site + own, { web: [web.address], orders: [] }), never);
    await second.edge.start(never);
    expect(await failureOf(second.edge.route(wantedOf(own, {}), never))).toMatchObject({ code: 'PORT_IN_USE' });
    const rival = createEdge({ ...second.setup, ports: first.setup.ports });
    try {
      expect(await failureOf(rival.start(never))).toMatchObject({ code: 'PORT_IN_USE' });
    } finally {
      await rival.stop();
    }
  });

  test('stops at once with idle connections open, and leaves nothing', async () => {
    const rig = createRig();
    await using web = await upstream((_, response) => response.end('web'));
    await rig.edge.start(never);
    await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    await rig.edge.firstRequest({ service: 'web', url: https(rig) }, 5000, never);
    const agent = new Agent({ keepAlive: true });
    await get(rig.setup, https(rig), { agent });
    const id = { pid: rig.edge.pid!, startTime: processInfo(rig.edge.pid!)!.startTime };
    const begin = performance.now();
    await rig.edge.stop();
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(isAlive(id)).toBe(false);
    expect(rig.edge.pid).toBeUndefined();
    expect(listeners().some((one) => one.port === rig.setup.ports.https)).toBe(false);
    expect(() => statSync(join(rig.folder, '.camp/run/admin.sock'))).toThrow();
    agent.destroy();
    await rig[Symbol.asyncDispose]();
  });

  test('stop during start, and an abort of start, leave no Caddy behind', async () => {
    await using rig = createRig();
    const starting = rig.edge.start(never).catch((error: unknown) => error);
    await eventually('a pid', () => rig.edge.pid);
    const { pid } = rig.edge;
    await rig.edge.stop();
    await starting;
    expect(processInfo(pid!)?.state ?? 'gone').toBe('gone');
    const controller = new AbortController();
    const aborted = rig.edge.start(controller.signal).catch((error: unknown) => error);
    const second = await eventually('a pid', () => rig.edge.pid);
    controller.abort(new Error('interrupted'));
    expect(await aborted).toBeInstanceOf(Error);
    await eventually('its end', () => processInfo(second) === undefined);
  });
});

describe.skipIf(caddy === undefined)('the local CA', () => {
  test('two projects that start cold at once share one root', async () => {
    await using one = createRig();
    await using two = createRig({ storage: one.setup.storage });
    await using three = createRig({ storage: one.setup.storage });
    await using web = await upstream((_, response) => response.end('web'));
    await Promise.all([one, two, three].map((rig) => rig.edge.start(never)));
    const fingerprint = fingerprintOf(one);
    for (const rig of [one, two, three]) {
      await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
      expect(await rig.edge.firstRequest({ service: 'web', url: https(rig) }, 10_000, never)).toBe(200);
    }
    expect(fingerprintOf(one)).toBe(fingerprint);
    expect(inspectAuthority(one.setup.storage).at).toBe('ready');
  });

  test('is made without a project too, and kept', async () => {
    await using rig = createRig();
    const setup = { caddy: rig.setup.caddy, storage: rig.setup.storage, env: rig.setup.env };
    expect(trustEnv(setup.storage, {})).toEqual({});
    const root = await ensureAuthority(setup, never);
    const before = fingerprintOf(rig);
    await ensureAuthority(setup, never);
    expect(fingerprintOf(rig)).toBe(before);
    const env = trustEnv(setup.storage, {});
    expect(env['NODE_EXTRA_CA_CERTS']).toBe(root);
    const bundle = readFileSync(env['SSL_CERT_FILE']!, 'utf8');
    expect(bundle.trimEnd().endsWith(readFileSync(root, 'utf8').trimEnd())).toBe(true);
    expect((statSync(env['SSL_CERT_FILE']!).mode & 0o777).toString(8)).toBe('644');
    const { mtimeMs } = statSync(env['SSL_CERT_FILE']!);
    trustEnv(setup.storage, {});
    expect(statSync(env['SSL_CERT_FILE']!).mtimeMs).toBe(mtimeMs);
    const corporate = join(rig.folder, 'corporate.pem');
    writeFileSync(corporate, '-----BEGIN CERTIFICATE-----\ncorporate\n-----END CERTIFICATE-----\n');
    const both = trustEnv(setup.storage, { NODE_EXTRA_CA_CERTS: corporate });
    expect(readFileSync(both['NODE_EXTRA_CA_CERTS']!, 'utf8')).toContain('corporate');
    expect(readFileSync(both['SSL_CERT_FILE']!, 'utf8')).toContain('corporate');
  });

  test.each([
    [
      'an empty key',
      (files: ReturnType<typeof authorityFiles>) => writeFileSync(files.rootKey, ''),
      'root.key is empty',
    ],
    [
      'garbage for a key',
      (files: ReturnType<typeof authorityFiles>) => writeFileSync(files.rootKey, 'garbage'),
      'root.key is not a private key',
    ],
    ['no key', (files: ReturnType<typeof authorityFiles>) => rmSync(files.rootKey), 'root.key is missing'],
    ['no certificate', (files: ReturnType<typeof authorityFiles>) => rmSync(files.root), 'root.crt is missing'],
    [
      'garbage for a certificate',
      (files: ReturnType<typeof authorityFiles>) => writeFileSync(files.root, 'garbage'),
      'root.crt is not a certificate',
    ],
    [
      'a key of another CA',
      (files: ReturnType<typeof authorityFiles>) => writeFileSync(files.rootKey, readFileSync(files.intermediateKey)),
      'root.key is not the key',
    ],
  ])('with %s is refused by name, never replaced', async (_, hurt, words) => {
    await using rig = createRig();
    await ensureAuthority({ caddy: rig.setup.caddy, storage: rig.setup.storage, env: rig.setup.env }, never);
    const files = authorityFiles(rig.setup.storage);
    hurt(files);
    const before = [files.root, files.rootKey].map((path) => contentOf(path));
    const failure = await failureOf(rig.edge.start(never));
    expect(failure).toMatchObject({ fault: 'edge', code: 'CA_UNUSABLE' });
    expect(failure.message).toContain(words);
    expect([files.root, files.rootKey].map((path) => contentOf(path))).toEqual(before);
    expect(rig.edge.pid).toBeUndefined();
  });

  test('with a broken intermediate is repaired under the same root', async () => {
    await using rig = createRig();
    await using web = await upstream((_, response) => response.end('web'));
    await ensureAuthority({ caddy: rig.setup.caddy, storage: rig.setup.storage, env: rig.setup.env }, never);
    const files = authorityFiles(rig.setup.storage);
    const before = fingerprintOf(rig);
    writeFileSync(files.intermediateKey, 'garbage');
    await rig.edge.start(never);
    await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    expect(await rig.edge.firstRequest({ service: 'web', url: https(rig) }, 10_000, never)).toBe(200);
    expect(fingerprintOf(rig)).toBe(before);
  });

  test('expired is refused', async () => {
    await using rig = createRig();
    await ensureAuthority({ caddy: rig.setup.caddy, storage: rig.setup.storage, env: rig.setup.env }, never);
    const state = inspectAuthority(rig.setup.storage, Date.now() + 20 * 365 * 86_400_000);
    expect(state.at === 'unusable' && state.failure.message).toContain('expired on');
    expect(inspectAuthority(rig.setup.storage, Date.now() + 6 * 86_400_000)).toMatchObject({
      at: 'incomplete',
      isBroken: false,
    });
  });
});

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return 'not there';
  }
}
