import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { compare } from '../../src/camp/measure/compare.ts';
import { requireImages } from '../rig/images.ts';
import { contenderOf, failedProbes, processesOf, runningProject } from './rivals-rig.ts';

const why = requireImages('the comparison with Caddy in a container', ['caddy:2']);

describe.skipIf(why !== undefined)('the same site by Compose', () => {
  test('Caddy in a container serves every route as camp does, and is gone afterwards', async () => {
    const site =
      'shop.localhost {\n\thandle_path /api/* {\n\t\treverse_proxy orders:8080\n\t}\n\treverse_proxy web:8080\n}\n';
    await using project = await runningProject(site, { servers: ['compose'], runs: 1 });
    const report = await compare(project.request);
    const one = contenderOf(report, 'compose');
    expect([one.status, one.reason]).toEqual(['served', null]);
    expect(failedProbes(one)).toEqual([]);
    expect(one.files.map(({ path }) => path)).toEqual(['compose.yaml', 'Caddyfile']);
    expect(one.timeToFirstRequestMs?.values).toHaveLength(1);
    expect(processesOf(project)).toEqual([]);
    for (const kind of ['ps --all', 'volume ls']) {
      const argv = [...kind.split(' '), '--quiet', '--filter', 'label=com.docker.compose.project=shop-compared'];
      expect(spawnSync('docker', argv, { encoding: 'utf8' }).stdout).toBe('');
    }
  });
});
