import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const ctrlC = '\x03';

/** The stop signals that services have seen, as `api:1 SIGTERM`. */
function signalsOf(cluster: Cluster): readonly string[] {
  const file = cluster.path('signals.txt');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  return lines.map((line) => line.replace(/ \d+ /, ' ')).sort();
}

function recording(name: string, env: Readonly<Record<string, string>> = {}): Cluster {
  const own = { SIGNALS_FILE: `${home.dir}/${name}/signals.txt`, ...env };
  return new Cluster(home, name, { api: { env: own, replicas: 2 }, web: { env: own } });
}

const oneTermEach = ['api:1 SIGTERM', 'api:2 SIGTERM', 'web:1 SIGTERM'];

describe('in the foreground', () => {
  test('Ctrl-C stops everything: one signal a service, exit 130, one line that says so', async () => {
    await using cluster = recording('once');
    const up = cluster.terminal(['up']);
    await up.says('logs follow');
    up.type(ctrlC);
    expect(await up.exits()).toBe(130);
    expect(signalsOf(cluster)).toEqual(oneTermEach);
    expect(up.output.match(/stopping; Ctrl-C once more forces/g)).toHaveLength(1);
    expect(up.output.match(/^stopped\r?$/gm)).toHaveLength(1);
    await cluster.nothingIsLeft();
  });

  test('Ctrl-C twice forces: within a second, although a service ignores TERM', async () => {
    await using cluster = recording('twice', { MODE: 'ignore-term fork' });
    const up = cluster.terminal(['up']);
    await up.says('logs follow');
    up.type(ctrlC);
    await eventually('every service was asked to stop', () => signalsOf(cluster).length === 3);
    const forced = performance.now();
    up.type(ctrlC);
    expect(await up.exits()).toBe(130);
    expect(performance.now() - forced).toBeLessThan(1500);
    expect(signalsOf(cluster)).toEqual(oneTermEach);
    await cluster.nothingIsLeft();
  });

  test('Ctrl-C while it starts ends the start: exit 130, nothing left', async () => {
    await using cluster = recording('early', { DELAY_MS: '60000' });
    const up = cluster.terminal(['up']);
    await eventually('a service was started', () => cluster.processes().some((one) => one.replica === 'api:1'));
    up.type(ctrlC);
    expect(await up.exits(5000)).toBe(130);
    await cluster.nothingIsLeft();
    expect(up.output).not.toMatch(/bug in camp|at .*\.(ts|js):\d/);
  });

  test.each([0, 30, 60, 90, 120, 180, 250, 350])(
    'TERM %s ms after the start ends with 143 and leaves nothing',
    async (ms) => {
      await using cluster = recording(`term-${ms}`);
      const up = cluster.start(['up']);
      await new Promise((resolve) => setTimeout(resolve, ms)); // the moment itself is what is tested
      up.signal('SIGTERM');
      expect(await up.exits(8000)).toBe(143);
      await cluster.nothingIsLeft();
      expect(up.output).not.toMatch(/bug in camp|at .*\.(ts|js):\d/);
    },
  );

  test('TERM stops a running project within its grace: exit 143, one signal a service', async () => {
    await using cluster = recording('term');
    const up = cluster.start(['up']);
    await up.says('logs follow');
    up.signal('SIGTERM');
    expect(await up.exits(5000)).toBe(143);
    expect(signalsOf(cluster)).toEqual(oneTermEach);
    await cluster.nothingIsLeft();
  });

  test('a closed terminal stops everything', async () => {
    await using cluster = recording('hangup');
    const up = cluster.terminal(['up']);
    await up.says('logs follow');
    up.signal('SIGKILL'); // `script` holds the terminal: without it the terminal is gone
    await eventually('every service was asked to stop', () => signalsOf(cluster).length === 3);
    await cluster.nothingIsLeft();
    expect(signalsOf(cluster)).toEqual(oneTermEach);
  });

  test('without a terminal: no escape sequence, no question, even with stdin closed and in CI', async () => {
    await using cluster = recording('plain');
    const up = cluster.start(['up'], { CI: 'true', TERM: 'xterm-256color' });
    await up.says('logs follow');
    await cluster.ps();
    await cluster.get('/api/say');
    await up.says(/^api.*said/m);
    up.signal('SIGINT');
    expect(await up.exits()).toBe(130);
    expect(up.output).not.toContain('\x1b');
  });
});

describe('detached', () => {
  test('it lives on when its terminal goes, and down ends it with one signal a service', async () => {
    await using cluster = recording('detached');
    const up = cluster.terminal(['up', '-d']);
    await up.says('is up in');
    await up.exits();
    await cluster.ps();
    expect((await cluster.json('/api/')).pid).toBeGreaterThan(0);
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
    expect(signalsOf(cluster)).toEqual(oneTermEach);
  });

  test('a second up attaches; Ctrl-C there leaves it running, and down ends both', async () => {
    await using cluster = recording('attached');
    await cluster.up();
    const before = await cluster.pid('api');
    const second = cluster.terminal(['up'], 80);
    await second.says('Ctrl-C leaves it running');
    const line = second.output.split(/\r?\n/).find((one) => one.includes('is run by another camp'));
    expect(line?.trimEnd().length).toBeLessThanOrEqual(80);
    await cluster.get('/api/say');
    await second.says(/api.*said/);
    second.type(ctrlC);
    expect(await second.exits(5000)).toBe(130);
    expect(await cluster.pid('api')).toBe(before);
    const third = cluster.start(['up']);
    await third.says('Ctrl-C leaves it running');
    await cluster.camp(['down']);
    expect(await third.exits(5000)).toBe(0);
    expect(signalsOf(cluster)).toEqual(oneTermEach);
  });

  test('down finds nothing that an earlier camp has left where none was before', async () => {
    await using cluster = new Cluster(home, 'only-files');
    mkdirSync(cluster.path('web'), { recursive: true });
    cluster.write('compose.yaml', 'services:\n  web:\n    build: web\n    x-camp: native\n');
    cluster.write('web/index.html', '<h1>hello</h1>\n');
    // the guard ends by itself, a moment after camp: often enough to meet it
    for (let turn = 0; turn < 4; turn++) {
      await cluster.up();
      expect((await cluster.camp(['down'])).stdout).toBe('stopped\n');
    }
  });

  test('a second up takes the port that the edge has, and refuses another one', async () => {
    await using cluster = recording('second-port');
    const { edge } = await cluster.up();
    const own = edge?.https ?? 0;
    await cluster.up('--port', `${own}`);
    const { stderr } = await cluster.camp(['up', '-d', '--port', `${own + 1}`], [2]);
    expect(stderr).toContain(`PORT_FIXED second-port runs already, and its edge listens on ${own}, not on ${own + 1}`);
  });

  test('return alone deletes no data', async () => {
    await using cluster = new Cluster(home, 'kept-data');
    await cluster.init();
    mkdirSync(cluster.path('.camp/data/db'), { recursive: true });
    cluster.write('.camp/data/db/kept', 'x');
    const down = cluster.terminal(['down', '--data'], 80);
    await down.says('delete them?');
    down.type('\r');
    await down.exits(5000);
    expect(cluster.read('.camp/data/db/kept')).toBe('x');
  });

  test('interrupted while it starts: nothing is left', async () => {
    await using cluster = recording('detaching', { DELAY_MS: '60000' });
    const up = cluster.terminal(['up', '-d']);
    await eventually('a service was started', () => cluster.processes().some((one) => one.replica === 'api:1'));
    up.type(ctrlC);
    expect(await up.exits(5000)).toBe(130);
    await cluster.nothingIsLeft();
  });

  test('a service that ignores TERM is killed at its grace, which is said', async () => {
    await using cluster = new Cluster(home, 'deaf', { api: { env: { MODE: 'ignore-term' }, grace: '1s' } });
    const up = cluster.start(['up']);
    await up.says('logs follow');
    const began = performance.now();
    await cluster.camp(['down']);
    expect(performance.now() - began).toBeLessThan(2500);
    await up.exits(3000);
    expect(up.output).toContain('did not stop within 1 s: killed');
    await cluster.nothingIsLeft();
  });
});
