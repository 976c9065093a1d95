import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MeasureReport, type Metric, metricIds } from '../../src/stopwatch/types.ts';
import { Cluster, createHome, type Home } from '../rig/cluster.ts';
import { run } from '../rig/compose.ts';
import { EngineFolder } from '../rig/engine-folder.ts';
import { Folder } from '../rig/folder.ts';
import { requireImages } from '../rig/images.ts';
import { historyOf, leftOfMeasuring, printOf } from '../rig/measuring.ts';
import { somebodys } from '../rig/somebodys.ts';

let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const patient = 300_000;

/** Of what is measured only when it is asked for. */
const withoutCold: Metric = { id: 'coldTimeToFirstRequestMs', status: 'not-applicable', reason: 'not asked for' };

/** What a metric came to, in a word. */
function outcomeOf(metric: Metric): string {
  return metric.status === 'failed' ? `failed: ${metric.reason}` : metric.status;
}

/** Every metric there is has figures, or the reason why it has none. */
function expectWhole({ metrics, runs }: MeasureReport): void {
  expect(new Set(metrics.map(({ id }) => id))).toEqual(new Set(metricIds));
  for (const metric of metrics) {
    const name = `${metric.id} of ${metric.subject ?? 'the project'}`;
    expect(['measured', 'not-applicable'], `${name}: ${outcomeOf(metric)}`).toContain(metric.status);
    if (metric.status === 'not-applicable') expect(metric.reason, name).not.toBe('');
    if (metric.status !== 'measured') continue;
    expect(metric.values, name).toHaveLength(runs);
    expect(Math.min(...metric.values), name).toBeGreaterThanOrEqual(0);
    expect([metric.min, metric.max], name).toEqual([Math.min(...metric.values), Math.max(...metric.values)]);
  }
}

function statusOf({ metrics }: MeasureReport): Readonly<Record<string, string>> {
  return Object.fromEntries(metrics.map((metric) => [`${metric.id} ${metric.subject ?? ''}`.trim(), metric.status]));
}

/** Runs camp measure, and holds it to what must be true whatever it measures: nothing has changed, nothing is left. */
async function measured(folder: Folder, ...args: readonly string[]): Promise<MeasureReport> {
  const before = printOf(folder.dir);
  const [state, history] = [listOf(join(folder.dir, '.camp')), historyOf(folder.dir)];
  const one = await folder.camp(['measure', '--json', ...args], { timeoutMs: patient });
  expect(one.code, one.stdout + one.stderr).toBe(0);
  expect(printOf(folder.dir)).toEqual(before);
  expect(leftOfMeasuring(folder.dir)).toEqual([]);
  expect(listOf(join(folder.dir, '.camp'))).toEqual([...new Set([...state, '.gitignore', 'metrics.jsonl'])].toSorted());
  expect(historyOf(folder.dir).slice(0, -1)).toEqual(history);
  return JSON.parse(one.stdout) as MeasureReport;
}

function listOf(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).toSorted() : [];
}

describe('camp measure', () => {
  test(
    'measures everything there is of a starter, which runs meanwhile and notices nothing',
    async () => {
      await using cluster = new Cluster(home, 'hello');
      await cluster.init();
      const before = await cluster.up();
      const print = printOf(cluster.dir);
      const state = listOf(cluster.path('.camp'));
      const history = historyOf(cluster.dir);
      const one = cluster.start(['measure', '--runs', '1', '--cold', '--json']);
      const answers = new Set<number>();
      while (one.code === undefined) {
        answers.add((await cluster.get('/')).status);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(await one.exits(), one.output).toBe(0);
      expect([...answers]).toEqual([200]);
      const after = await cluster.ps();
      expect(after.services.map(({ pids }) => pids)).toEqual(before.services.map(({ pids }) => pids));
      expect(after.edge).toEqual(before.edge);
      expect(printOf(cluster.dir)).toEqual(print);
      expect(listOf(cluster.path('.camp'))).toEqual(state);
      expect(historyOf(cluster.dir)).toHaveLength(history.length + 1);
      expect(leftOfMeasuring(cluster.dir)).toEqual([]);

      const report = JSON.parse(one.stdout) as MeasureReport;
      expectWhole(report);
      expect(statusOf(report)).toEqual({
        timeToFirstRequestMs: 'measured',
        timeToReadyMs: 'measured',
        timeToFirstTraceMs: 'measured',
        timeToFirstMessageMs: 'not-applicable',
        memoryBytes: 'measured',
        'timeToReloadMs api': 'measured',
        'reloadFailedRequests api': 'measured',
        'timeToReloadMs web': 'measured',
        'reloadFailedRequests web': 'measured',
        'timeToRecoverMs api': 'measured',
        'recoverFailedRequests api': 'measured',
        'timeToScaleMs api': 'measured',
        'timeToRecoverTwoReplicasMs api': 'measured',
        'recoverTwoReplicasFailedRequests api': 'measured',
        timeToAddServiceMs: 'measured',
        timeToStopMs: 'measured',
        coldTimeToFirstRequestMs: 'measured',
      });
      expect(report.notes.join('\n')).toContain('the project itself was running meanwhile');
      expect(report.services.map(({ name, status }) => [name, status])).toEqual([
        ['api', 200],
        ['web', 200],
      ]);
      expect(report.criticalChain.length).toBeGreaterThan(2);
      expect(report.configuration?.files.map(({ path }) => path)).toContain('Caddyfile');
    },
    patient,
  );

  test(
    'the same of a project that camp did not make, with two replicas of a service',
    async () => {
      await using folder = new Folder(home, 'somebodys', somebodys);
      const report = await measured(folder, '--native', '--runs', '2');
      expectWhole({ ...report, metrics: [...report.metrics, withoutCold] });
      expect(report.services.map(({ name, status }) => [name, status])).toEqual([
        ['web', 200],
        ['api', 200],
      ]);
      expect(report.configuration?.files.every(({ origin }) => origin === 'hand-written')).toBe(true);
    },
    patient,
  );

  test(
    'recovery at one replica and at two is just that, whatever number the files say',
    async () => {
      await using folder = new Folder(home, 'replicas', {
        ...somebodys,
        'compose.yaml': somebodys['compose.yaml']?.replace('depends_on: [api]', 'deploy: { replicas: 3 }') ?? '',
        'web/main.js': "require('node:http').createServer((_, r) => r.end('web')).listen(process.env.PORT);\n",
      });
      const report = await measured(folder, '--native', '--runs', '1', '--only', 'recover,scale,add-service');
      expect(statusOf(report)).toEqual({
        'timeToRecoverMs web': 'measured',
        'recoverFailedRequests web': 'measured',
        'timeToScaleMs web': 'measured',
        'timeToRecoverTwoReplicasMs web': 'measured',
        'recoverTwoReplicasFailedRequests web': 'measured',
        timeToAddServiceMs: 'measured',
      });
    },
    patient,
  );

  test(
    'of a project that nobody reaches, everything says why it has no figure',
    async () => {
      await using folder = new Folder(home, 'worker', {
        'compose.yaml': 'services:\n  worker:\n    build: ./worker\n    x-camp: { run: node main.js }\n',
        'worker/main.js': 'setInterval(() => console.log("working"), 1000);\n',
      });
      const report = await measured(folder, '--native', '--runs', '1', '--cold');
      expectWhole(report);
      expect(report.metrics.filter(({ status }) => status === 'measured').map(({ id }) => id)).toEqual(
        expect.arrayContaining(['timeToReadyMs', 'timeToStopMs']),
      );
    },
    patient,
  );

  test(
    '--only measures that alone, --what-if brings what it needs, and --only configuration starts nothing',
    async () => {
      await using folder = new Folder(home, 'parts', somebodys);
      const some = await measured(folder, '--native', '--runs', '1', '--only', 'stop', '--what-if', 'add-service');
      expect(Object.keys(statusOf(some))).toEqual(['timeToAddServiceMs', 'timeToStopMs']);
      expect(some.configuration).toBe(null);
      expect(some.whatIf).toMatchObject({ hops: 1, movingParts: { before: 5, after: 6 } });
      const still = await measured(folder, '--only', 'configuration');
      expect([still.metrics, still.phases, still.whatIf]).toEqual([[], [], null]);
      const wrong = await folder.camp(['measure', '--only', 'relod']);
      expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/INVALID_PART[\s\S]*did you mean reload/)]);
    },
    patient,
  );

  test(
    'a path with blanks, a loop of links, a link into the project and one out of it',
    async () => {
      await using folder = new Folder(home, 'my own shop', {
        ...somebodys,
        // what is written there must not come to be in the project, and what is read there must be the same
        // once: api is restarted for it, and web ends when it asks api meanwhile
        'web/main.js': `if (!require('node:fs').existsSync('api/written')) require('node:fs').writeFileSync('api/written', '');
require('node:fs').statSync('outside/camp');
${somebodys['web/main.js']}`,
      });
      symlinkSync('.', join(folder.dir, 'loop'));
      symlinkSync('../loop', join(folder.dir, 'web/round'));
      symlinkSync(join(folder.dir, 'api'), join(folder.dir, 'web/api'));
      symlinkSync('../..', join(folder.dir, 'web/outside'));
      const report = await measured(folder, '--native', '--runs', '1', '--only', 'first-request,reload');
      expect(report.metrics.map(outcomeOf)).toEqual(['measured', 'measured', 'measured']);
      expect(report.notes.join()).not.toContain('not copied');
    },
    patient,
  );

  test(
    'what a program makes stays from one run to the next, as it would for a person; a cold start has none of it',
    async () => {
      const builds = join(home.dir, 'builds');
      const building = `const { appendFileSync, existsSync, writeFileSync } = require('node:fs');
if (!existsSync('built')) appendFileSync(${JSON.stringify(builds)}, 'built\\n');
writeFileSync('built', '');
`;
      await using folder = new Folder(home, 'makes', {
        ...somebodys,
        'web/main.js': `${building}${somebodys['api/main.js']}`,
      });
      await measured(folder, '--native', '--runs', '2', '--only', 'first-request,cold');
      // one to warm up, then two cold starts
      expect(readFileSync(builds, 'utf8')).toBe('built\n'.repeat(3));
    },
    patient,
  );
});

const why = requireImages('camp measure in containers', ['node:24-alpine', 'caddy:2']);
describe.skipIf(why)('camp measure in containers', () => {
  const inEngine = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await run('docker', args)).output.split('\n').filter(Boolean);

  test(
    'measures the same, and leaves no container, image, volume or network of its own',
    async () => {
      await using folder = new EngineFolder(home, `contained-${process.pid}`, {
        ...somebodys,
        'compose.yaml': `${somebodys['compose.yaml']}    volumes: ["kept:/kept"]\nvolumes: { kept: {} }\n`,
      });
      const report = await measured(folder, '--docker', '--runs', '1');
      expectWhole({ ...report, metrics: [...report.metrics, withoutCold] });
      const name = `${folder.name}-measured`;
      const left = await Promise.all([
        inEngine('ps', '--all', '--quiet', '--filter', `name=${name}`),
        inEngine('image', 'ls', '--quiet', '--filter', `reference=${name}*`),
        inEngine('volume', 'ls', '--quiet', '--filter', `name=${name}`),
        inEngine('network', 'ls', '--quiet', '--filter', `name=${name}`),
      ]);
      expect(left).toEqual([[], [], [], []]);
    },
    patient,
  );
});
