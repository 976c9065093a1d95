import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MeasureReport } from '../../src/stopwatch/types.ts';
import { Cluster, createHome, type Home } from '../rig/cluster.ts';
import { Folder } from '../rig/folder.ts';
import { measuredOf, printOf } from '../rig/measuring.ts';

/* What would make a figure better than what a person sees does not. Bounds are of what services themselves wait for. */
let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const patient = 240_000;

async function measure(
  folder: Folder,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  codes: readonly number[] = [0],
): Promise<MeasureReport> {
  const one = await folder.camp(['measure', '--json', '--native', ...args], { timeoutMs: patient, env });
  expect(codes, one.stdout + one.stderr).toContain(one.code);
  return JSON.parse(one.stdout) as MeasureReport;
}

function compose(lines: string): string {
  return `services:\n  api:\n    build: ./api\n    x-camp: { run: node main.cjs }\n    ports: ["18474:8080"]\n${lines}`;
}

/** What a service waits for before it is ready, in ms from the start of its process. */
const preparesMs = 1500;

describe('a service that answers before it is ready', () => {
  const eager = `const began = performance.now();
require('node:http').createServer((request, response) => {
  if (request.url === '/readyz' && performance.now() - began < ${preparesMs}) response.statusCode = 503;
  response.end('all is well');
}).listen(process.env.PORT, '127.0.0.1');
`;

  test(
    'by its /readyz',
    async () => {
      await using folder = new Folder(home, 'eager', { 'compose.yaml': compose(''), 'api/main.cjs': eager });
      const { metrics, services } = await measure(folder, ['--runs', '1', '--only', 'first-request,ready']);
      expect(measuredOf(metrics, 'timeToFirstRequestMs').min).toBeGreaterThan(preparesMs);
      expect(measuredOf(metrics, 'timeToReadyMs').min).toBeGreaterThan(preparesMs);
      expect(services[0]?.firstRequestMs?.min).toBeGreaterThan(preparesMs);
    },
    patient,
  );

  test(
    'by its health check',
    async () => {
      await using folder = new Folder(home, 'eager-check', {
        'compose.yaml': compose(
          '    healthcheck: { test: ["CMD", "node", "check.cjs"], interval: 200ms, retries: 50, start_period: 20s }\n',
        ),
        'api/main.cjs': `${eager}setTimeout(() => require('node:fs').writeFileSync('well', ''), ${preparesMs});
require('node:fs').rmSync('well', { force: true });\n`,
        'api/check.cjs': "process.exit(require('node:fs').existsSync('well') ? 0 : 1);\n",
      });
      const { metrics } = await measure(folder, ['--runs', '1', '--only', 'first-request']);
      expect(measuredOf(metrics, 'timeToFirstRequestMs').min).toBeGreaterThan(preparesMs);
    },
    patient,
  );
});

describe('a 200 of the edge for a service that is down', () => {
  /** Answers only after a while, like one that has much to read when it starts. */
  const slow = `setTimeout(() => require('node:http').createServer((_, response) => response.end('the service')).listen(process.env.PORT, '127.0.0.1'), ${preparesMs});
`;
  const files = {
    'compose.yaml': compose(''),
    'api/main.cjs': slow,
    Caddyfile: `{$CAMP_DOMAIN:fair.localhost} {
	reverse_proxy api:8080 {
		lb_try_duration 50ms
	}
	handle_errors {
		respond "the service" 200
	}
}
`,
  };

  test(
    'is no recovery, and no reload: what the service itself answers counts',
    async () => {
      await using folder = new Folder(home, 'fair', files);
      const { metrics } = await measure(folder, ['--runs', '1', '--only', 'recover,reload']);
      expect(measuredOf(metrics, 'timeToRecoverMs').min).toBeGreaterThan(preparesMs);
      expect(measuredOf(metrics, 'timeToReloadMs').min).toBeGreaterThan(preparesMs);
      expect(measuredOf(metrics, 'recoverFailedRequests').max).toBeGreaterThan(0);
    },
    patient,
  );

  test(
    'is no first request',
    async () => {
      await using folder = new Folder(home, 'fair-first', files);
      const { metrics } = await measure(folder, ['--runs', '1', '--only', 'first-request']);
      expect(measuredOf(metrics, 'timeToFirstRequestMs').min).toBeGreaterThan(preparesMs);
    },
    patient,
  );
});

describe('a warm cache that is called cold', () => {
  const names =
    'XDG_CACHE_HOME npm_config_cache GOCACHE GOMODCACHE PIP_CACHE_DIR CARGO_TARGET_DIR NODE_COMPILE_CACHE'.split(' ');

  test(
    'caches of the caller are neither read nor written by cold starts, and none is there twice',
    async () => {
      const [warm, seen] = [join(home.dir, 'warm'), join(home.dir, 'seen')];
      const env = Object.fromEntries(names.map((name) => [name, join(warm, name)]));
      for (const folder of Object.values(env)) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, 'made-before'), '');
      }
      await using folder = new Folder(home, 'caches', {
        'compose.yaml': compose(''),
        'api/main.cjs': `const fs = require('node:fs');
for (const name of ${JSON.stringify(names)}) {
  const made = fs.readdirSync(process.env[name]).filter((one) => one.startsWith('made'));
  fs.appendFileSync(${JSON.stringify(seen)}, JSON.stringify({ name, folder: process.env[name], made }) + '\\n');
  fs.writeFileSync(process.env[name] + '/made', '');
}
require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT, '127.0.0.1');
`,
      });
      // camp itself compiles to where Node is told to
      const { NODE_COMPILE_CACHE: _, ...checked } = env;
      const before = Object.values(checked).map(printOf);
      const { metrics } = await measure(folder, ['--runs', '2', '--only', 'cold'], env);
      expect(measuredOf(metrics, 'coldTimeToFirstRequestMs').values).toHaveLength(2);
      const lines = readFileSync(seen, 'utf8').trim().split('\n');
      const starts = lines.map((line) => JSON.parse(line) as { name: string; folder: string; made: string[] });
      expect(starts.map(({ name }) => name)).toEqual([...names, ...names]);
      for (const start of starts) {
        expect(start.made, start.name).toEqual([]);
        expect(start.folder.startsWith(warm), start.name).toBe(false);
        expect(existsSync(start.folder), start.folder).toBe(false);
      }
      expect(Object.values(checked).map(printOf)).toEqual(before);
    },
    patient,
  );
});

describe('clocks', () => {
  /** Every look at the clock gives a time within three hours of the right one. */
  const jumping = `const Real = Date;
globalThis.Date = class Date extends Real {
  constructor(...words) { words.length > 0 ? super(...words) : super(Date.now()); }
  static now() { return Real.now() + Math.round((Math.random() - 0.5) * 6 * 3_600_000); }
};`;
  /** What no measuring here takes, and every jump breaks. */
  const minutes = 10 * 60_000;

  function expectTimes({ metrics }: MeasureReport, atLeast: number): void {
    const times = metrics.flatMap((metric) => (metric.status === 'measured' && metric.unit === 'ms' ? [metric] : []));
    expect(times.length).toBeGreaterThanOrEqual(atLeast);
    for (const { id, min, max } of times) {
      expect(min, id).toBeGreaterThan(0);
      expect(max, id).toBeLessThan(minutes);
    }
  }

  test(
    'one that jumps by hours, of camp and of the services, changes no figure',
    async () => {
      await using cluster = new Cluster(home, 'jumping');
      await cluster.init();
      const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(jumping)}`;
      // services do not see camp's own
      cluster.edit('services/api/src/main.ts', '', `${jumping}\n`);
      const one = cluster.start(['measure', '--json', '--runs', '1', '--cold'], { NODE_OPTIONS });
      expect(await one.exits(patient), one.output).toBe(0);
      const report = JSON.parse(one.stdout) as MeasureReport;
      expect(report.metrics.filter(({ status }) => status === 'failed')).toEqual([]);
      expectTimes(report, 11);
      expect(measuredOf(report.metrics, 'timeToFirstTraceMs').min).toBeGreaterThan(
        measuredOf(report.metrics, 'timeToFirstRequestMs').min,
      );
    },
    patient,
  );

  test(
    "camp's own word for when it began, given from outside, moves nothing",
    async () => {
      await using folder = new Folder(home, 'origin');
      const later = String(process.hrtime.bigint() + 3_600_000_000_000n);
      const earlier = String(process.hrtime.bigint() - 3_600_000_000_000n);
      for (const CAMP_ORIGIN_NS of [later, earlier]) {
        const report = await measure(folder, ['--runs', '1', '--only', 'first-request,ready'], { CAMP_ORIGIN_NS });
        expectTimes(report, 2);
      }
    },
    patient,
  );
});
