import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ProjectStatus, UpReport } from '../../src/report/types.ts';
import { facesOf, get, probeFacts, redirectOf, type Site, siteOf, withoutPort } from '../rig/black-box.ts';
import { visit } from '../rig/client.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';
import { run } from '../rig/compose.ts';
import { requireImages, templateImages } from '../rig/images.ts';
import { leftInDocker, removeImages } from '../rig/left-in-docker.ts';
import { trial } from '../rig/trial.ts';

const probe = fileURLToPath(new URL('../rig/probe.mjs', import.meta.url));
const templates = ['node', 'python', 'go', 'static'] as const;

/** Everything that a starter and the templates make of a project, once. */
interface Subject {
  readonly name: string;
  readonly starter: 'hello' | 'empty';
  /** Words after `camp add service NAME --template T`. */
  readonly words: (template: string) => readonly (readonly [name: string, ...words: string[]])[];
  /** In the mixed project these run in containers. */
  readonly inContainers: readonly string[];
  /** Paths and hosts that must be answered alike. */
  readonly paths: readonly string[];
  /** Services that are restarted under load, and where they answer. */
  readonly restarted: Readonly<Record<string, string>>;
}

const subjects: readonly Subject[] = [
  {
    name: `hello-${process.pid}`,
    starter: 'hello',
    words: (template) => [[`my${template}`, '--needs', 'api']],
    inContainers: ['api', 'mypython', 'mystatic', 'probe'],
    paths: [
      ...['/', '/index.html', '/app.js', '/nope', '/deep/below', '/.env', '/api/', '/api/hello?x=1', '/apix'],
      ...templates.flatMap((one) => (one === 'static' ? [] : [`/api/my${one}/`, `/api/my${one}/a/b`, `/api/my${one}`])),
      ...['/mystatic/', '/mystatic', '/mystatic/app.js', '/mystatic/deep/path', '/mystatic/.git/config'],
    ],
    restarted: { api: '/api/', mynode: '/api/mynode/' },
  },
  {
    name: `empty-${process.pid}`,
    starter: 'empty',
    words: (template) => [
      [`r${template}`, '--route', `/r/${template}`],
      [`h${template}`, '--host'],
    ],
    inContainers: ['rnode', 'hgo', 'hstatic'],
    paths: [
      '/',
      '/nope',
      ...templates.flatMap((one) => [`/r/${one}/`, `/r/${one}`, `/r/${one}/livez`, `/r/${one}/x/y`]),
      ...templates.flatMap((one) => [`//h${one}/`, `//h${one}/livez`, `//h${one}/readyz`, `//h${one}/x/y`]),
      '//stranger/',
    ],
    restarted: { rgo: '/r/go/', hpython: '//hpython/' },
  },
];

const placements = ['--docker', '--native', 'mixed'] as const;

let home: Home;
const why = requireImages('templates in containers', templateImages());

beforeAll(() => {
  home = createHome();
});
afterAll(() => home?.[Symbol.dispose]());

describe.each(subjects)('starter $starter with every template', (subject) => {
  const { name, paths } = subject;
  const host = `${name}.localhost`;
  /** By placement, to be compared at the end. */
  const statuses = new Map<string, readonly unknown[]>();
  const faces = new Map<string, unknown>();
  const probes = new Map<string, unknown>();
  const names = new Map<string, readonly string[]>();
  let project: Cluster;

  /** `/path` is the project's site, `//host/path` a site of its own below it. */
  const urlOf = (path: string): string =>
    path.startsWith('//') ? `https://${path.slice(2).replace('/', `.${host}/`)}` : `https://${host}${path}`;

  beforeAll(async () => {
    project = new Cluster(home, name);
    const init = await trial(['init', name, '--starter', subject.starter, '--yes'], { cwd: home.dir, env: home.env });
    if (init.code !== 0) throw new Error(`init ended with ${init.code}: ${init.stderr}`);
    for (const template of templates)
      for (const [service, ...words] of subject.words(template))
        await project.camp(['add', 'service', service, '--template', template, ...words]);
    mkdirSync(project.path('services/probe'));
    copyFileSync(probe, project.path('services/probe/probe.mjs'));
    project.write(
      'services/probe/Dockerfile',
      'FROM node:24-alpine\nCOPY probe.mjs /\nUSER node\nEXPOSE 8080\nCMD ["node", "/probe.mjs"]\n',
    );
    project.edit(
      'compose.yaml',
      '\nservices:\n',
      '\nservices:\n  probe:\n    build: services/probe\n    x-camp: { run: node probe.mjs }\n',
    );
    project.edit('Caddyfile', 'localhost} {\n', 'localhost} {\n\treverse_proxy /probe/* probe:8080\n');
    await compileGoOnce(project, home);
  }, 600_000);
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    if (!why) await removeImages(name);
  }, 120_000);

  describe.each(placements)('%s', (placement) => {
    let report: UpReport;
    let site: Site;

    beforeEach(({ skip }) => skip(why !== undefined && placement !== '--native', why));
    beforeAll(async () => {
      if (why && placement !== '--native') return;
      if (placement === 'mixed') putInContainers(project, subject.inContainers);
      const mode = placement === 'mixed' ? [] : [placement];
      const up = project.start(['up', '-d', '--json', '--timeout', '300', ...mode]);
      // images are built the first time
      if ((await up.exits(500_000)) !== 0) throw new Error(`up ${mode} failed: ${up.output}`);
      report = JSON.parse(up.stdout) as UpReport;
      site = siteOf(report);
      await project.ps();
    }, 600_000);
    afterAll(async () => {
      if (!report) return;
      await project.camp(['down']);
      await project.nothingIsLeft();
      if (!why) expect(await leftInDocker({ id: project.id, compose: name })).toEqual([]);
    }, 120_000);

    test('every service runs where it is to run', () => {
      const expected = new Map<string, RegExp>();
      for (const one of report.services) {
        const isContainer =
          placement === '--docker' || (placement === 'mixed' && subject.inContainers.includes(one.name));
        expected.set(one.name, isContainer ? /^container$/ : /^(?:process|static)$/);
      }
      for (const one of report.services) {
        expect(one.placement, one.name).toMatch(expected.get(one.name) ?? /never/);
        expect(one.state, one.name).toBe('ready');
        expect(one.readyMs, one.name).toBeGreaterThan(0);
        expect(one.pids.length, one.name).toBe(one.placement === 'static' ? 0 : 1);
      }
    });

    test('plan gives the same placements, and says why', async () => {
      const mode = placement === 'mixed' ? [] : [placement];
      const { stdout } = await project.camp(['plan', '--json', ...mode]);
      const { placements } = JSON.parse(stdout) as {
        placements: { service: string; placement: string; why: string }[];
      };
      const planned = placements.filter((one) => one.placement !== 'edge');
      expect(planned.map((one) => `${one.service} ${one.placement}`).sort()).toEqual(
        report.services.map((one) => `${one.name} ${one.placement}`).sort(),
      );
      for (const one of placements) expect(one.why, one.service).not.toBe('');
    });

    test('every URL answers over HTTPS that the CA of caFile vouches for', async () => {
      for (const url of report.urls) expect((await get(site, url)).status, url).toBe(200);
      names.set(placement, report.urls.map(withoutPort).sort());
      statuses.set(placement, shapeOf(report.services));
    });

    test('up and ps say the same', async () => {
      const { services, urls, project: named, domain } = await project.ps();
      expect({ services, urls, named, domain }).toEqual({
        services: report.services.map((one) => ({ ...one, memoryBytes: expect.toSatisfy(isMemory) })),
        urls: report.urls,
        named: report.project,
        domain: report.domain,
      });
    });

    test('plain HTTP is sent to HTTPS, for every host', async () => {
      for (const one of new Set(report.urls.map((url) => new URL(url).hostname)))
        expect(await redirectOf(site, one, '/some/where')).toMatch(
          new RegExp(`^30[1278] https://${one.replaceAll('.', '\\.')}/some/where$`),
        );
    });

    test('paths, hosts, errors and headers', async () => {
      const all: Record<string, unknown> = await facesOf(site, paths.map(urlOf));
      faces.set(placement, all);
    });

    test('headers, cookies, a large body, a stream, a WebSocket and HTTP/2 pass through', async () => {
      const facts = await probeFacts(site, urlOf('/probe'));
      expect(facts).toMatchObject({
        isForwarded: 'https',
        forwardedHost: host,
        hasRequestId: true,
        cookies: ['a=1; Path=/', 'b=2; HttpOnly'],
        upload: { bytes: 8 * 1024 * 1024, sha256: facts['uploadIsWhole'] },
        events: ['data: first\n\n', 'gone on', 'data: last\n\n'],
        http2: { status: 200, text: 'ok' },
      });
      probes.set(placement, facts);
    });

    test('a request is found in the logs by its id', async () => {
      const id = randomUUID();
      expect((await get(site, urlOf('/probe/say'), { 'x-request-id': id })).status).toBe(200);
      // what a container writes comes by way of the engine
      const line = await eventually('its line', async () => {
        const { stdout } = await project.camp(['logs', '--request', id, '--json']);
        const lines = stdout.trimEnd().split('\n').filter(Boolean);
        const records = lines.map((each) => JSON.parse(each) as { service: string; line: string });
        return records.find((one) => one.service === 'probe')?.line;
      });
      expect(line).toBe(`said ${id}`);
    });

    test.each(Object.entries(subject.restarted))('%s restarts without a failed request', async (service, path) => {
      const { hostname, pathname } = new URL(urlOf(path));
      const visitor = visit({ port: site.https, host: hostname, path: pathname, caFile: site.caFile });
      const before = await project.service(service);
      await project.camp(['restart', service]);
      const visits = await visitor.leave();
      expect(visits.length).toBeGreaterThan(3);
      expect([...new Set(visits.map((one) => one.outcome))]).toEqual(['200']);
      expect((await project.service(service)).pids).not.toEqual(before.pids);
    });
  });

  test('names, statuses, routes, headers and what passes through are the same wherever it runs', ({ skip }) => {
    skip(why !== undefined, why);
    for (const one of [names, statuses, faces, probes]) {
      expect([...one.keys()].sort()).toEqual([...placements].sort());
      for (const placement of placements) expect(one.get(placement), placement).toEqual(one.get('--native'));
    }
  });
});

/** The parts of a status that may not depend on where a service runs; `pids` is checked where the placement is. */
function shapeOf(services: ProjectStatus['services']): readonly unknown[] {
  return services.map(({ name, replicas, state, url, ...rest }) => ({
    ...{ name, replicas, state, url: url && withoutPort(url) },
    keys: Object.keys(rest).sort(),
  }));
}

/** Says in the project of processes that some services are to be containers. */
function putInContainers(project: Cluster, names: readonly string[]): void {
  for (const name of names) {
    if (name === 'probe') project.edit('compose.yaml', 'x-camp: { run: node probe.mjs }', 'x-camp: { native: false }');
    else
      project.edit(
        'compose.yaml',
        `build: services/${name}\n`,
        `build: services/${name}\n    x-camp: { native: false }\n`,
      );
  }
}

/** Go compiles its whole library the first time, which takes a minute where others work, too. */
async function compileGoOnce(project: Cluster, { env }: Home): Promise<void> {
  const folder = ['mygo', 'rgo'].map((name) => join(project.path('services'), name));
  for (const cwd of folder) await run('go', ['build', '-o', '/dev/null', '.'], { cwd, env });
}

/** Bytes; null of what has no process of its own. */
function isMemory(value: unknown): boolean {
  return value === null || (typeof value === 'number' && value > 1_000_000);
}
