import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { answerUpgrade } from '../../src/camp/measure/compare/echo.ts';
import { findProgram } from '../../src/camp/measure/compare/programs.ts';
import { type CompareRequest, compare } from '../../src/camp/measure/compare.ts';
import type { ComparisonReport, Contender, ServerKind } from '../../src/stopwatch/types.ts';
import { caddy, createRig, never, type Rig, upstream } from './edge-rig.ts';

const programs: Readonly<Record<'nginx' | 'apache', readonly string[]>> = {
  nginx: ['nginx'],
  apache: ['apache2', 'httpd'],
};

/** In CI a missing server is a failure; elsewhere it is said and skipped. */
function isMissing(server: 'nginx' | 'apache'): boolean {
  const isThere = findProgram(programs[server], process.env) !== undefined && caddy !== undefined;
  if (!isThere) {
    if (process.env['CI']) throw new Error(`${server} or Caddy is not installed`);
    process.stderr.write(`${server} or Caddy is not installed: the comparison with it is not tested\n`);
  }
  return !isThere;
}

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of disposables.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

const site = `shop.localhost {
	encode gzip
	header X-Site shop
	handle_path /api/orders/* {
		reverse_proxy orders:8080
	}
	handle /chat* {
		reverse_proxy chat:8080
	}
	handle {
		reverse_proxy web:8080
	}
}
`;

/** A project with three services and its edge, all running. */
async function running(caddyfile: string, overrides: Partial<CompareRequest> = {}): Promise<[CompareRequest, Rig]> {
  const rig = createRig();
  disposables.push(rig);
  const web = join(rig.folder, 'web');
  mkdirSync(join(web, '.git'), { recursive: true });
  writeFileSync(join(web, 'index.html'), '<p>shop</p>\n');
  writeFileSync(join(web, '.git/config'), 'secret\n');
  const replicas = await Promise.all(
    [1, 2].map(() => upstream((request, response) => response.end(`orders ${request.url}`))),
  );
  const chat = await upstream((_, response) => response.end('chat'));
  chat.server.on('upgrade', answerUpgrade);
  disposables.push(...replicas, chat);
  const endpoints = [
    ...replicas.map(({ address }, i) => ({ service: 'orders', replica: `orders:${i + 1}`, address })),
    { service: 'chat', replica: 'chat:1', address: chat.address },
  ];
  const services = new Map(['orders', 'chat', 'web'].map((name) => [name, {}])) as never;
  const statics = new Map([['web', web]]);
  await rig.edge.start(never);
  await rig.edge.route(
    {
      caddyfile: { path: 'Caddyfile', text: caddyfile },
      domain: 'shop.localhost',
      services: new Set(['orders', 'chat', 'web']),
      endpoints,
      statics,
    },
    never,
  );
  const request: CompareRequest = {
    servers: ['nginx', 'apache', 'caddy'],
    project: {
      name: 'shop',
      dir: rig.folder,
      domain: 'shop.localhost',
      caddyfile: { path: 'Caddyfile', text: caddyfile },
      edgeEnv: {},
      services,
    },
    endpoints,
    statics,
    caddy: caddy ?? '',
    edge: { ...rig.setup.ports, caFile: rig.edge.caFile },
    runs: 2,
    isThorough: false,
    folder: join(rig.folder, 'scratch'),
    env: process.env,
    signal: never,
    onProgress: () => undefined,
    ...overrides,
  };
  return [request, rig];
}

function contender(report: ComparisonReport, server: ServerKind): Contender {
  const found = report.contenders.find((one) => one.server === server);
  if (!found) throw new Error(`${server} did not take part`);
  return found;
}

function failedProbes({ probes }: Contender): readonly string[] {
  return probes.filter(({ isPassed }) => !isPassed).map(({ name, detail }) => `${name}: ${detail}`);
}

/** Programs that were started for a folder: it is their working directory, or among their words. Not those of the rig's own edge. */
function processesIn(folder: string): readonly string[] {
  const scratch = join(folder, 'scratch');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const cwd = readlinkSync(`/proc/${pid}/cwd`);
        return words.includes(scratch) || words.includes('.camp/compared') || cwd.startsWith(scratch) ? [words] : [];
      } catch {
        return []; // it has just ended
      }
    });
}

describe.skipIf(isMissing('nginx') || isMissing('apache'))('the same site by other servers', () => {
  test('every route over verified HTTPS, the redirect, WebSockets and a dead replica, by each of them as by camp', async () => {
    const [request] = await running(site);
    const report = await compare(request);
    for (const server of ['camp', 'nginx', 'apache', 'caddy'] as const) {
      const one = contender(report, server);
      expect([server, one.status, one.reason]).toEqual([server, 'served', null]);
      expect([server, failedProbes(one)]).toEqual([server, []]);
      const names = one.probes.map(({ name }) => name).join('\n');
      for (const expected of [
        'GET https://shop.localhost/api/orders/',
        'GET https://shop.localhost/chat',
        'WebSocket of GET https://shop.localhost/chat',
        'redirect of http://shop.localhost',
        'TLS 1.1 refused',
        'HTTP/2',
        'hidden files of GET https://shop.localhost/',
        '30 requests with a dead replica: GET https://shop.localhost/api/orders/',
      ])
        expect(names).toContain(expected);
      expect(one.timeToFirstRequestMs?.values).toHaveLength(2);
      expect(one.size.lines).toBeGreaterThan(0);
    }
    expect(processesIn(request.project.dir)).toEqual([]);
    expect(existsSync(join(request.project.dir, '.camp/compared'))).toBe(false);
    const rows = report.rows.map(({ name }) => name);
    expect(rows).toContain('security decisions');
    for (const { derivation, values } of report.rows) {
      expect(derivation).not.toBe('');
      expect(Object.keys(values)).toHaveLength(4);
    }
  });

  test('a statement that is left out: the checker refuses it, or the site breaks, or nothing comes of it', async () => {
    const [request] = await running('shop.localhost {\n\treverse_proxy orders:8080\n}\n', {
      servers: ['nginx'],
      runs: 0,
      isThorough: true,
    });
    const report = await compare(request);
    const row = report.rows.find(({ name }) => name === 'potential for errors');
    const [broken = 0, all = 0] = (row?.values.nginx ?? '').match(/\d+/g)?.map(Number) ?? [];
    expect(all).toBeGreaterThan(15);
    // at least: the certificate's protocols, the redirect, each forwarded header, the upgrade
    expect(broken).toBeGreaterThan(5);
    expect(broken).toBeLessThan(all);
    expect(processesIn(request.project.dir)).toEqual([]);
  });

  test('what no other server is told is refused by its name, and nothing is started', async () => {
    const odd = `shop.localhost {
	@old header_regexp User-Agent MSIE
	respond @old 400
	basic_auth /private/* {
		bob $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
	}
	rewrite /c /d
	redir /a/*/b /c
	reverse_proxy orders:8080
}
`;
    const [request] = await running(odd, { runs: 1 });
    const report = await compare(request);
    for (const server of ['nginx', 'apache', 'caddy'] as const) {
      const one = contender(report, server);
      expect([one.status, one.files, one.probes]).toEqual(['failed', [], []]);
      for (const name of ['the matcher header_regexp', 'basic_auth', 'rewrite', 'the path /a/*/b'])
        expect(one.reason).toContain(name);
    }
  });

  test('an interrupted comparison leaves nothing that runs', async () => {
    const interrupt = new AbortController();
    const [request] = await running(site, { signal: interrupt.signal, runs: 50 });
    const words: string[] = [];
    const ended = compare({
      ...request,
      onProgress(progress) {
        words.push(progress);
        if (words.length === 7) setTimeout(() => interrupt.abort(new Error('enough')), 30);
      },
    });
    await expect(ended).rejects.toThrow();
    expect(words.length).toBeGreaterThanOrEqual(7);
    expect(processesIn(request.project.dir)).toEqual([]);
    expect(existsSync(join(request.project.dir, '.camp/compared'))).toBe(false);
  });
});
