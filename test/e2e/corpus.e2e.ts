import { createHash } from 'node:crypto';
import { cpSync, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PlanReport } from '../../src/camp/look.ts';
import { projectId } from '../../src/kit/paths.ts';
import { markedProcesses } from '../../src/kit/process.ts';
import type { ErrorJson } from '../../src/report/json.ts';
import type { ProjectStatus, UpReport } from '../../src/report/types.ts';
import { askCompose } from '../contract/compose-model-rig.ts';
import { get, siteOf } from '../rig/black-box.ts';
import { createHome, eventually, type Home } from '../rig/cluster.ts';
import { run } from '../rig/compose.ts';
import { requireImages } from '../rig/images.ts';
import { leftInDocker, removeImages } from '../rig/left-in-docker.ts';
import { type Trial, trial } from '../rig/trial.ts';

/** What a runnable project serves (test/corpus/compose/README.md). */
interface Expected {
  /** Whose page the project's own name leads to. */
  readonly front?: string;
  readonly routes: Readonly<Record<string, { readonly path: string; readonly contains: string }>>;
  /** A port in the container of each service. */
  readonly ports: Readonly<Record<string, number>>;
  /** Services that have no URL of HTTP. */
  readonly without?: readonly string[];
}

const corpus = resolve(import.meta.dirname, '..', 'corpus', 'compose');
const projects = readdirSync(corpus, { withFileTypes: true })
  .filter((each) => each.isDirectory())
  .map(({ name }) => name);
const isRunnable = (name: string): boolean => existsSync(join(corpus, name, '.runnable'));

let home: Home;
const why = requireImages('the corpus of Compose projects', [
  ...new Set(projects.filter(isRunnable).flatMap(baseImages)),
]);

beforeAll(() => {
  home = createHome();
});
afterAll(() => home?.[Symbol.dispose]());
beforeEach(({ skip }) => skip(why !== undefined, why));

/** A copy of a project under a name that nothing else has on this machine's engine. */
function copyOf(name: string, use: string): string {
  const dir = join(home.dir, `${name}-${use}-${process.pid}`);
  cpSync(join(corpus, name), dir, { recursive: true, verbatimSymlinks: true });
  for (const one of ['.runnable', 'expect.json', 'variants.json', 'refused']) rmSync(join(dir, one), { force: true });
  return dir;
}

const camp = (dir: string, ...args: readonly string[]): Promise<Trial> =>
  trial(args, { cwd: dir, env: { ...home.env, PWD: dir }, timeoutMs: 200_000 });

describe('plan', () => {
  test.each(projects)(
    'understands %s',
    async (name) => {
      const dir = copyOf(name, 'plan');
      const before = treeOf(dir);
      const plan = await camp(dir, 'plan', '--json');
      expect(treeOf(dir)).toEqual(before);
      if (existsSync(join(corpus, name, 'refused'))) {
        expect(plan.code, plan.stdout).toBe(3);
        const { errors } = JSON.parse(plan.stdout) as ErrorJson;
        for (const { source } of errors) expect(source).toMatchObject({ line: expect.any(Number) as number });
        return;
      }
      expect(plan.code, plan.stdout + plan.stderr).toBe(0);
      const { placements } = JSON.parse(plan.stdout) as PlanReport;
      const model = askCompose(dir, { env: { HOME: home.env['HOME'] ?? '' } }).model as { services: object };
      expect(placements.map(({ service }) => service).sort()).toEqual(Object.keys(model.services).sort());
      for (const { why: reason } of placements) expect(reason).not.toBe('');
    },
    60_000,
  );
});

// the model itself is compared with Compose's in compose-model.test
test('plan --config prints what docker compose config does', async () => {
  const dir = copyOf('airflow', 'config');
  const { model } = askCompose(dir, { env: { HOME: home.env['HOME'] ?? '' } });
  expect(JSON.parse((await camp(dir, 'plan', '--config', '--json')).stdout)).toEqual(model);
});

describe.each(projects.filter(isRunnable))('%s', (name) => {
  const expected = JSON.parse(readFileSync(join(corpus, name, 'expect.json'), 'utf8')) as Expected;

  // an edge in a container differs little from one project to the next: every fifth shows it
  const isWithDocker = projects.filter(isRunnable).indexOf(name) % 5 === 0;

  test.each([['as its files say', []], ...(isWithDocker ? [['--docker', ['--docker']] as const] : [])] as const)(
    'comes up %s, and leaves nothing',
    async (_, flags) => {
      const dir = copyOf(name, flags.length > 0 ? 'd' : 'r');
      const before = treeOf(dir);
      const compose = (askCompose(dir).model as { name: string }).name;
      try {
        const up = await camp(dir, 'up', '-d', '--json', ...flags);
        expect(up.code, up.stdout + up.stderr).toBe(0);
        const report = JSON.parse(up.stdout) as UpReport;
        await serves(report, compose, expected);
        await noStateInImages(compose);
        const ps = JSON.parse((await camp(dir, 'ps', '--json')).stdout) as ProjectStatus;
        for (const { name: service, state } of ps.services) expect([service, state]).toEqual([service, endOf(state)]);
        const again = await camp(dir, 'up', '-d', '--json', ...flags);
        expect(again.code, again.stdout + again.stderr).toBe(0);
        const later = JSON.parse(again.stdout) as UpReport;
        // a job that was still at work may have ended meanwhile
        const ended = new Set(later.services.flatMap(({ name: job, state }) => (state === 'exited' ? job : [])));
        expect(pidsOf(later)).toEqual(pidsOf(report, ended));
      } finally {
        // a shell as the first process hears no TERM: each project would wait for ten seconds
        const down = await camp(dir, 'down', '--force', '--data', '--yes');
        await removeImages(compose);
        expect(down.code, down.stdout + down.stderr).toBe(0);
      }
      const id = projectId(dir);
      await eventually('no process is left', () => markedProcesses(id).length === 0, 5000);
      expect(await leftInDocker({ id, compose })).toEqual([]);
      expect(readdirSync(join(home.dir, 'camp', 'state', 'ports'))).toEqual([]);
      expect(treeOf(dir)).toEqual(before);
    },
    300_000,
  );
});

/** Camp's own folder, with its logs and sockets, is in no image. */
async function noStateInImages(compose: string): Promise<void> {
  const { output } = await run('docker', [
    ...['image', 'ls', '--filter', `label=com.docker.compose.project=${compose}`],
    ...['--format', '{{.ID}}'],
  ]);
  for (const image of new Set(output.split('\n').filter(Boolean))) {
    const find = ['run', '--rm', '--entrypoint', 'find', image, '/', '-xdev', '-name', '.camp'];
    expect((await run('docker', find)).output).not.toMatch(/^\/.*\.camp$/m);
  }
}

async function serves(report: UpReport, compose: string, expected: Expected): Promise<void> {
  const site = siteOf(report);
  const urlOf = (service: string): string => report.services.find((one) => one.name === service)?.url ?? '';
  for (const [service, { path, contains }] of Object.entries(expected.routes)) {
    const url = urlOf(service);
    expect(url, service).toMatch(/^https:\/\/[^/]+\.localhost/);
    const answer = await get(site, url.replace(/\/?$/, path));
    expect(answer.text, `${url}${path} answered ${answer.status}`).toContain(contains);
  }
  if (expected.front) {
    expect(new URL(urlOf(expected.front)).hostname).toBe(report.domain);
    expect(report.urls[0]).toBe(urlOf(expected.front));
  }
  for (const service of expected.without ?? []) expect(urlOf(service)).not.toMatch(/^https?:/);
  for (const [service, port] of Object.entries(expected.ports)) {
    const filter = ['project', 'service'].flatMap((key, i) => [
      '--filter',
      `label=com.docker.compose.${key}=${[compose, service][i]}`,
    ]);
    const { output } = await run('docker', ['container', 'ls', ...filter, '--format', '{{.Ports}}']);
    expect(output, service).toMatch(new RegExp(`127\\.0\\.0\\.1:\\d+->${port}/`));
    expect(output).not.toMatch(/0\.0\.0\.0:|\[::\]:/);
  }
}

/** What has run to its end is not ready, and need not be. */
function endOf(state: string): string {
  return state === 'exited' ? 'exited' : 'ready';
}

function pidsOf({ services }: UpReport, ended: ReadonlySet<string> = new Set()): readonly unknown[] {
  return services.map(({ name, pids }) => [name, ended.has(name) ? [] : pids]);
}

/** Images that a project starts from, without those and the stages that it builds itself. */
function baseImages(name: string): readonly string[] {
  const dir = join(corpus, name);
  const { model } = askCompose(dir) as { model?: { services: Record<string, { image?: string; build?: object }> } };
  const services = Object.values(model?.services ?? {});
  const own = new Set(services.flatMap(({ image, build }) => (build && image ? image : [])));
  const froms = filesOf(dir).flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const found = [...text.matchAll(/^\s*FROM (?:--\S+ )?(\S+)(?: +AS +(\S+))?/gim)];
    const stages = new Set(found.map((each) => each[2]));
    return found.flatMap(([, image = '']) => (stages.has(image) || image === 'scratch' ? [] : image));
  });
  const images = services.flatMap(({ image, build }) => (image && !build && !own.has(image) ? image : []));
  return [...new Set([...froms, ...images])].filter((image) => !image.includes('$'));
}

function filesOf(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile() && /Dockerfile|\.ya?ml$/.test(each.name))
    .map((each) => join(each.parentPath, each.name));
}

/** Every file with its mode, owner and a hash of it, but camp's own folder. Folders to mount on are the engine's. */
function treeOf(dir: string, folder = dir): readonly string[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      if (path === join(dir, '.camp')) return [];
      const stats = lstatSync(path);
      if (stats.isDirectory()) return treeOf(dir, path);
      const content = stats.isSymbolicLink() ? readlinkSync(path) : readFileSync(path);
      return [
        `${relative(dir, path)} ${stats.mode} ${stats.uid} ${createHash('sha256').update(content).digest('hex')}`,
      ];
    });
}
