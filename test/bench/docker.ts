/**
 * camp against plain `docker compose up` with a Caddy of its own, on the same images: interleaved runs, medians, ratios.
 * Images and CAs are there. Reports, asserts nothing about time.
 *
 *     npm run bench:docker -- [--runs N] [--json FILE]
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { edgeStorage } from '../../src/camp/folders.ts';
import { authorityFiles } from '../../src/edge/authority.ts';
import { userFolders } from '../../src/kit/paths.ts';
import provideCaddy from '../rig/provide-caddy.ts';
import { campFile } from './contenders.ts';
import {
  createDockerFixture,
  type DockerFixture,
  dockerUrlsOf,
  removeDockerFixture,
  type Shape,
} from './docker-fixture.ts';
import { median } from './figures.ts';
import { untilAll } from './poller.ts';

interface Contender {
  readonly name: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
  readonly ca: string;
}

interface Row {
  readonly what: string;
  readonly camp: number;
  readonly reference: number;
  readonly against: string;
  readonly aim: string;
}

const { values } = parseArgs({ options: { runs: { type: 'string' }, json: { type: 'string' } } });
const runs = Number(values.runs ?? 5);

await provideCaddy();
const rows = [
  await firstRequests('3 services in containers', { hasDatabase: false, isNative: false }, '<= 1.15x'),
  await firstRequests(
    '3 services and a database, health checks every 5 s',
    { healthIntervalS: 5, hasDatabase: true, isNative: false },
    '<= 1.15x',
  ),
  ...(await mixed()),
  ...(await nothingToDo()),
];
const machine = `${runs} interleaved runs, medians; ${cpus().length} cores, load ${(loadavg()[0] ?? 0).toFixed(1)}, node ${process.version}`;
process.stdout.write(`\n${table(rows)}\n\n${machine}\n`);
if (values.json) writeFileSync(values.json, `${JSON.stringify({ machine, rows }, undefined, 2)}\n`);

function environmentOf({ home }: DockerFixture): NodeJS.ProcessEnv {
  const { XDG_DATA_HOME: _, ...env } = process.env;
  return { ...env, HOME: home, CAMP_HOME: join(home, 'camp'), NO_COLOR: '1' };
}

function campOf(fixture: DockerFixture, flags: readonly string[]): Contender {
  return {
    name: `camp up -d ${flags.join(' ')}`.trim(),
    up: [process.execPath, campFile, 'up', '-d', '--no-watch', '--port', String(fixture.httpsPort), ...flags],
    down: [process.execPath, campFile, 'down'],
    ca: authorityFiles(edgeStorage(userFolders(environmentOf(fixture)))).root,
  };
}

function composeOf(fixture: DockerFixture): Contender {
  return {
    name: 'docker compose up -d',
    up: ['docker', 'compose', 'up', '-d'],
    down: ['docker', 'compose', 'down'],
    ca: join(fixture.plainStorage, 'caddy/pki/authorities/local/root.crt'),
  };
}

/** Milliseconds from the start of the command to the first verified 200 of every service. */
async function firstRequest(fixture: DockerFixture, { up, ca }: Contender): Promise<number> {
  const [file = '', ...args] = up;
  let roots: Buffer | undefined;
  const began = performance.now();
  const child = spawn(file, args, { cwd: fixture.dir, env: environmentOf(fixture), stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await untilAll(
    dockerUrlsOf(fixture),
    () => {
      if (!roots && existsSync(ca)) roots = readFileSync(ca);
      return roots;
    },
    ({ status }) => status === 200,
  );
  const took = performance.now() - began;
  await ended;
  return took;
}

function command(fixture: DockerFixture, argv: readonly string[]): number {
  const [file = '', ...args] = argv;
  const began = performance.now();
  const { status, stderr } = spawnSync(file, args, { cwd: fixture.dir, env: environmentOf(fixture), encoding: 'utf8' });
  if (status !== 0) throw new Error(`${argv.join(' ')}: exit ${status}\n${stderr}`);
  return performance.now() - began;
}

async function inTurns(fixture: DockerFixture, contenders: readonly Contender[]): Promise<readonly number[]> {
  const times = contenders.map((): number[] => []);
  try {
    command(fixture, ['docker', 'compose', 'build', '-q']);
    // the first run of each makes its CA and looks at its images: it does not count
    for (let n = 0; n <= runs; n++)
      for (const [which, one] of contenders.entries()) {
        const took = await firstRequest(fixture, one);
        command(fixture, one.down);
        if (n === 0) continue;
        times[which]?.push(took);
        process.stderr.write(`${one.name}: ${took.toFixed(0)}\n`);
      }
  } finally {
    for (const one of contenders)
      spawnSync(one.down[0] ?? '', one.down.slice(1), { cwd: fixture.dir, env: environmentOf(fixture) });
    spawnSync('docker', ['compose', 'down', '--rmi', 'local', '-v'], { cwd: fixture.dir });
  }
  return times.map(median);
}

async function firstRequests(what: string, shape: Shape, aim: string): Promise<Row> {
  const fixture = createDockerFixture(shape);
  try {
    const [camp = 0, reference = 0] = await inTurns(fixture, [campOf(fixture, ['--docker']), composeOf(fixture)]);
    return { what: `first request, ${what}`, camp, reference, against: 'docker compose up -d', aim };
  } finally {
    removeDockerFixture(fixture);
  }
}

/** Own code as processes, the database in a container, against everything in containers. */
async function mixed(): Promise<readonly Row[]> {
  const fixture = createDockerFixture({ hasDatabase: true, isNative: true });
  try {
    const [camp = 0, reference = 0] = await inTurns(fixture, [campOf(fixture, []), campOf(fixture, ['--docker'])]);
    return [{ what: 'first request, mixed placement', camp, reference, against: 'camp up -d --docker', aim: '< 1x' }];
  } finally {
    removeDockerFixture(fixture);
  }
}

/** A second `up` while everything runs as it should. */
async function nothingToDo(): Promise<readonly Row[]> {
  const fixture = createDockerFixture({ hasDatabase: true, isNative: false });
  const camp = campOf(fixture, ['--docker']);
  const compose = composeOf(fixture);
  const median2 = async (one: Contender): Promise<number> => {
    await firstRequest(fixture, one);
    const times = Array.from({ length: runs }, () => command(fixture, one.up));
    command(fixture, one.down);
    return median(times);
  };
  try {
    command(fixture, ['docker', 'compose', 'build', '-q']);
    const bare = median(Array.from({ length: runs }, () => command(fixture, [process.execPath, campFile, '--help'])));
    const own = await median2(camp);
    return [
      { what: 'second `up`, nothing to do', camp: own, reference: bare, against: 'camp --help', aim: '<= +600 ms' },
      {
        what: 'second `up`, nothing to do',
        camp: own,
        reference: await median2(compose),
        against: compose.name,
        aim: '<= 1x',
      },
    ];
  } finally {
    for (const one of [camp, compose])
      spawnSync(one.down[0] ?? '', one.down.slice(1), { cwd: fixture.dir, env: environmentOf(fixture) });
    spawnSync('docker', ['compose', 'down', '--rmi', 'local', '-v'], { cwd: fixture.dir });
    removeDockerFixture(fixture);
  }
}

function table(all: readonly Row[]): string {
  const lines = all.map(({ what, camp, reference, against, aim }) => {
    const ratio = aim.includes('+') ? `+${(camp - reference).toFixed(0)} ms` : `${(camp / reference).toFixed(2)}x`;
    return `| ${what} | ${camp.toFixed(0)} ms | ${reference.toFixed(0)} ms (${against}) | ${ratio} | ${aim} |`;
  });
  return ['| what | camp | reference | ratio | aim |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}
