import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listeners } from '../../src/kit/ports.ts';
import { isAlive, processInfo, socketInodes } from '../../src/kit/process.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('two commands at once', () => {
  test.each([0, 0, 5, 15, 30, 50, 100, 200])(
    'up twice, %s ms apart: one runs the project, the other converges it',
    async (ms) => {
      await using cluster = new Cluster(home, 'race', { api: { replicas: 2 }, web: {} });
      const first = cluster.start(['up', '-d', '--json']);
      await new Promise((resolve) => setTimeout(resolve, ms)); // the distance itself is what is tested
      const second = cluster.start(['up', '-d', '--json']);
      expect([await first.exits(), await second.exits()], first.output + second.output).toEqual([0, 0]);
      const [one, two] = [JSON.parse(first.stdout), JSON.parse(second.stdout)];
      expect(one.edge).toEqual(two.edge);
      expect(one.services.map((service: { pids: unknown }) => service.pids)).toEqual(
        two.services.map((service: { pids: unknown }) => service.pids),
      );
      const replicas = cluster
        .processes()
        .map((each) => each.replica)
        .filter((each) => each !== 'guard')
        .sort();
      expect(replicas).toEqual(['api:1', 'api:2', 'edge', 'web:1']);
      await cluster.camp(['down']);
      await cluster.nothingIsLeft();
    },
  );

  test('up, restart, add, scale and down at once are done one after the other, each whole or refused', async () => {
    await using cluster = new Cluster(home, 'mix', { api: {}, web: {} });
    for (const round of [1, 2, 3]) {
      await cluster.up();
      const all = [
        ['restart', 'api'],
        ['add', 'service', `more-${round}`, '--template', 'static'],
        ['scale', 'web=2'],
        ['up', '-d'],
        ['down'],
        ['up', '-d'],
      ];
      const running = all.map((args) => cluster.start(args));
      for (const one of running) {
        const code = await one.exits();
        // 2: it is not running (any more), which is so once down had its turn
        expect([0, 2], one.output).toContain(code);
        expect(one.output).not.toMatch(/bug in camp|\n\s+at /);
      }
      expect(cluster.read('compose.yaml')).toContain(`more-${round}:`);
      const { services } = await cluster.up();
      expect(new Set(services.map((service) => service.state))).toEqual(new Set(['ready']));
      const replicas = cluster
        .processes()
        .map((each) => each.replica)
        .filter((each) => each !== 'guard');
      expect(new Set(replicas).size).toBe(replicas.length);
    }
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  });
});

describe('two projects at once', () => {
  test('each has its own name, ports and Caddy; 200 answers, none crossed', async () => {
    await using left = new Cluster(home, 'left', { api: { env: { VERSION: 'left' } } });
    await using right = new Cluster(home, 'right', { api: { env: { VERSION: 'right' } } });
    const [one, two] = await Promise.all([left.up(), right.up()]);
    expect(one.edge?.https).not.toBe(two.edge?.https);
    expect(one.edge?.http).not.toBe(two.edge?.http);
    expect(one.edge?.pid).not.toBe(two.edge?.pid);
    expect(one.edge?.caFile).toBe(two.edge?.caFile);
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const cluster = i % 2 === 0 ? left : right;
        return { wanted: cluster.name, got: (await cluster.json('/api/'))['version'] };
      }),
    );
    expect(answers.filter(({ wanted, got }) => wanted !== got)).toEqual([]);
    await left.camp(['down']);
    expect((await right.json('/api/'))['version']).toBe('right');
    await right.camp(['down']);
    await left.nothingIsLeft();
  });

  test('a stranger on the port: named with its pid when the port was asked for, else another one is taken', async () => {
    await using cluster = new Cluster(home, 'taken', { api: {} });
    const port = 9443 + (process.pid % 300);
    const stranger: ChildProcess = spawn(process.execPath, [
      '-e',
      `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log("here"))`,
    ]);
    try {
      await new Promise((resolve) => stranger.stdout?.once('data', resolve));
      const { stdout } = await cluster.camp(['up', '-d', '--json', '--port', String(port)], [4]);
      expect(stdout).toContain('PORT_IN_USE');
      expect(stdout).toContain(`pid ${stranger.pid}`);
      await cluster.nothingIsLeft();
      cluster.write('.camp/ports.json', JSON.stringify({ 'edge:https': port }));
      const { edge } = await cluster.up();
      expect(edge?.https).not.toBe(port);
      expect((await cluster.get('/api/')).status).toBe(200);
    } finally {
      stranger.kill('SIGKILL');
    }
  });
});

describe('only this machine and this user', () => {
  test('every socket of the project listens on loopback; folders are 0700, sockets and state 0600', async () => {
    await using cluster = new Cluster(home, 'closed', { api: { replicas: 2 } });
    await cluster.up();
    const pids = [...cluster.processes().map((one) => one.pid), cluster.supervisor()];
    const inodes = new Set(pids.flatMap((pid) => [...socketInodes(pid)]));
    const own = listeners().filter((one) => inodes.has(one.owner));
    expect(own.length).toBeGreaterThanOrEqual(3);
    expect(
      [...new Set(own.map((one) => one.address))].filter((address) => !['127.0.0.1', '::1'].includes(address)),
    ).toEqual([]);
    expect(mode(cluster.path('.camp'))).toBe('700');
    const run = cluster.path('.camp/run');
    expect(mode(run)).toBe('700');
    for (const file of readdirSync(run)) expect(`${file} ${mode(`${run}/${file}`)}`).toBe(`${file} 600`);
    for (const file of readdirSync(cluster.path('.camp/logs')))
      expect(mode(cluster.path('.camp/logs', file))).toBe('600');
    expect(mode(`${home.dir}/camp/data/caddy/pki/authorities/local/root.key`)).toBe('600');
  });

  test('what Caddyfile and services ask for beyond loopback does not reach the edge', async () => {
    await using cluster = new Cluster(home, 'open', { api: {} });
    cluster.write(
      'Caddyfile',
      `{\n\tadmin 0.0.0.0:2999\n}\nopen.localhost {\n\tbind 0.0.0.0\n\thandle_path /api/* {\n\t\treverse_proxy api:8080\n\t}\n}\n`,
    );
    const { edge } = await cluster.up();
    const inodes = socketInodes(edge?.pid ?? 0);
    const own = listeners().filter((one) => inodes.has(one.owner));
    expect(own.length).toBeGreaterThan(0);
    expect(own.filter((one) => !['127.0.0.1', '::1'].includes(one.address))).toEqual([]);
    expect(own.map((one) => one.port)).not.toContain(2999);
  });

  test('a secret is in no command line, no log, no world-readable file', async () => {
    const secret = 'hunter2-very-secret-73519';
    await using cluster = new Cluster(home, 'secret', { api: { env: { PASSWORD: '${PASSWORD}' } } });
    writeFileSync(cluster.path('.env'), `PASSWORD=${secret}\n`, { mode: 0o600 });
    await cluster.up();
    expect(((await cluster.json('/api/'))['env'] as Record<string, string>)['PASSWORD']).toBe(secret);
    for (const pid of [...cluster.processes().map((one) => one.pid), cluster.supervisor()])
      expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(secret);
    const holding = readdirSync(cluster.path('.camp'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`)
      .filter((file) => readFileSync(file, 'latin1').includes(secret));
    expect(holding.filter((file) => mode(file) !== '600')).toEqual([]);
    for (const args of [['plan'], ['ps'], ['logs'], ['ps', '--json'], ['plan', '--json']])
      expect((await cluster.camp(args)).stdout).not.toContain(secret);
  });
});

describe('state that cannot be trusted', () => {
  test('.camp deleted while it runs: ps tells what runs, down finds everything', async () => {
    await using cluster = new Cluster(home, 'deleted', { api: {}, web: { env: { MODE: 'fork' } } });
    await cluster.up();
    rmSync(cluster.path('.camp'), { recursive: true, maxRetries: 10, retryDelay: 20 });
    expect((await cluster.ps()).services.flatMap((one) => one.pids).length).toBeGreaterThanOrEqual(2);
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  });

  test('.camp deleted while it runs: up takes over, nothing runs twice', async () => {
    await using cluster = new Cluster(home, 'again', { api: {}, web: {} });
    await cluster.up();
    rmSync(cluster.path('.camp'), { recursive: true, maxRetries: 10, retryDelay: 20 });
    await cluster.up();
    const replicas = cluster
      .processes()
      .map((each) => each.replica)
      .filter((each) => each !== 'guard')
      .sort();
    expect(replicas).toEqual(['api:1', 'edge', 'web:1']);
    expect((await cluster.get('/api/')).status).toBe(200);
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  });

  const files = ['ports.json', 'metrics.jsonl', 'lock', 'generated.json', 'logs', 'run', '.gitignore'];
  const damages = {
    empty: '',
    garbage: '\x00\xff{[,',
    list: '[1,2]',
    'wrong types': '{"pid":"x","startTime":7,"edge:https":"no"}',
  };
  const spoil: Readonly<Record<string, (path: string) => void>> = {
    ...Object.fromEntries(
      Object.entries(damages).map(([name, text]) => [name, (path: string) => writeFileSync(path, text)]),
    ),
    'a folder': (path) => mkdirSync(`${path}/inside`, { recursive: true }),
  };

  test.each(Object.keys(spoil))(
    'every state file %s: up, ps, logs and down work, or say what stands in the way',
    async (how) => {
      await using cluster = new Cluster(home, 'spoilt', { api: {} });
      for (const file of files) {
        rmSync(cluster.path('.camp'), { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
        mkdirSync(cluster.path('.camp'));
        spoil[how]?.(cluster.path('.camp', file));
        const up = await cluster.camp(['up', '-d', '--json'], [0, 4]);
        const said = `${file} ${how}: ${up.stdout} ${up.stderr}`;
        expect(said).not.toMatch(/bug in camp|BUG|\n\s+at /);
        if (up.code === 4) {
          expect(['logs', 'run'], said).toContain(file);
          expect(said).toContain(file);
          continue;
        }
        expect((await cluster.ps()).running, said).toBe(true);
        await cluster.camp(['logs']);
        await cluster.camp(['down']);
        expect(cluster.processes(), said).toEqual([]);
        rmSync(cluster.path('.camp'), { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
      }
    },
  );

  test.each(['a dead pid', 'a pid that is a stranger by now'])(
    'a lock with %s is taken over at once, the stranger untouched',
    async (how) => {
      await using cluster = new Cluster(home, 'stale', { api: {} });
      const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
      try {
        const id = await eventually('the stranger', () => processInfo(stranger.pid ?? 0));
        mkdirSync(cluster.path('.camp/run'), { recursive: true });
        cluster.write(
          '.camp/lock',
          JSON.stringify({ pid: how === 'a dead pid' ? 4_194_000 : id.pid, startTime: '1', purpose: 'camp' }),
        );
        cluster.write('.camp/run/control.sock', '');
        expect((await cluster.ps()).running).toBe(false);
        await cluster.up();
        await cluster.camp(['down']);
        await cluster.nothingIsLeft();
        expect(isAlive(id)).toBe(true);
      } finally {
        stranger.kill('SIGKILL');
      }
    },
  );
});
