import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answerUpgrade } from '../../src/camp/measure/compare/echo.ts';
import { findProgram } from '../../src/camp/measure/compare/programs.ts';
import type { CompareRequest } from '../../src/camp/measure/compare.ts';
import type { ComparisonReport, Contender, ServerKind } from '../../src/stopwatch/types.ts';
import { caddy, createRig, never, upstream } from './edge-rig.ts';

const programs = { nginx: ['nginx'], apache: ['apache2', 'httpd'] } as const;

/** In CI a missing server is a failure; elsewhere it is said and skipped. */
export function isMissing(server: keyof typeof programs): boolean {
  const isThere = findProgram(programs[server], process.env) !== undefined && caddy !== undefined;
  if (!isThere) {
    if (process.env['CI']) throw new Error(`${server} or Caddy is not installed`);
    process.stderr.write(`${server} or Caddy is not installed: the comparison with it is not tested\n`);
  }
  return !isThere;
}

export interface RunningProject extends AsyncDisposable {
  readonly request: CompareRequest;
}

/**
 * A project with three services and its edge, all running: two replicas of `orders`, `chat`, and the files of `web`, which lie
 * in the folder `at`.
 */
export async function runningProject(
  caddyfile: string,
  { at = '', ...rest }: Partial<CompareRequest> & { readonly at?: string } = {},
): Promise<RunningProject> {
  const rig = createRig();
  for (const name of ['web', 'docs', 'app'].map((name) => join(at, name))) {
    mkdirSync(join(rig.folder, name, '.git'), { recursive: true });
    writeFileSync(join(rig.folder, name, 'index.html'), `<p>${name}</p>\n`);
    writeFileSync(join(rig.folder, name, '.git/config'), 'secret\n');
  }
  const replicas = await Promise.all(
    [1, 2].map(() => upstream((request, response) => response.end(`orders ${request.url}`))),
  );
  const chat = await upstream((_, response) => response.end('chat'));
  chat.server.on('upgrade', answerUpgrade);
  const endpoints = [
    ...replicas.map(({ address }, i) => ({ service: 'orders', replica: `orders:${i + 1}`, address })),
    { service: 'chat', replica: 'chat:1', address: chat.address },
  ];
  const names = ['orders', 'chat', 'web'];
  const served = {
    caddyfile: { path: 'Caddyfile', text: caddyfile },
    domain: 'shop.localhost',
    services: new Set(names),
    endpoints,
    statics: new Map([['web', join(rig.folder, at, 'web')]]),
  };
  await rig.edge.start(never);
  await rig.edge.route(served, never);
  const project = {
    name: 'shop',
    dir: rig.folder,
    domain: served.domain,
    caddyfile: served.caddyfile,
    edgeEnv: {},
    services: new Map(names.map((name) => [name, {}])) as never,
  };
  return {
    request: {
      servers: ['nginx', 'apache', 'caddy'],
      project,
      endpoints,
      statics: served.statics,
      caddy: caddy ?? '',
      edge: { ...rig.setup.ports, caFile: rig.edge.caFile },
      runs: 0,
      isThorough: false,
      folder: join(rig.folder, 'scratch'),
      env: process.env,
      signal: never,
      onProgress: () => undefined,
      ...rest,
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...replicas, chat].map((one) => one.kill()));
      await rig[Symbol.asyncDispose]();
    },
  };
}

export function contenderOf(report: ComparisonReport, server: ServerKind): Contender {
  const found = report.contenders.find((one) => one.server === server);
  if (!found) throw new Error(`${server} did not take part`);
  return found;
}

export function failedProbes({ probes }: Contender): readonly string[] {
  return probes.filter(({ isPassed }) => !isPassed).map(({ name, detail }) => `${name}: ${detail}`);
}

/** Programs that a comparison has started in a project: its scratch folder is where they work, or among their words. */
export function processesOf({ request }: RunningProject): readonly string[] {
  const { folder } = request;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const cwd = readlinkSync(`/proc/${pid}/cwd`);
        const isIn = cwd.startsWith(request.project.dir) && words.includes('.camp/compared');
        return words.includes(folder) || isIn || cwd.startsWith(folder) ? [words] : [];
      } catch {
        return []; // it has just ended
      }
    });
}
