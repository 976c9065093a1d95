import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, ask } from '../rig/client.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';
import { type Ran, run } from '../rig/compose.ts';
import { requireImages, templateImages } from '../rig/images.ts';
import { Shop } from '../rig/shop.ts';
import { ordersHold } from '../rig/shop-suite.ts';
import { trial } from '../rig/trial.ts';

/** Compose's projects are one namespace per engine: another run of this test may be under way. */
const name = `composed-${process.pid}`;
const host = `${name}.localhost`;
const templates = ['node', 'python', 'go', 'static'];

let home: Home;
let project: Cluster;
/** Why the containers cannot be tried here. */
const why = requireImages('the project under plain Compose', templateImages());
let isUp = false;
let ports = { https: 0, http: 0 };
let caFile = '';

function docker(...args: readonly string[]): Promise<Ran> {
  const { CAMP_DOMAIN: _, ...env } = process.env;
  return run('docker', args, { cwd: project.dir, env });
}

async function compose(...args: readonly string[]): Promise<string> {
  const { code, output } = await docker('compose', ...args);
  if (code !== 0) throw new Error(`docker compose ${args.join(' ')} ended with ${code}: ${output.slice(-4000)}`);
  return output.trim();
}

async function portOf(inside: number): Promise<number> {
  return Number((await compose('port', 'edge', String(inside))).split(':').at(-1));
}

const get = (path: string): Promise<Answer> => ask({ port: ports.https, host, path, caFile });

beforeAll(async () => {
  home = createHome();
  project = new Cluster(home, name);
  const init = await trial(['init', name, '--yes'], { cwd: home.dir, env: home.env });
  if (init.code !== 0) throw new Error(`init ended with ${init.code}: ${init.stderr}`);
  for (const one of templates) await project.camp(['add', 'service', `my${one}`, '--template', one, '--needs', 'api']);
  if (why) return;
  // the machine's own 443 may be somebody's: the engine chooses ports, nothing else of the file is changed
  project.edit('compose.yaml', '127.0.0.1:80:80', '127.0.0.1::80');
  project.edit('compose.yaml', '127.0.0.1:443:443', '127.0.0.1::443');
  isUp = true;
  await compose('up', '--build', '-d');
  ports = { https: await portOf(443), http: await portOf(80) };
  caFile = join(home.dir, 'root.crt');
  const root = 'edge:/data/caddy/pki/authorities/local/root.crt';
  await eventually(
    'Caddy has made its authority',
    async () => (await docker('compose', 'cp', root, caFile)).code === 0,
    30_000,
  );
}, 600_000);

afterAll(async () => {
  if (isUp) await compose('down', '--volumes', '--remove-orphans', '--rmi', 'local');
  home?.[Symbol.dispose]();
}, 120_000);

beforeEach(({ skip }) => skip(why !== undefined, why));

describe('the generated files without camp', () => {
  const answersOf = (service: string): Record<string, unknown> => ({
    service,
    message: `hello from ${service}`,
    ...(service === 'api' ? {} : { needs: { api: expect.objectContaining({ service: 'api' }) } }),
  });

  test.each([
    ['/api/hello', 'api'],
    ['/api/mynode/', 'mynode'],
    ['/api/mypython/', 'mypython'],
    ['/api/mygo/', 'mygo'],
  ])('%s is answered by %s over HTTPS, and the api that it needs has answered it', async (path, service) => {
    // a container that has been started may not listen yet: plain Compose does not wait
    const seen: unknown[] = [];
    const text = await eventually(
      `${path} is answered`,
      async () => {
        const answer = await get(path).catch((error: Error) => ({ status: 0, text: error.message }));
        seen.push(answer.status);
        return answer.status === 200 && !answer.text.includes('unavailable') && answer.text;
      },
      30_000,
      () => seen.slice(-3),
    );
    expect(JSON.parse(text)).toEqual({ path, ...answersOf(service) });
  });

  test.each([
    ['/', 'It works.'],
    ['/app.js', 'data-call'],
    ['/mystatic/', '<b>mystatic</b>'],
    ['/mystatic/app.js', 'data-call'],
  ])('%s is a file of a static service', async (path, part) => {
    const answer = await eventually(`${path} is there`, async () => {
      const one = await get(path).catch(() => undefined);
      return one?.status === 200 && one;
    });
    expect(answer.text).toContain(part);
  });

  test('what is not part of a page is not in its image', async () => {
    for (const path of ['/Dockerfile', '/.dockerignore', '/test/page.test.mjs', '/mystatic/Dockerfile'])
      expect((await get(path)).status, path).toBe(404);
  });

  test('plain HTTP is sent to HTTPS', async () => {
    // fetch would put the address in the Host header
    const [response] = (await once(
      request({ host: '127.0.0.1', port: ports.http, path: '/x', headers: { host } }).end(),
      'response',
    )) as [IncomingMessage];
    response.resume();
    expect([response.statusCode, response.headers.location]).toEqual([308, `https://${host}/x`]);
  });

  test('Compose accepts compose.yaml; the Caddy of the image accepts the Caddyfile, with CAMP_DOMAIN and without', async () => {
    await compose('config', '--quiet');
    const validate = ['caddy', 'validate', '--config', '/etc/caddy/Caddyfile'];
    expect(await compose('exec', '-T', 'edge', ...validate)).toContain('Valid configuration');
    const domain = ['-e', 'CAMP_DOMAIN=shop.example.com'];
    expect(await compose('exec', '-T', ...domain, 'edge', ...validate)).toContain('Valid configuration');
  });

  test('no service runs as root', async () => {
    const services = ['api', 'web', ...templates.map((one) => `my${one}`)];
    const users = services.map(async (service) => `${service} ${await compose('exec', '-T', service, 'id', '-u')}`);
    for (const user of await Promise.all(users)) expect(user).toMatch(/^\w+ [1-9]\d*$/);
  });

  test('every service ends by itself when it is asked to: exit 0, nothing was killed', async () => {
    const began = performance.now();
    await compose('stop');
    expect(performance.now() - began).toBeLessThan(9000);
    const rows = (await compose('ps', '--all', '--format', 'json')).split('\n');
    const ended = rows.map((row) => JSON.parse(row) as { Service: string; State: string; ExitCode: number });
    expect(ended.map((one) => `${one.Service} ${one.State} ${one.ExitCode}`).sort()).toEqual(
      ['api', 'edge', 'mygo', 'mynode', 'mypython', 'mystatic', 'web'].map((service) => `${service} exited 0`),
    );
  });
});

describe('the shop without camp', () => {
  const own = `shop-composed-${process.pid}`;
  let cluster: Cluster;
  let shop: Shop;
  let isShopUp = false;

  const inShop = async (...args: readonly string[]): Promise<string> => {
    const { CAMP_DOMAIN: _, ...env } = process.env;
    const { code, output } = await run('docker', ['compose', ...args], { cwd: cluster.dir, env });
    if (code !== 0) throw new Error(`docker compose ${args.join(' ')} ended with ${code}: ${output.slice(-4000)}`);
    return output.trim();
  };

  beforeAll(async () => {
    if (why) return;
    const init = await trial(['init', own, '--starter', 'shop', '--yes'], { cwd: home.dir, env: home.env });
    if (init.code !== 0) throw new Error(`init ended with ${init.code}: ${init.stderr}`);
    cluster = new Cluster(home, own);
    shop = new Shop(cluster);
    cluster.edit('compose.yaml', '"127.0.0.1:80:80", "127.0.0.1:443:443"', '"127.0.0.1::443"');
    isShopUp = true;
    await inShop('up', '--build', '-d');
    const root = join(cluster.dir, 'root.crt');
    await eventually(
      'Caddy has made its authority',
      () => inShop('cp', 'edge:/data/caddy/pki/authorities/local/root.crt', root).catch(() => undefined),
      30_000,
    );
    cluster.isReachedAt(Number((await inShop('port', 'edge', '443')).split(':').at(-1)), root);
    // plain Compose does not wait until its services listen
    await eventually('every service answers', () => shop.books().catch(() => undefined), 60_000);
  }, 600_000);

  afterAll(async () => {
    shop?.[Symbol.dispose]();
    if (isShopUp) await inShop('down', '--volumes', '--remove-orphans', '--rmi', 'local');
  }, 120_000);

  test('its page is there', async () => {
    expect((await shop.ask('GET', '/')).body).toContain('<!doctype html>');
  });

  ordersHold(() => shop);

  test('no service of it runs as root, and no image has a .env or a .camp', async () => {
    for (const service of ['web', 'orders', 'inventory', 'payments', 'notifications']) {
      expect(await inShop('exec', '-T', service, 'id', '-u'), service).toMatch(/^[1-9]\d*$/);
      const look = "find /project /srv '(' -name '.env*' -o -name .camp ')' 2>/dev/null; true";
      const found = await inShop('exec', '-T', service, 'sh', '-c', look);
      expect(found, service).toBe('');
    }
  });

  test('another line of code in one service installs nothing again', async () => {
    cluster.write('services/orders/src/more.ts', 'export {};\n');
    const said = await inShop('build', '--progress', 'plain');
    const installs = [...said.matchAll(/^#(\d+) \[(\w+) dependencies .*npm ci/gm)];
    expect(installs.map((match) => match[2])).toContain('orders');
    for (const [, step, service] of installs) expect(said, service).toMatch(new RegExp(`^#${step} CACHED`, 'm'));
  });
});

describe('the empty starter', () => {
  test('Compose accepts its compose.yaml, and the Caddy of the image its Caddyfile', async () => {
    const bare = `bare-${process.pid}`;
    const dir = join(home.dir, bare);
    const init = await trial(['init', bare, '--starter', 'empty', '--yes'], { cwd: home.dir, env: home.env });
    expect(init.code, init.stderr).toBe(0);
    const config = await run('docker', ['compose', 'config', '--quiet'], { cwd: dir });
    expect(config.output).toBe('');
    expect(config.code).toBe(0);
    for (const domain of [[], ['-e', 'CAMP_DOMAIN=shop.example.com']]) {
      const args = ['compose', 'run', '--rm', '-T', '--no-deps', ...domain, 'edge', 'caddy', 'validate'];
      const validate = await run('docker', [...args, '--config', '/etc/caddy/Caddyfile'], { cwd: dir });
      expect(validate.output).toContain('Valid configuration');
    }
    await run('docker', ['compose', 'down', '--volumes', '--remove-orphans'], { cwd: dir });
  });
});
