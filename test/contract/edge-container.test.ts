import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { authorityFiles } from '../../src/edge/authority.ts';
import { createContainerEdge } from '../../src/edge/container-edge.ts';
import { listeners } from '../../src/kit/ports.ts';
import { hasEngine, testNetwork } from './edge-container-rig.ts';
import {
  caddy,
  createRig,
  eventually,
  failureOf,
  freshPort,
  https,
  never,
  type Rig,
  site,
  wantedOf,
  writeIn,
} from './edge-rig.ts';

const docker = (...args: readonly string[]): string =>
  execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

describe.skipIf(caddy === undefined || !hasEngine)('the edge in a container', () => {
  test('begins with its first configuration: one container, no reload, the port on loopback only', async () => {
    await using rig = createRig({ kind: 'container' });
    await using web = await rig.upstream((_, response) => response.end('web'));
    await rig.edge.start(never);
    expect(rig.container.created).toBe(0);
    const port = freshPort();
    const text = `{\n\tadmin 0.0.0.0:${freshPort()}\n}\nshop.localhost {\n\tbind 127.0.0.1\n\treverse_proxy web:80\n}\nhttp://localhost:${port} {\n\trespond hi\n}\n`;
    const [route] = await rig.edge.route(wantedOf(text, { web: [web.address] }), never);
    expect(await rig.edge.firstRequest(route!, 10_000, never)).toBe(200);
    expect((await rig.get(`http://localhost:${port}`)).text).toBe('hi');
    const ports = [rig.setup.ports.https, rig.setup.ports.http, port];
    const published = docker('port', rig.container.name).split('\n');
    expect(published.sort()).toEqual(ports.map((each) => `${each}/tcp -> 127.0.0.1:${each}`).sort());
    const own = listeners().filter((one) => ports.includes(one.port));
    expect(own.map((one) => one.address)).toEqual(ports.map(() => '127.0.0.1'));
    expect(docker('logs', rig.container.name)).not.toContain('"logger":"admin.api"');
    const name = docker('inspect', rig.container.name, '--format', '{{.State.Pid}}');
    expect(rig.edge.pid).toBe(Number(name));
  });

  test('no key of the CA is in the container, though it lies in the project, and what is there only the owner may read', async () => {
    await using rig = createRig({ kind: 'container' });
    await using web = await rig.upstream((_, response) => response.end('web'));
    await rig.edge.start(never);
    await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    const { rootKey, intermediateKey } = authorityFiles(rig.setup.storage);
    const secrets = [rootKey, intermediateKey].map((path) => readFileSync(path, 'utf8').split('\n')[1]!);
    const inside = docker(
      'exec',
      rig.container.name,
      'sh',
      '-c',
      `cat /camp/* && ls -R / 2>/dev/null | grep -c root.key || true`,
    );
    expect(inside).toContain('load_pem');
    for (const secret of secrets) expect(inside).not.toContain(secret);
    expect(inside.endsWith('\n0')).toBe(true);
    expect(readFileSync(rig.configFile, 'utf8')).not.toMatch(/"pki"|"automation"|"automate"/);
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    expect([mode(join(rig.configFile, '..')), mode(rig.configFile), mode(join(rig.configFile, '../run.sh'))]).toEqual([
      '700',
      '600',
      '600',
    ]);
    // values of the environment are in a file of the owner, not in the container's description
    expect(inside).toContain('# $odd');
    expect(docker('inspect', rig.container.name)).not.toContain('$odd');
    // the project's folder is there to be read, camp's own part of it is not
    expect(docker('exec', rig.container.name, 'ls', '-A', join(rig.folder, '.camp'))).toBe('');
    expect(() => docker('exec', rig.container.name, 'touch', join(rig.folder, 'x'))).toThrow();
  });

  test('reads the files of the project where they are, and the variables as they are', async () => {
    await using rig = createRig({ kind: 'container' });
    writeIn(rig.folder, 'public/index.html', 'from the folder');
    writeIn(rig.folder, 'sites/more.caddy', 'respond /more "more {env.ODD}"\n');
    await rig.edge.start(never);
    const text =
      'shop.localhost {\n\tlog {\n\t\toutput file ./access.log\n\t}\n\timport sites/*.caddy\n\troot * ./public\n\tfile_server\n}\n';
    await rig.edge.route(wantedOf(text, {}), never);
    expect((await rig.get(https(rig))).text).toBe('from the folder');
    expect((await rig.get(https(rig, '/more'))).text).toBe("more it's # $odd");
    expect(rig.events.map((event) => 'message' in event && event.message)).toEqual([
      expect.stringContaining('access.log is not written from a container'),
    ]);
    await eventually('a line of the access log', () => rig.lines.some((line) => line.includes('/more 200')));
  });

  test('reaches containers by name and port', async () => {
    await using rig = createRig({ kind: 'container' });
    const network = testNetwork().name;
    const names = [1, 2].map((i) => `${rig.container.name}-api-${i}`);
    const serve = `printf ':3000 {\\n respond {env.HOSTNAME}\\n}\\n' | caddy run --adapter caddyfile --config -`;
    for (const name of names)
      docker('run', '-d', '--name', name, '--hostname', name, '--network', network, 'caddy:2', 'sh', '-c', serve);
    try {
      await rig.edge.start(never);
      const endpoints = names.flatMap((name, i) =>
        [3000, 9090].map((port) => ({
          service: 'api',
          replica: `api:${i + 1}`,
          address: `${name}:${port}`,
          containerPort: port,
        })),
      );
      const text = 'shop.localhost {\n\treverse_proxy /no/* api:8080\n\treverse_proxy api:3000\n}\n';
      const wanted = { ...wantedOf(text, {}), services: new Set(['api']), endpoints };
      await rig.edge.route(wanted, never);
      const answers = new Set<string>();
      await eventually('both', async () => answers.add((await rig.get(https(rig))).text).size >= 2);
      expect(answers).toEqual(new Set(names));
      expect(rig.events).toEqual([
        { type: 'warning', message: expect.stringContaining('port 8080 of "api" is not published (3000, 9090 is)') },
      ]);
      docker('rm', '-f', names[0]!);
      for (let i = 0; i < 10; i++) expect((await rig.get(https(rig))).text).toBe(names[1]);
    } finally {
      docker('rm', '-f', ...names);
    }
  });

  test('a first configuration that cannot be served is refused with its place, and can be mended', async () => {
    await using rig = createRig({ kind: 'container' });
    await using web = await rig.upstream((_, response) => response.end('web'));
    await rig.edge.start(never);
    const broken = wantedOf('shop.localhost {\n\ttls no.pem no.key\n\treverse_proxy web:80\n}\n', {
      web: [web.address],
    });
    expect(await failureOf(rig.edge.route(broken, never))).toMatchObject({
      fault: 'project',
      code: 'CADDYFILE_INVALID',
      source: { line: 2, col: 6 },
    });
    expect(docker('ps', '-aq', '--filter', `name=${rig.container.name}`)).toBe('');
    await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    expect((await rig.get(https(rig))).text).toBe('web');
  });

  test('a file outside of the project is named as such', async () => {
    await using other = createRig();
    await using rig = createRig({ kind: 'container' });
    writeIn(other.folder, 'own.pem', 'x');
    await rig.edge.start(never);
    const path = join(other.folder, 'own.pem');
    const failure = await failureOf(
      rig.edge.route(wantedOf(`shop.localhost {\n\ttls ${path} ${path}\n\trespond hi\n}\n`, {}), never),
    );
    expect(failure).toMatchObject({ code: 'CADDYFILE_INVALID' });
    expect(failure.hints[0]).toContain("sees the project's folder only");
  });

  test('a port that the Caddyfile adds is published by a new container', async () => {
    await using rig = createRig({ kind: 'container' });
    await using web = await rig.upstream((_, response) => response.end('web'));
    await rig.edge.start(never);
    await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    const port = freshPort();
    const more = `${site}http://localhost:${port} {\n\trespond hi\n}\n`;
    await rig.edge.route(wantedOf(more, { web: [web.address], orders: [] }), never);
    expect((await rig.get(`http://localhost:${port}`)).text).toBe('hi');
    expect((await rig.get(https(rig))).text).toBe('web');
    expect(rig.container.created).toBe(2);
    expect(rig.restarts).toBe(0);
  });

  test.each([
    ['is killed', (rig: Rig) => rig.container.kill()],
    ['hangs', (rig: Rig) => rig.container.kill('STOP')],
    ['is paused', (rig: Rig) => rig.container.pause()],
    ['is removed', (rig: Rig) => rig.container.remove()],
  ])('that %s is back without being told', async (_, hurt) => {
    await using rig = createRig({ kind: 'container', hooks: false });
    await using web = await rig.upstream((_, response) => response.end('web'));
    await rig.edge.start(never);
    await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    await hurt(rig);
    await eventually(
      'an answer from a new one',
      async () => rig.restarts === 1 && (await rig.get(https(rig)).catch(() => undefined))?.status === 200,
      20_000,
    );
    const moved = site.replace('/api/orders', '/v2');
    await rig.edge.route(wantedOf(moved, { web: [web.address], orders: [web.address] }), never);
    expect(await rig.edge.firstRequest({ service: 'orders', url: https(rig, '/v2/') }, 5000, never)).toBe(200);
  });

  test('certificates are taken from the storage while they are good, and replaced in time while it serves', async () => {
    await using rig = createRig({ kind: 'container' });
    await rig.edge.start(never);
    const text = (life: string): string =>
      `shop.localhost {\n\ttls {\n\t\tissuer internal {\n\t\t\tlifetime ${life}\n\t\t}\n\t}\n\trespond hi\n}\n`;
    const pem = join(rig.setup.storage, 'certificates/local/shop.localhost/shop.localhost.crt');
    const serving = (): string => /-----BEGIN CERTIFICATE-----[^"]+/.exec(readFileSync(rig.configFile, 'utf8'))![0];
    await rig.edge.route(wantedOf(text('12h'), {}), never);
    const first = readFileSync(pem, 'utf8');
    await rig.edge.route(wantedOf(text('12h').replace('hi', 'ho'), {}), never);
    expect(readFileSync(pem, 'utf8')).toBe(first);
    // somebody else's, or damaged: Caddy itself would fail over it
    writeIn(rig.folder, 'storage/certificates/local/shop.localhost/shop.localhost.key', 'garbage');
    await rig.edge.route(wantedOf(text('12s'), {}), never);
    const short = serving();
    expect(readFileSync(pem, 'utf8')).not.toBe(first);
    await eventually('a renewed certificate', () => serving() !== short, 60_000);
    expect((await rig.get(https(rig))).text).toBe('hi');
    expect(rig.events).toEqual([]);
    expect(rig.container.created).toBe(1);
  });

  test('stops within its grace period and leaves nothing', async () => {
    const rig = createRig({ kind: 'container' });
    await using web = await rig.upstream((_, response) => response.end('web'));
    await rig.edge.start(never);
    await rig.edge.route(wantedOf(site, { web: [web.address], orders: [] }), never);
    await rig.edge.stop();
    expect(docker('ps', '-aq', '--filter', `name=${rig.container.name}`)).toBe('');
    expect(existsSync(rig.configFile)).toBe(false);
    expect(rig.edge.pid).toBeUndefined();
    expect(listeners().some((one) => one.port === rig.setup.ports.https)).toBe(false);
    expect(
      await failureOf(
        createContainerEdge({
          ...rig.setup,
          container: rig.container,
          declared: {},
          memory: join(rig.folder, 'other.json'),
          caddy: '/nonexistent/caddy',
        }).route(wantedOf(site, {}), never),
      ),
    ).toMatchObject({ code: 'EDGE_UNREACHABLE' });
    await rig[Symbol.asyncDispose]();
  });
});
