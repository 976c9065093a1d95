import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PsReport } from '../../src/report/types.ts';
import { echo, upgrade, type Visit, visit } from '../rig/client.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const question = (cluster: Cluster, path: string) => ({
  port: cluster.https,
  host: `${cluster.name}.localhost`,
  path,
  caFile: cluster.caFile,
});
const failed = (visits: readonly Visit[]): readonly Visit[] => visits.filter((one) => one.outcome !== '200');

/**
 * While Caddy takes another configuration, a connection that is being opened in that very moment may be reset (net/http
 * begins no request while it shuts down): at most one a change is borne, and no wrong answer at all.
 */
function expectServed(visits: readonly Visit[], changes: number): void {
  expect(failed(visits).filter((one) => one.outcome !== 'ECONNRESET')).toEqual([]);
  expect(failed(visits).length).toBeLessThanOrEqual(changes);
}

describe('files that change while the project runs', () => {
  test('code restarts its service and no other; who asks meanwhile waits', async () => {
    await using cluster = new Cluster(home, 'code', { api: {}, web: {} });
    await cluster.up();
    const [api, web] = [await cluster.pid('api'), await cluster.pid('web')];
    const visitor = visit(question(cluster, '/api/'));
    cluster.edit('services/api/main.mjs', 'version: process.env.VERSION', "version: 'fresh'");
    await eventually('the new code answers', async () => (await cluster.json('/api/'))['version'] === 'fresh');
    expect(failed(await visitor.leave())).toEqual([]);
    expect(await cluster.pid('api')).not.toBe(api);
    expect(await cluster.pid('web')).toBe(web);
  });

  test('a Caddyfile is applied live: a WebSocket and every request survive ten changes', async () => {
    await using cluster = new Cluster(home, 'live', { api: {} });
    await cluster.up();
    const pids = (await cluster.service('api')).pids;
    const socket = await upgrade(question(cluster, '/api/ws'));
    const visitor = visit(question(cluster, '/api/'));
    try {
      await echo(socket, 'before');
      for (let change = 1; change <= 10; change++) {
        cluster.write(
          'Caddyfile',
          cluster.read('Caddyfile').replace(/\n(\trespond .*\n)?}\n$/, `\n\trespond /hello "number ${change}"\n}\n`),
        );
        await eventually(
          `change ${change} answers`,
          async () => (await cluster.get('/hello').catch(() => undefined))?.text === `number ${change}`,
        );
        await echo(socket, `after ${change}`);
      }
    } finally {
      socket.destroy();
    }
    expectServed(await visitor.leave(), 10);
    expect((await cluster.service('api')).pids).toEqual(pids);
  });

  test('a broken Caddyfile is reported with line and column while the old one goes on serving', async () => {
    await using cluster = new Cluster(home, 'broken', { api: {} });
    const up = cluster.start(['up']);
    await up.says('logs follow');
    await cluster.ps();
    const good = cluster.read('Caddyfile');
    const visitor = visit(question(cluster, '/api/'));
    cluster.write('Caddyfile', good.replace('handle_path', 'handle_pth'));
    await up.says(/Caddyfile:2:2/);
    expect(up.output).toContain('handle_pth');
    expect(failed(await visitor.leave())).toEqual([]);
    cluster.write('Caddyfile', good.replace('}\n', '\trespond /ok "mended"\n}\n'));
    await eventually('the mended one is applied', () => /converged/.test(up.output));
    cluster.write('Caddyfile', '{$CAMP_DOMAIN:broken.localhost} {\n');
    const { stdout } = await cluster.camp(['up', '-d', '--json'], [3]);
    expect(stdout).toContain('CADDYFILE_INVALID');
    expect((await cluster.get('/api/')).status).toBe(200);
    cluster.write('Caddyfile', good);
  });

  test('a broken Caddyfile before the start: exit 3 with its place, nothing started', async () => {
    await using cluster = new Cluster(home, 'wrong', { api: {} });
    cluster.edit('Caddyfile', 'reverse_proxy', 'reverse_prox');
    const { stderr } = await cluster.camp(['up', '-d'], [3]);
    expect(stderr).toMatch(/Caddyfile:3:3/);
    await cluster.nothingIsLeft();
  });

  test('compose.yaml converges: what changed is restarted, what is new starts, what is gone stops, the rest stays', async () => {
    await using cluster = new Cluster(home, 'compose', { api: { env: { VERSION: 'one' } }, web: {}, old: {} });
    await cluster.up();
    const web = await cluster.pid('web');
    const old = cluster.processes().find((one) => one.replica === 'old:1');
    cluster.edit('Caddyfile', '\thandle_path /old/* {\n\t\treverse_proxy old:8080\n\t}\n', '');
    cluster.write(
      'compose.yaml',
      cluster
        .read('compose.yaml')
        .replace('"one"', '"two"')
        .replace(/ {2}old:\n.*\n.*\n/, ''),
    );
    await eventually('the new value answers', async () => (await cluster.json('/api/'))['version'] === 'two');
    await eventually('the old one is gone', () => !cluster.processes().some((one) => one.pid === old?.pid));
    expect((await cluster.ps()).services.map((one) => one.name)).toEqual(['api', 'web']);
    expect(await cluster.pid('web')).toBe(web);
    expect((await cluster.json('/web/')).pid).toBe(web);
  });

  test('of .env the edge is begun anew for what its Caddyfile names, and for nothing else', async () => {
    await using cluster = new Cluster(home, 'dotenv', { api: { env: { VERSION: '${WORD}' } } });
    const put = (word: string, hello: string) => cluster.write('.env', `WORD=${word}\nHELLO=${hello}\n`);
    const edge = async () => (await cluster.ps()).edge?.pid;
    put('one', 'good day');
    cluster.write('Caddyfile', cluster.read('Caddyfile').replace(/}\n$/, '\trespond /hello "{$HELLO}"\n}\n'));
    await cluster.up();
    const first = await edge();
    expect((await cluster.get('/hello')).text).toBe('good day');
    put('two', 'good day');
    await eventually('the service has it', async () => (await cluster.json('/api/'))['version'] === 'two');
    expect(await edge()).toBe(first);
    put('two', 'good night');
    await eventually(
      'the edge has it',
      async () => (await cluster.get('/hello').catch(() => undefined))?.text === 'good night',
    );
    expect(await edge()).not.toBe(first);
  });

  test('with --no-watch nothing is followed until the next up', async () => {
    await using cluster = new Cluster(home, 'still', { api: { env: { VERSION: 'one' } } });
    await cluster.up('--no-watch');
    const before = await cluster.pid('api');
    cluster.edit('compose.yaml', '"one"', '"two"');
    expect((await cluster.json('/api/')).pid).toBe(before);
    await cluster.up();
    expect((await cluster.json('/api/'))['version']).toBe('two');
  });
});

describe('steering', () => {
  test('scale up and down under load without a failed request; each replica is used', async () => {
    await using cluster = new Cluster(home, 'scale', { api: {}, web: {} });
    await cluster.up();
    const web = await cluster.pid('web');
    const visitor = visit(question(cluster, '/api/'));
    await cluster.camp(['scale', 'api=3']);
    const { pids, replicas } = await cluster.service('api');
    expect([pids.length, replicas]).toEqual([3, 3]);
    await eventually('each of them has answered', () =>
      pids.every((pid) => visitor.visits.some(({ text }) => text.includes(`"pid":${pid},`))),
    );
    await cluster.camp(['scale', 'api=1']);
    expect((await cluster.service('api')).pids).toHaveLength(1);
    expectServed(await visitor.leave(), 2);
    await cluster.camp(['scale', 'api=0']);
    expect((await cluster.service('api')).pids).toHaveLength(0);
    expect(await cluster.pid('web')).toBe(web);
    for (const wrong of ['api', 'api=-1', 'api=x', 'nobody=2']) await cluster.camp(['scale', wrong], [2]);
  });

  test('a replica that was added is asked as soon as the command has ended: nobody has asked it too early', async () => {
    await using cluster = new Cluster(home, 'added', { api: { env: { DELAY_MS: '500' } } });
    await cluster.up();
    const visitor = visit(question(cluster, '/api/'));
    await cluster.camp(['scale', 'api=2']);
    await visitor.leave();
    const answers = await Promise.all(Array.from({ length: 40 }, () => cluster.json('/api/')));
    expect(new Set(answers.map(({ pid }) => pid)).size).toBe(2);
  });

  test('restart under load: another process, no failed request, the project goes on', async () => {
    await using cluster = new Cluster(home, 'restart', { api: {} });
    await cluster.up();
    const before = await cluster.pid('api');
    const visitor = visit(question(cluster, '/api/'));
    expect(JSON.parse((await cluster.camp(['restart', 'api', '--json'])).stdout)).toEqual({ restarted: 'api' });
    expect(await cluster.pid('api')).not.toBe(before);
    expect(failed(await visitor.leave())).toEqual([]);
    await cluster.camp(['restart', 'nobody'], [2]);
    await cluster.camp(['down']);
    expect((await cluster.camp(['restart', 'api'], [2])).stderr).toContain('NOT_RUNNING');
  });

  test('nothing is said to be restarted, or to have replicas, that has none', async () => {
    await using cluster = new Cluster(home, 'no-replicas');
    await cluster.init();
    await cluster.up();
    const refused = async (...args: readonly string[]) => (await cluster.camp(args, [2])).stderr;
    expect(await refused('restart', 'web')).toContain('NO_REPLICAS service "web" has no replica: the edge serves');
    expect(await refused('scale', 'web=2')).toContain('NO_REPLICAS service "web" has no replica: the edge serves');
    expect(await refused('scale', 'edge=2')).toContain('NO_REPLICAS service "edge" has no replica: camp\'s own Caddy');
    await cluster.camp(['scale', 'api=0']);
    expect(await refused('restart', 'api')).toMatch(
      /NO_REPLICAS service "api" has no replica: it is stopped\n.*camp scale api=1/,
    );
  });

  test('ps, open, run, plan and logs tell what is', async () => {
    await using cluster = new Cluster(home, 'look', { api: { env: { COLOUR: 'green' }, replicas: 2 } });
    const stopped = await cluster.ps();
    expect(stopped).toMatchObject({ project: 'look', domain: 'look.localhost', running: false, urls: [], edge: null });
    expect(stopped.services).toEqual([
      {
        name: 'api',
        placement: 'process',
        replicas: 2,
        state: 'stopped',
        url: null,
        readyMs: null,
        pids: [],
        memoryBytes: null,
      },
    ]);
    expect(stopped).toMatchObject({ memory: null });
    const { edge } = await cluster.up();
    const running = await cluster.ps();
    expect(running).toMatchObject({
      running: true,
      edge,
      services: [{ name: 'api', placement: 'process', replicas: 2, state: 'ready' }],
    });
    expect(running.services[0]?.pids).toHaveLength(2);
    const { memory } = running as PsReport;
    expect((running as PsReport).services[0]?.memoryBytes).toBe(memory?.services);
    expect(memory?.totalBytes).toBe((memory?.services ?? 0) + (memory?.edge ?? 0) + (memory?.camp ?? 0));
    for (const bytes of [memory?.services, memory?.edge, memory?.camp]) expect(bytes).toBeGreaterThan(5_000_000);

    const opened = await cluster.camp(['open', 'api']);
    expect(opened.stdout.trim()).toBe(running.services[0]?.url);
    expect(JSON.parse((await cluster.camp(['open', '--json'])).stdout)).toMatchObject({ opened: false });

    const print =
      'process.stdout.write(`${process.env.COLOUR} ${process.env.PORT > 0} ${process.cwd()}`); process.exit(7)';
    const run = await cluster.camp(['run', 'api', '--', 'node', '-e', print], [7]);
    expect(run.stdout).toBe(`green true ${cluster.path('services/api')}`);
    expect((await cluster.camp(['run', 'api', '--', 'no-such-program'], [2])).stderr).toContain('COMMAND_NOT_FOUND');
    expect(JSON.parse((await cluster.camp(['plan', '--json'])).stdout)).toMatchObject({
      project: 'look',
      steps: [{ kind: 'route' }, { kind: 'firstRequest' }],
    });

    const id = 'f00dfeed-0000-4000-8000-73519c0ffee5';
    expect((await cluster.get('/api/say', { 'x-request-id': id })).headers['x-request-id']).toBe(id);
    const said = await eventually('the line is kept', async () =>
      (await cluster.camp(['logs', '--request', id, '--json'])).stdout.trim(),
    );
    expect(said.split('\n').map((line) => JSON.parse(line).service)).toEqual(['edge', 'api']);
    expect((await cluster.camp(['logs', '--since', '1h'])).stdout).toContain('listening on');
    expect((await cluster.camp(['logs', '--since', '2099-01-01'])).stdout).toBe('');
    const unknown = await cluster.camp(['logs', '--request', 'nobodys']);
    expect([unknown.stdout, unknown.stderr]).toEqual(['', 'no such line is kept\n']);
    await cluster.camp(['logs', '--since', 'yesterday-ish'], [2]);
    await cluster.camp(['logs', 'nobody'], [2]);
  });

  test('logs -f | head -1 ends without a word', async () => {
    await using cluster = new Cluster(home, 'head', { api: {} });
    await cluster.up();
    const piped = cluster.pipe(['logs', '-f'], 'head -1');
    await eventually(
      'it ends once it writes again',
      async () => (await cluster.get('/api/say'), piped.code !== undefined),
    );
    expect(piped.stdout.trim().split('\n')).toHaveLength(1);
    expect(piped.stderr).toBe('');
  });
});

describe('add service on a running project', () => {
  test.each(['node', 'python', 'go', 'static'])('%s answers, and nothing else is restarted', async (template) => {
    await using cluster = new Cluster(home, `add-${template}`);
    await cluster.init();
    await cluster.up();
    const api = await cluster.pid('api');
    const before = [cluster.read('compose.yaml'), cluster.read('Caddyfile')] as const;
    await cluster.camp(['add', 'service', 'more', '--template', template]);
    await eventually(
      'it answers',
      async () =>
        ((await cluster.get(template === 'static' ? '/more/' : '/api/more/').catch(() => undefined))?.status ?? 500) <
        400,
      60_000,
    );
    expect(await cluster.pid('api')).toBe(api);
    const added = (file: string, old: string): readonly string[] =>
      cluster
        .read(file)
        .split('\n')
        .filter((line) => line.trim() !== '' && !old.split('\n').includes(line));
    expect(added('compose.yaml', before[0]).length).toBeLessThanOrEqual(3);
    expect(added('Caddyfile', before[1]).length).toBeLessThanOrEqual(1);
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  });

  test('it is told how long the service took, not how long the project has run', async () => {
    await using cluster = new Cluster(home, 'added-late');
    await cluster.init();
    await cluster.up();
    await delay(3000);
    const asked = performance.now();
    await cluster.camp(['add', 'service', 'more', '--template', 'node']);
    await eventually('it is ready', async () => (await cluster.ps()).services.at(-1)?.readyMs != null, 60_000);
    const { name, readyMs } = (await cluster.ps()).services.at(-1) ?? {};
    expect(name).toBe('more');
    expect(readyMs).toBeLessThan(performance.now() - asked);
  });
});
