import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CompareRequest, compare } from '../../src/camp/measure/compare.ts';
import { contenderOf, failedProbes, isMissing, processesOf, runningProject } from './rivals-rig.ts';

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

/** A file as it was served; camp's is the project's own. */
function fileOf({ folder, project }: CompareRequest, server: string, path: string): string {
  if (server === 'camp') writeFileSync(join(project.dir, path), project.caddyfile.text);
  return server === 'camp' ? join(project.dir, path) : join(folder, server, path);
}

/** Counted another way: no line of these is longer than 100 characters or two in one. */
function plainLines(text: string): number {
  return text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#')).length;
}

describe.skipIf(isMissing('nginx') || isMissing('apache'))('the same site by other servers', () => {
  test('every route over verified HTTPS, the redirect, WebSockets and a dead replica, by each of them as by camp', async () => {
    await using project = await runningProject(site, { runs: 2 });
    const { request } = project;
    const report = await compare(request);
    for (const server of ['camp', 'nginx', 'apache', 'caddy'] as const) {
      const one = contenderOf(report, server);
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
      for (const { path, lines } of one.files)
        expect([path, lines]).toEqual([path, plainLines(readFileSync(fileOf(request, server, path), 'utf8'))]);
    }
    expect(processesOf(project)).toEqual([]);
    expect(existsSync(join(project.request.project.dir, '.camp/compared'))).toBe(false);
    const rows = report.rows.map(({ name }) => name);
    expect(rows).toContain('security decisions');
    for (const { derivation, values } of report.rows) {
      expect(derivation).not.toBe('');
      expect(Object.keys(values)).toHaveLength(4);
    }
  });

  // The copy that is measured lies in .camp: Caddy's `hide .*` looks at the whole path of a file.
  test('files below a folder whose name begins with a dot, with those that are hidden hidden', async () => {
    await using project = await runningProject('shop.localhost {\n\treverse_proxy web:8080\n}\n', { at: '.camp/copy' });
    const report = await compare(project.request);
    for (const server of ['nginx', 'apache', 'caddy'] as const) {
      const one = contenderOf(report, server);
      expect([server, one.status, one.reason]).toEqual([server, 'served', null]);
      expect([server, failedProbes(one)]).toEqual([server, []]);
      expect(one.probes.map(({ name }) => name)).toContain('hidden files of GET https://shop.localhost/');
    }
  });

  test('a statement that is left out: the checker refuses it, or the site breaks, or nothing comes of it', async () => {
    await using project = await runningProject('shop.localhost {\n\treverse_proxy orders:8080\n}\n', {
      servers: ['nginx'],
      runs: 0,
      isThorough: true,
    });
    const report = await compare(project.request);
    const row = report.rows.find(({ name }) => name === 'potential for errors');
    const [broken = 0, all = 0] = (row?.values.nginx ?? '').match(/\d+/g)?.map(Number) ?? [];
    expect(all).toBeGreaterThan(15);
    // at least: the certificate's protocols, the redirect, each forwarded header, the upgrade
    expect(broken).toBeGreaterThan(5);
    expect(broken).toBeLessThan(all);
    expect(processesOf(project)).toEqual([]);
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
    await using project = await runningProject(odd, { runs: 1 });
    const report = await compare(project.request);
    for (const server of ['nginx', 'apache', 'caddy'] as const) {
      const one = contenderOf(report, server);
      expect([one.status, one.files, one.probes]).toEqual(['failed', [], []]);
      for (const name of ['the matcher header_regexp', 'basic_auth', 'rewrite', 'the path /a/*/b'])
        expect(one.reason).toContain(name);
    }
  });

  test('an interrupted comparison leaves nothing that runs', async () => {
    const interrupt = new AbortController();
    await using project = await runningProject(site, { signal: interrupt.signal, runs: 50 });
    const words: string[] = [];
    const ended = compare({
      ...project.request,
      onProgress(progress) {
        words.push(progress);
        if (words.length === 7) setTimeout(() => interrupt.abort(new Error('enough')), 30);
      },
    });
    await expect(ended).rejects.toThrow();
    expect(words.length).toBeGreaterThanOrEqual(7);
    expect(processesOf(project)).toEqual([]);
    expect(existsSync(join(project.request.project.dir, '.camp/compared'))).toBe(false);
  });
});
