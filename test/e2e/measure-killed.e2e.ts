import { existsSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Holder, readHolder } from '../../src/kit/lock.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';
import { dockerOf, EngineFolder } from '../rig/engine-folder.ts';
import { requireImages } from '../rig/images.ts';
import { historyOf, janitorsOf, leftOfMeasuring, printOf, processesOfCopy } from '../rig/measuring.ts';
import type { Shell } from '../rig/shell.ts';
import { somebodys } from '../rig/somebodys.ts';

/* However a measuring ends, the machine and the project are as they were. */
let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const patient = 180_000;

function project(name: string): Cluster {
  return new Cluster(home, name, { api: {}, web: {} });
}

interface Measuring {
  /** Of the camp that measures, not of the terminal around it. */
  readonly pid: number;
  readonly shell: Shell;
}

/** Waits for the moment at which it measures what `words` say: on a terminal, where it says each step. */
async function measuring(cluster: Cluster, words: string, ...args: readonly string[]): Promise<Measuring> {
  const shell = cluster.terminal(['measure', '--runs', '1', ...args]);
  await shell.says(words, 60_000);
  const { pid } = await eventually('it has the lock', () => holderIn(cluster));
  return { pid, shell };
}

async function kill({ pid, shell }: Measuring): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await shell.exits();
}

async function nothingIsLeftOf(cluster: Cluster): Promise<void> {
  await eventually(
    'nothing is left of the measuring',
    () => leftOfMeasuring(cluster.dir).length === 0,
    30_000,
    () => leftOfMeasuring(cluster.dir),
  );
}

/** The camp that measures, and the shell that waits for its end. */
async function killAll(cluster: Cluster, one: Measuring): Promise<void> {
  for (const pid of janitorsOf(cluster.dir)) process.kill(pid, 'SIGKILL');
  await kill(one);
}

describe('kill -9', () => {
  test.each([
    ['while the project is copied', 'copying', []],
    ['while it comes up', 'warming up', []],
    ['under the requests of a reload', 'run 1 of 1: reload', ['--only', 'reload']],
    ['while a killed replica is waited for', 'run 1 of 1: recovery', ['--only', 'recover']],
    ['while a service is added', 'run 1 of 1: add a service', ['--only', 'add-service']],
    ['during a cold start', 'cold run 1 of 1', ['--only', 'cold']],
  ] as const)(
    '%s: the janitor clears',
    async (what, words, args) => {
      await using cluster = project(`k-${what.split(' ').at(-1)}`);
      if (words === 'copying') {
        // so that it takes a while
        cluster.write('large.bin', '');
        truncateSync(cluster.path('large.bin'), 200_000_000);
      }
      const before = printOf(cluster.dir);
      const one = await measuring(cluster, words, ...args);
      await kill(one);
      await nothingIsLeftOf(cluster);
      expect(printOf(cluster.dir)).toEqual(before);
      expect(historyOf(cluster.dir)).toEqual([]);
    },
    patient,
  );

  test(
    'as soon as it has the lock, again and again: the janitor is there before it',
    async () => {
      await using cluster = project('k-lock');
      for (let time = 1; time <= 5; time++) {
        const shell = cluster.terminal(['measure', '--runs', '1', '--only', 'stop']);
        process.kill(await firstHolderIn(cluster), 'SIGKILL');
        await shell.exits();
        await nothingIsLeftOf(cluster);
      }
    },
    patient,
  );

  test.each([
    ['up', ['up', '-d']],
    ['down', ['down']],
    ['measure', ['measure', '--runs', '1', '--only', 'stop']],
  ] as const)(
    'together with its janitor, and then camp %s clears',
    async (name, next) => {
      await using cluster = project(`both-${name}`);
      const one = await measuring(cluster, 'run 1 of 1: reload', '--only', 'reload');
      await killAll(cluster, one);
      expect(processesOfCopy(cluster.dir).map(({ replica }) => replica)).toContain('api:1');
      expect(existsSync(cluster.path('.camp/measure'))).toBe(true);
      await cluster.camp(next);
      await nothingIsLeftOf(cluster);
    },
    patient,
  );

  test(
    'in the first moments of a camp up on the copy, again and again',
    async () => {
      await using cluster = project('moments');
      for (const waitMs of [0, 40, 80, 120, 160, 240]) {
        const one = await measuring(cluster, 'warming up: first request', '--only', 'stop');
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        await kill(one);
        await nothingIsLeftOf(cluster);
      }
    },
    patient,
  );
});

describe('signals', () => {
  test.each([
    ['Ctrl-C', ['SIGINT'], 130],
    ['Ctrl-C twice', ['SIGINT', 'SIGINT'], 130],
    ['TERM', ['SIGTERM'], 143],
  ] as const)(
    '%s',
    async (name, signals, code) => {
      await using cluster = project(`signal-${name.toLowerCase().replaceAll(' ', '-')}`);
      const before = printOf(cluster.dir);
      const one = await measuring(cluster, 'run 1 of 1: recovery', '--only', 'recover');
      for (const signal of signals) process.kill(one.pid, signal);
      expect(await one.shell.exits(60_000), one.shell.output).toBe(code);
      await nothingIsLeftOf(cluster);
      expect(printOf(cluster.dir)).toEqual(before);
      expect(historyOf(cluster.dir)).toEqual([]);
    },
    patient,
  );

  test(
    'typed on a terminal, where every process of the foreground gets it, three times',
    async () => {
      await using cluster = project('typed');
      const { shell } = await measuring(cluster, 'run 1 of 1: recovery', '--only', 'recover');
      for (let time = 1; time <= 3; time++) {
        shell.type('\x03');
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
      await shell.exits(60_000);
      await nothingIsLeftOf(cluster);
    },
    patient,
  );
});

describe('two at a time', () => {
  test(
    'a second camp measure: LOCKED, and the first goes on; camp up and down leave it alone',
    async () => {
      await using cluster = project('second');
      const one = await measuring(cluster, 'run 1 of 1: second replica', '--only', 'recover,stop');
      const second = await cluster.camp(['measure', '--runs', '1'], [4]);
      expect(second.stderr).toMatch(new RegExp(`LOCKED.*another camp measure \\(pid ${one.pid}\\)`));
      await cluster.up();
      await cluster.camp(['down']);
      expect(await one.shell.exits(60_000), one.shell.output).toBe(0);
      // beside what the other commands have recorded meanwhile
      const records = historyOf(cluster.dir).map((line) => JSON.parse(line) as object);
      expect(records).toContainEqual(expect.objectContaining({ metrics: expect.anything() }));
      await nothingIsLeftOf(cluster);
    },
    patient,
  );

  test(
    'one that is started while the last one is cleared up waits for it',
    async () => {
      await using cluster = project('waits');
      const one = await measuring(cluster, 'run 1 of 1: recovery', '--only', 'recover');
      await kill(one);
      await eventually(
        'somebody clears',
        () => holderIn(cluster)?.purpose.startsWith('clearing') || leftOfMeasuring(cluster.dir).length === 0,
      );
      await cluster.camp(['measure', '--runs', '1', '--only', 'stop']);
      await nothingIsLeftOf(cluster);
    },
    patient,
  );
});

/** The pid of whoever takes the lock next, within the same turn in which it is seen. */
async function firstHolderIn(cluster: Cluster): Promise<number> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const holder = holderIn(cluster);
    if (holder) return holder.pid;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('nobody takes the lock');
}

function holderIn(cluster: Cluster): Holder | undefined {
  return readHolder(cluster.path('.camp/measure/lock'));
}

const why = requireImages('camp measure killed in containers', ['node:24-alpine', 'caddy:2']);
test.skipIf(why)(
  'kill -9 while it runs in containers: the janitor removes them, with volumes, networks and images',
  async () => {
    await using folder = new EngineFolder(home, `k-contained-${process.pid}`, {
      ...somebodys,
      'compose.yaml': `${somebodys['compose.yaml']}    volumes: ["kept:/kept"]\nvolumes: { kept: {} }\n`,
    });
    const outcome = folder.camp(['measure', '--docker', '--runs', '1', '--only', 'recover'], { timeoutMs: patient });
    const inEngine = async (): Promise<readonly string[]> => {
      const name = `${folder.name}-measured`;
      const found = [
        await dockerOf(home.env, 'ps', '--all', '--quiet', '--filter', `name=${name}`),
        await dockerOf(home.env, 'image', 'ls', '--quiet', '--filter', `reference=${name}*`),
        await dockerOf(home.env, 'volume', 'ls', '--quiet', '--filter', `name=${name}`),
        await dockerOf(home.env, 'network', 'ls', '--quiet', '--filter', `name=${name}`),
      ];
      return found.flatMap((text) => text.split('\n').filter(Boolean));
    };
    // three containers, two images, a volume, a network
    await eventually('its containers are there', async () => (await inEngine()).length > 6, 60_000);
    const { pid } = JSON.parse(readFileSync(join(folder.dir, '.camp/measure/lock'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    await outcome;
    await eventually(
      'nothing is left of it',
      async () => leftOfMeasuring(folder.dir).length === 0 && (await inEngine()).length === 0,
      60_000,
      () => leftOfMeasuring(folder.dir),
    );
  },
  patient,
);
