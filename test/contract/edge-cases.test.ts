import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapt, askingAdmin } from '../../src/edge/adapt.ts';
import { createAdmin } from '../../src/edge/admin.ts';
import { patch } from '../../src/edge/patch.ts';
import { CampError } from '../../src/kit/failure.ts';
import { caddy, createRig, never, type Rig, summaryOf, wantedOf, writeIn } from './edge-rig.ts';

/**
 * A case is a Caddyfile, a line of dashes, and what camp makes of it: the summary of the patched
 * configuration, or the problems. `UPDATE_CASES=1` writes the second part; review it as a change.
 */
const folder = join(import.meta.dirname, '../cases/edge');
const endpoints = {
  orders: ['127.0.0.1:4001', '127.0.0.1:4002'],
  users: ['127.0.0.1:4003'],
  web: ['127.0.0.1:4004'],
  gate: ['127.0.0.1:4005'],
  idle: [],
};
const statics = new Map([['docs', '/srv/docs']]);

describe.skipIf(caddy === undefined)('Caddyfiles', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = createRig();
    writeIn(rig.folder, 'broken.caddy', '# imported\nfrobnicate on\n');
    writeIn(rig.folder, 'good.caddy', 'respond /imported 200\n');
    await rig.edge.start(never);
  }, 30_000);
  afterAll(async () => rig[Symbol.asyncDispose]());

  test.each(readdirSync(folder).filter((name) => name.endsWith('.case')))('%s', async (name) => {
    const path = join(folder, name);
    const [input = '', expected = ''] = readFileSync(path, 'utf8').split(/^-{4,}\n/m);
    const actual = await outcome(input);
    if (process.env['UPDATE_CASES']) writeFileSync(path, `${input}----------\n${actual}`);
    else expect(actual).toBe(expected);
  });

  async function outcome(text: string): Promise<string> {
    const admin = createAdmin(join(rig.folder, '.camp/run/admin.sock'));
    const wanted = wantedOf(text, endpoints, { statics });
    try {
      const { config } = await adapt(askingAdmin(admin, never), wanted.caddyfile, rig.folder, rig.setup.env);
      const input = {
        ...wanted,
        adapted: config,
        ports: { https: 18_443, http: 18_080 },
        hasIpv6: true,
        storage: '/storage',
        adminListen: 'unix/.camp/run/admin.sock|0600',
        id: 'camp-test',
      };
      const patched = patch(input);
      const routes = patched.routes.map((route) => `route ${route.service} ${route.url}`);
      const warnings = patched.warnings.map((warning) => `warning ${warning}`);
      return `${[...routes, ...warnings, ...summaryOf(patched.config)].join('\n')}\n`;
    } catch (error) {
      if (!(error instanceof CampError)) throw error;
      const problems = error.failures.map(
        ({ code, fault, message, source, hints }) =>
          `${fault} ${code} ${source?.file}:${source?.line}:${source?.col} ${message}${hints[0] ? ` (${hints[0]})` : ''} | ${source?.text?.trim() ?? ''}`,
      );
      return `${problems.join('\n')}\n`;
    }
  }
});
