import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Plan } from '../../src/plan/types.ts';
import type { DownReport } from '../../src/report/types.ts';
import { type Answer, ask } from '../rig/client.ts';
import { createHome, eventually, type Home } from '../rig/cluster.ts';
import {
  ContainerCluster,
  containersWith,
  docker,
  networksWith,
  tryDocker,
  volumeExists,
  volumesWith,
} from '../rig/containers.ts';
import { requireImages } from '../rig/images.ts';

/* A project of containers: killed at any moment, steered by every verb, next to strangers. */
const ctrlC = '\x03';
let home: Home;
const why = requireImages('projects of containers', ['node:24-alpine', 'redis:8', 'caddy:2', 'busybox']);
/** Compose's projects are one namespace per engine: another run of this test may be under way. */
let count = 0;
const unique = (word: string): string => `${word}-${process.pid}-${++count}`;

beforeAll(() => {
  home = createHome();
});
afterAll(() => home?.[Symbol.dispose]());
beforeEach(({ skip }) => skip(why !== undefined, why));

const server = (version: string): string => `import { createServer } from 'node:http';
import { hostname } from 'node:os';
console.log('api of version ${version}');
process.on('SIGTERM', () => process.exit(0));
createServer((request, response) => {
  if (request.url.startsWith('/say')) console.log('said ' + request.url);
  response.end(JSON.stringify({ host: hostname(), version: '${version}', colour: process.env.COLOUR }));
}).listen(8080);
`;

const web = `    image: node:24-alpine
    init: true
    command: ["node", "-e", "require('http').createServer((q, s) => s.end('front page')).listen(8000)"]
    expose: ["8000"]
    stop_grace_period: 2s
`;

const cache = `    image: redis:8
    stop_grace_period: 2s
    healthcheck: { test: ["CMD", "redis-cli", "ping"], interval: 1s, start_interval: 200ms, start_period: 10s }
`;

/** Somebody's project: nothing in it knows of camp. */
function files(name: string): Readonly<Record<string, string>> {
  return {
    'api/Dockerfile':
      'FROM node:24-alpine\nWORKDIR /app\nCOPY main.mjs .\nUSER node\nEXPOSE 8080\nCMD ["node", "main.mjs"]\n',
    'api/main.mjs': server('one'),
    'compose.yaml': `name: ${name}
services:
  api:
    build: ./api
    depends_on: { cache: { condition: service_healthy } }
    environment: { COLOUR: green }
    volumes: ["data:/data", "/scratch"]
    stop_grace_period: 2s
    deploy: { replicas: 2 }
  web:
${web}  cache:
${cache}volumes: { data: {} }
`,
  };
}

/** A project whose own code runs as a process unless it is told otherwise. */
function mixedFiles(name: string): Readonly<Record<string, string>> {
  return {
    'api/Dockerfile': files(name)['api/Dockerfile'] as string,
    'api/main.mjs': server('one').replace('listen(8080)', 'listen(process.env.PORT ?? 8080)'),
    'api/package.json': '{ "private": true, "type": "module" }\n',
    'compose.yaml': `name: ${name}
services:
  api:
    build: ./api
    x-camp: { native: true, run: node main.mjs }
    depends_on: { cache: { condition: service_healthy } }
    expose: ["8080"]
    stop_grace_period: 2s
  cache:
${cache}`,
    Caddyfile: `{$CAMP_DOMAIN:${name}.localhost} {\n\treverse_proxy api:8080\n}\n`,
  };
}

function project(word: string, more: Readonly<Record<string, string>> = {}): ContainerCluster {
  const name = unique(word);
  return new ContainerCluster(home, name, { ...files(name), ...more });
}

function get(cluster: ContainerCluster, path: string, service?: string): Promise<Answer> {
  const host = `${service ? `${service}.` : ''}${cluster.name}.localhost`;
  return ask({ port: cluster.https, host, path, caFile: cluster.caFile });
}

const version = async (cluster: ContainerCluster): Promise<unknown> => {
  const { status, text } = await get(cluster, '/', 'api');
  return status === 200 ? (JSON.parse(text) as { version: unknown }).version : status;
};

/** All that a second look must find again: names and states, not ids. */
async function shape(cluster: ContainerCluster): Promise<unknown> {
  const { urls, services } = await cluster.ps();
  return {
    containers: (await cluster.containers()).map(({ name, state }) => `${name} ${state}`),
    networks: await networksWith(cluster.label),
    volumes: await volumesWith(cluster.label),
    urls: urls.map((url) => url.replace(/:\d+/, '')),
    services: services.map((one) => [one.name, one.placement, one.replicas, one.state, one.url?.replace(/:\d+/, '')]),
  };
}

/** The same numbers for the same seed (mulberry32), so that a failing run can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function holderOf(cluster: ContainerCluster): number | undefined {
  try {
    return cluster.supervisor();
  } catch {
    return undefined; // not there yet, or not any more
  }
}

describe('kill -9', () => {
  const seed = Number(process.env['CAMP_TEST_SEED'] ?? 20_260);
  const moments = 8;

  test('at any moment of up: the next up is as a clean one, and down leaves nothing but volumes', async () => {
    const random = randomFrom(seed);
    await using cluster = project('killed');
    const began = performance.now();
    await cluster.up();
    const lasts = performance.now() - began;
    const clean = await shape(cluster);
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
    const volumes = await volumesWith(cluster.label);
    expect(volumes).toHaveLength(1);
    for (let moment = 0; moment < moments; moment++) {
      const isDetached = moment % 2 === 1;
      const ms = Math.round(((moment + random()) / moments) * lasts);
      const where = `seed ${seed}: killed ${ms} of ${Math.round(lasts)} ms after up${isDetached ? ' -d' : ''}`;
      console.log(where);
      cluster.put('api/main.mjs', server(`number ${moment}`)); // so that there is something to build each time
      const up = cluster.start(isDetached ? ['up', '-d'] : ['up']);
      await pause(ms); // the moment itself is what is tested
      const supervisor = isDetached ? holderOf(cluster) : undefined;
      if (supervisor !== undefined) process.kill(supervisor, 'SIGKILL');
      up.signal('SIGKILL');
      await up.exits();
      await cluster.up();
      expect(await shape(cluster), where).toEqual(clean);
      expect(await version(cluster), where).toBe(`number ${moment}`);
      expect((await get(cluster, '/')).text, where).toBe('front page');
      await cluster.camp(['down']);
      await cluster.nothingIsLeft(where);
      expect(await volumesWith(cluster.label), where).toEqual(volumes);
    }
  }, 900_000);

  test('with the edge in a container: up again is as before, and down after another kill leaves nothing', async () => {
    const random = randomFrom(seed + 1);
    await using cluster = project('edged');
    await cluster.up('--docker');
    const clean = await shape(cluster);
    for (let round = 0; round < 3; round++) {
      process.kill(cluster.supervisor(), 'SIGKILL');
      const up = cluster.start(['up', '--docker']);
      await pause(random() * 4000);
      up.signal('SIGKILL');
      await up.exits();
      await cluster.up('--docker');
      expect(await shape(cluster)).toEqual(clean);
      expect(await version(cluster)).toBe('one');
    }
    process.kill(cluster.supervisor(), 'SIGKILL');
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  }, 400_000);

  test('of a running project, without .camp, and in the middle of down: down still finds everything', async () => {
    const random = randomFrom(seed + 2);
    await using cluster = project('bare');
    await cluster.up();
    process.kill(cluster.supervisor(), 'SIGKILL');
    rmSync(cluster.path('.camp'), { recursive: true });
    await cluster.camp(['down']);
    expect(await cluster.engineLeftovers()).toEqual([]);
    for (let round = 0; round < 3; round++) {
      await cluster.up();
      const down = cluster.start(['down']);
      await pause(random() * 1500);
      const supervisor = holderOf(cluster);
      if (supervisor !== undefined && supervisor !== down.pid) process.kill(supervisor, 'SIGKILL');
      down.signal('SIGKILL');
      await down.exits();
      await cluster.camp(['down']);
      await cluster.nothingIsLeft();
    }
    await cluster.up();
    rmSync(cluster.path('.camp'), { recursive: true });
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  }, 400_000);

  test.each(['supervised', 'alone'])(
    'all in containers that the files do not ask for, without .camp, %s: down finds everything',
    async (how) => {
      const name = unique('unasked');
      await using cluster = new ContainerCluster(home, name, mixedFiles(name));
      cluster.edit('compose.yaml', `  cache:\n${cache}`, '');
      cluster.edit('compose.yaml', '    depends_on: { cache: { condition: service_healthy } }\n', '');
      await cluster.up('--docker');
      if (how === 'alone') process.kill(cluster.supervisor(), 'SIGKILL');
      rmSync(cluster.path('.camp'), { recursive: true });
      await cluster.camp(['down']);
      await cluster.nothingIsLeft();
    },
    120_000,
  );
});

describe('data', () => {
  test('down keeps it; down --data names it with its size and removes what is the project’s, nothing else', async () => {
    const name = unique('data');
    const [outside, plain, same] = [`${name}-outside`, `${name}_plain`, `${name}_stranger`];
    await using cluster = new ContainerCluster(home, name, {
      ...files(name),
      'compose.yaml': files(name)['compose.yaml'] as string,
    });
    const labels = ['--label', `com.docker.compose.project=${name}`];
    await docker(['volume', 'create', outside]);
    await docker(['volume', 'create', ...labels, '--label', 'com.docker.compose.volume=stranger', same]);
    // what plain Compose made before camp came
    await docker(['volume', 'create', ...labels, '--label', 'com.docker.compose.volume=plain', plain]);
    try {
      cluster.edit('compose.yaml', '"data:/data", ', '"data:/data", "plain:/plain", "outside:/outside", ');
      cluster.edit(
        'compose.yaml',
        'volumes: { data: {} }',
        `volumes: { data: {}, plain: {}, outside: { external: true, name: ${outside} } }`,
      );
      await cluster.up();
      const write = 'dd if=/dev/zero of=/data/kept bs=1024 count=300 2>/dev/null';
      const [first = ''] = await cluster.ids('api');
      await docker(['exec', '-u', '0', first, 'sh', '-c', write]);
      const anonymous = (await Promise.all((await cluster.ids()).map(anonymousOf))).flat();
      expect(anonymous).toHaveLength(3); // one of each api, one of the cache
      await cluster.camp(['down']);
      expect(await volumesWith(cluster.label)).toEqual([`${name}_data`]);
      await cluster.up();
      const [again = ''] = await cluster.ids('api');
      expect(await docker(['exec', again, 'ls', '/data'])).toBe('kept');
      const { stdout, stderr } = await cluster.camp(['down', '--data', '--yes', '--json']);
      const report = JSON.parse(stdout) as DownReport;
      const named = report.volumes.map((one) => one.name);
      expect(named).toContain(`${name}_data`);
      expect(named).toEqual(expect.arrayContaining(anonymous));
      expect(report.volumes.every((one) => one.deleted)).toBe(true);
      expect(report.volumes.find((one) => one.name === `${name}_data`)?.bytes).toBeGreaterThan(300_000);
      for (const volume of named) expect(stderr).toContain(volume.slice(0, 12));
      for (const volume of named) expect(await volumeExists(volume), volume).toBe(false);
      for (const volume of [outside, plain, same]) expect(await volumeExists(volume), volume).toBe(true);
      expect(report.kept).toEqual([outside, plain, same].toSorted());
      const nothing = await cluster.camp(['down', '--data', '--yes']);
      expect(nothing.stdout).toContain(`no data was deleted\n${report.kept[0]} stays: camp has not made it\n`);
    } finally {
      await tryDocker(['volume', 'rm', outside, plain, same]);
    }
  }, 240_000);

  async function anonymousOf(id: string): Promise<readonly string[]> {
    const text = await docker([
      'inspect',
      '-f',
      '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}',
      id,
    ]);
    return text.split(' ').filter((volume) => /^[0-9a-f]{64}$/.test(volume));
  }
});

describe('strangers', () => {
  test('containers that plain Compose made under the same name elsewhere: up refuses and touches nothing', async () => {
    await using cluster = project('taken');
    const other = join(home.dir, `${cluster.name}-other`);
    mkdirSync(other);
    const words = `name: ${cluster.name}\nservices: { web: { image: busybox, command: [sleep, "600"], init: true } }\n`;
    writeFileSync(join(other, 'compose.yaml'), words);
    await docker(['compose', 'up', '-d'], other);
    try {
      const theirs = `com.docker.compose.project=${cluster.name}`;
      const before = await containersWith(theirs);
      expect(before.map(({ state }) => state)).toEqual(['running']);
      const { stdout } = await cluster.camp(['up', '-d', '--json'], [4]);
      expect(stdout).toContain('PROJECT_NAME_TAKEN');
      expect(stdout).toContain(other);
      expect(await containersWith(theirs)).toEqual(before);
      await cluster.camp(['down']);
      expect(await containersWith(theirs)).toEqual(before);
    } finally {
      await docker(['compose', 'down', '-t', '0'], other);
    }
  }, 120_000);

  test('a container with the marker of another project stays, whatever this one does', async () => {
    await using cluster = project('forged');
    const name = `${cluster.name}-bystander`;
    await docker([
      'run',
      '-d',
      '--init',
      '--name',
      name,
      '--label',
      'dev.camp.project=0123456789abcdef',
      'busybox',
      'sleep',
      '600',
    ]);
    try {
      await cluster.up();
      await cluster.camp(['down', '--data', '--yes']);
      expect(await docker(['inspect', '-f', '{{.State.Status}}', name])).toBe('running');
    } finally {
      await tryDocker(['rm', '-f', name]);
    }
  }, 120_000);

  test('docker compose ps and down see camp’s containers as theirs', async () => {
    await using cluster = project('theirs');
    await cluster.up();
    const rows = (await cluster.compose('ps', '--format', '{{.Service}} {{.State}}')).split('\n').sort();
    expect(rows).toEqual(['api running', 'api running', 'cache running', 'web running']);
    process.kill(cluster.supervisor(), 'SIGKILL');
    await cluster.compose('down');
    expect(await cluster.engineLeftovers()).toEqual([]);
    await cluster.up();
    expect(await version(cluster)).toBe('one');
  }, 180_000);
});

describe('converging', () => {
  const kinds = async (cluster: ContainerCluster): Promise<readonly string[]> =>
    (JSON.parse((await cluster.camp(['plan', '--json'])).stdout) as Plan).steps.map((step) => step.kind);

  test('nothing changed: nothing to do; else only what changed is touched', async () => {
    await using cluster = project('change');
    await cluster.up('--no-watch');
    const before = await cluster.ids();
    // only the Caddy that runs knows whether its configuration is still the one of the files
    expect(await kinds(cluster)).toEqual(['route', 'firstRequest', 'firstRequest']);
    await cluster.up('--no-watch');
    expect(await cluster.ids()).toEqual(before);

    const [api, cached] = [await cluster.ids('api'), await cluster.ids('cache')];
    cluster.edit('compose.yaml', 'COLOUR: green', 'COLOUR: blue');
    await cluster.up('--no-watch');
    expect(JSON.parse((await get(cluster, '/', 'api')).text)).toMatchObject({ colour: 'blue' });
    expect((await cluster.ids('api')).filter((id) => api.includes(id))).toEqual([]);
    expect(await cluster.ids('api')).toHaveLength(2);
    expect(await cluster.ids('cache')).toEqual(cached);

    const [blue] = [await cluster.ids('api')];
    cluster.put('api/main.mjs', server('two'));
    await cluster.up('--no-watch');
    expect(await version(cluster)).toBe('two');
    expect((await cluster.ids('api')).filter((id) => blue.includes(id))).toEqual([]);
    expect(await cluster.ids('cache')).toEqual(cached);

    const two = await cluster.ids('api');
    cluster.edit('compose.yaml', `  web:\n${web}`, '');
    await cluster.up('--no-watch');
    expect(await cluster.ids('web')).toEqual([]);
    expect(await cluster.ids('api')).toEqual(two);
    expect(await cluster.ids('cache')).toEqual(cached);
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  }, 300_000);

  test('from processes into containers and back', async () => {
    const name = unique('move');
    await using cluster = new ContainerCluster(home, name, mixedFiles(name));
    const placed = async (): Promise<readonly unknown[]> =>
      (await cluster.ps()).services.map((one) => [one.name, one.placement, one.state]);
    await cluster.up();
    expect(await placed()).toEqual([
      ['api', 'process', 'ready'],
      ['cache', 'container', 'ready'],
    ]);
    expect((await get(cluster, '/')).status).toBe(200);
    await cluster.up('--docker');
    expect(await placed()).toEqual([
      ['api', 'container', 'ready'],
      ['cache', 'container', 'ready'],
    ]);
    expect(cluster.processes().filter((one) => one.replica === 'api:1')).toEqual([]);
    expect((await get(cluster, '/')).status).toBe(200);
    await cluster.up();
    expect(await placed()).toEqual([
      ['api', 'process', 'ready'],
      ['cache', 'container', 'ready'],
    ]);
    expect(await cluster.ids('api')).toEqual([]);
    expect((await get(cluster, '/')).status).toBe(200);
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  }, 240_000);

  test('-f and --profile choose the files and the services', async () => {
    await using cluster = project('chosen');
    cluster.put(
      'more.yaml',
      `services:\n  web:\n    environment: { MORE: "1" }\n  extra:\n${web}    profiles: [extra]\n`,
    );
    const more = ['-f', 'compose.yaml', '-f', 'more.yaml'];
    await cluster.up(...more);
    expect((await cluster.containers()).map((one) => one.service)).toEqual(['api', 'api', 'cache', 'web']);
    const [id = ''] = await cluster.ids('web');
    expect(await docker(['exec', id, 'sh', '-c', 'echo $MORE'])).toBe('1');
    await cluster.up(...more, '--profile', 'extra');
    expect((await cluster.containers()).map((one) => one.service)).toEqual(['api', 'api', 'cache', 'extra', 'web']);
    expect(await cluster.ids('web')).toEqual([id]);
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  }, 180_000);
});

describe('verbs', () => {
  test('run: in the running container, else in one of its own; code, stdin and stdout are the command’s', async () => {
    await using cluster = project('run');
    await cluster.up();
    const hosts = (await cluster.ids('api')).map((id) => id.slice(0, 12));
    const exit = await cluster.camp(['run', 'api', '--', 'sh', '-c', 'hostname; echo $COLOUR; exit 7'], [7]);
    expect(exit.stdout.split('\n').slice(1)).toEqual(['green', '']);
    expect(hosts).toContain(exit.stdout.split('\n')[0]);
    const fed = cluster.start([
      'run',
      'api',
      '--',
      'sh',
      '-c',
      'read line; echo "got $line"; test -t 0 || echo no terminal',
    ]);
    fed.type('some words\n');
    expect(await fed.exits(60_000)).toBe(0);
    expect(fed.stdout).toBe('got some words\nno terminal\n');
    await cluster.camp(['down']);
    const alone = await cluster.camp(['run', 'api', '--', 'sh', '-c', 'hostname; exit 5'], [5]);
    expect(alone.stdout).toMatch(/^[0-9a-f]{12}\n$/);
    const ofCompose = `com.docker.compose.project=${cluster.name}`;
    expect([await containersWith(ofCompose), await networksWith(ofCompose)]).toEqual([[], []]);
    const killed = cluster.start(['run', 'api', '--', 'sh', '-c', 'trap "" HUP; echo it runs; sleep 1000']);
    await killed.says('it runs');
    await killed.end();
    expect(await networksWith(ofCompose)).toHaveLength(1);
    await cluster.camp(['down']);
    expect([await containersWith(ofCompose), await networksWith(ofCompose)]).toEqual([[], []]);
  }, 180_000);

  test('logs: merged in order, one service, followed, nothing twice after a restart', async () => {
    await using cluster = project('logs');
    await cluster.up();
    const said = async (...args: readonly string[]): Promise<readonly Said[]> =>
      (await cluster.camp(['logs', '--json', ...args])).stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Said);
    const follow = cluster.start(['logs', 'api', '-f', '--json']);
    await follow.says('api of version one');
    await get(cluster, '/say-first', 'api');
    await follow.says('said /say-first');
    const all = await said();
    expect(new Set(all.map((one) => one.service))).toEqual(expect.objectContaining(new Set(['api', 'cache'])));
    expect(all.map((one) => one.time)).toEqual(all.map((one) => one.time).toSorted());
    expect(new Set((await said('api')).map((one) => one.service))).toEqual(new Set(['api']));
    const [id = ''] = await cluster.ids('api');
    const startedAt = (): Promise<string> => docker(['inspect', '-f', '{{.State.StartedAt}}', id]);
    const before = await startedAt();
    await cluster.camp(['restart', 'api']);
    expect(await startedAt()).not.toBe(before);
    expect(await cluster.ids('api')).toContain(id);
    await get(cluster, '/say-second', 'api');
    await follow.says('said /say-second');
    const has = (word: string) => async () => (await said('api')).some((one) => one.line.includes(word));
    await eventually('it is kept', has('second'));
    // camp itself is started again, and adopts what runs
    process.kill(cluster.supervisor(), 'SIGKILL');
    await cluster.up();
    await get(cluster, '/say-third', 'api');
    await eventually('the third is kept', has('third'));
    const kept = (await said('api')).map((one) => one.line);
    for (const word of ['first', 'second', 'third'])
      expect(
        kept.filter((line) => line.includes(`/say-${word}`)),
        word,
      ).toHaveLength(1);
    expect(kept.filter((line) => line === 'api of version one')).toHaveLength(4); // two replicas, started twice
  }, 180_000);

  test('ps: what a container is, is said: unhealthy, exited', async () => {
    const name = unique('states');
    await using cluster = new ContainerCluster(home, name, {
      'compose.yaml': `name: ${name}
services:
  sick:
${web}    healthcheck: { test: ["CMD", "test", "!", "-e", "/tmp/sick"], interval: 1s, retries: 1, start_interval: 200ms, start_period: 5s }
  once:
    image: busybox
    command: ["true"]
`,
    });
    await cluster.up();
    expect((await cluster.service('once')).state).toBe('exited');
    expect((await cluster.service('sick')).state).toBe('ready');
    const [id = ''] = await cluster.ids('sick');
    await docker(['exec', id, 'touch', '/tmp/sick']);
    await eventually('it is said', async () => (await cluster.service('sick')).state === 'unhealthy', 20_000);
    await docker(['exec', id, 'rm', '/tmp/sick']);
    await eventually('it is well again', async () => (await cluster.service('sick')).state === 'ready', 20_000);
    await docker(['rm', '-f', id]);
    await eventually('it is gone', async () => (await cluster.service('sick')).state === 'exited', 20_000);
    await cluster.up();
    expect((await cluster.service('sick')).state).toBe('ready');
  }, 180_000);
});

test.each(['up --docker', 'up'])(
  'what no engine can make a container of: camp %s says all of it, and makes nothing',
  async (line) => {
    await using cluster = project('unmakeable');
    cluster.edit('compose.yaml', 'image: redis:8', 'image: "redis:8 alpine"\n    secrets: [key]');
    cluster.edit(
      'compose.yaml',
      'volumes: { data: {} }',
      'volumes: { data: {} }\nsecrets: { key: { file: ./key.txt } }',
    );
    const problems = [
      { code: 'INVALID_IMAGE', source: { file: 'compose.yaml', line: 17, col: 12 } },
      { code: 'FILE_MISSING', source: { file: 'compose.yaml', line: 22, col: 25 } },
    ];
    const plan = await cluster.camp([...line.replace('up', 'plan').split(' '), '--json']);
    expect(JSON.parse(plan.stdout)).toMatchObject({ problems });
    const up = await cluster.camp([...line.split(' '), '--json'], [3]);
    expect(JSON.parse(up.stdout)).toMatchObject({ errors: problems });
    await cluster.nothingIsLeft();
  },
);

describe('the edge in a container', () => {
  test('a port that somebody takes after it was claimed is left to them', async () => {
    await using cluster = project('moved');
    const up = cluster.start(['up', '-d', '--json', '--docker']);
    const claims = join(home.dir, 'camp/state/ports');
    const port = await eventually('a port is claimed', () => claimedPort(claims), 30_000);
    const stranger = createServer().listen(port, '127.0.0.1');
    await once(stranger, 'listening');
    try {
      expect(await up.exits(60_000), up.output).toBe(0);
      await cluster.ps();
      expect(cluster.https).not.toBe(port);
      expect(await version(cluster)).toBe('one');
    } finally {
      stranger.close();
    }
  }, 120_000);

  function claimedPort(claims: string): number | false {
    const names = existsSync(claims) ? readdirSync(claims) : [];
    const ports = names.flatMap((name) => Number(/^(443|84\d\d)\.lock$/.exec(name)?.[1] ?? 0) || []);
    return ports[0] ?? false;
  }
});

describe('in the foreground', () => {
  test.each([1, 2])(
    'Ctrl-C %i times: exit 130, nothing left',
    async (times) => {
      await using cluster = project(`keys-${times}`);
      const up = cluster.terminal(['up']);
      await up.says('logs follow', 60_000);
      expect((await cluster.containers()).map((one) => one.state)).toEqual(Array.from({ length: 4 }, () => 'running'));
      up.type(ctrlC);
      await up.says('stopping; Ctrl-C once more forces');
      if (times === 2) up.type(ctrlC);
      expect(await up.exits(30_000)).toBe(130);
      await cluster.nothingIsLeft();
      expect(up.output).not.toMatch(/bug in camp|at .*\.(ts|js):\d/);
    },
    120_000,
  );

  test('Ctrl-C while it starts: nothing left', async () => {
    await using cluster = project('early');
    cluster.edit('compose.yaml', '"redis-cli", "ping"', '"false"');
    const up = cluster.terminal(['up']);
    await eventually(
      'the cache runs',
      async () => (await cluster.containers()).some((one) => one.state === 'running'),
      60_000,
    );
    up.type(ctrlC);
    expect(await up.exits(30_000)).toBe(130);
    await cluster.nothingIsLeft();
    expect(existsSync(cluster.path('.camp', 'lock'))).toBe(false);
  }, 120_000);
});

interface Said {
  readonly time: string;
  readonly service: string;
  readonly line: string;
}
