import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compare } from '../../src/camp/measure/compare.ts';
import { askingProgram } from '../../src/edge/adapt-program.ts';
import { caddy, never } from './edge-rig.ts';
import { contenderOf, failedProbes, isMissing, processesOf, runningProject } from './rivals-rig.ts';

/** The cases of src/edge/rivals/cases.test.ts, by the real servers. */
const folder = join(import.meta.dirname, '../cases/rivals');

describe.skipIf(isMissing('nginx') || isMissing('apache'))('each case', () => {
  test.each(readdirSync(folder))('%s: the servers answer as camp does', async (file) => {
    const [caddyfile = '', adapted = '', ...rendered] = readFileSync(join(folder, file), 'utf8').split(/^-{10} /m);
    const setup = { caddy: caddy ?? '', projectDir: folder, env: { PATH: process.env['PATH'] ?? '' } };
    const found = await askingProgram(setup, never)(caddyfile);
    expect(typeof found === 'string' ? found : found.config).toEqual(JSON.parse(adapted.replace(/^adapted\n/, '')));
    if (rendered[0]?.startsWith('refused')) return;
    await using project = await runningProject(caddyfile);
    const report = await compare(project.request);
    for (const server of ['camp', 'nginx', 'apache', 'caddy'] as const) {
      const one = contenderOf(report, server);
      const isRefused = rendered.some((text) => text.startsWith(`${server} refuses `));
      expect([server, one.status, one.reason ?? '']).toEqual([
        server,
        isRefused ? 'failed' : 'served',
        isRefused ? expect.stringContaining('not written for') : expect.not.stringContaining('not written for'),
      ]);
      expect([server, failedProbes(one)]).toEqual([server, []]);
    }
    expect(processesOf(project)).toEqual([]);
  });
});
