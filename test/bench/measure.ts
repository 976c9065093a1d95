/**
 * The figures of `camp measure` against a clock of somebody else, and against themselves.
 *
 * First: this process times `camp up` of the starter hello from before its start to the first verified 2xx of every routed
 * service, asking each over a new TCP and TLS connection every 5 ms, while camp takes its own time: the two agree within 15 ms or
 * 5 %. Then: `camp measure` twice, and whether the spreads meet. Reports, asserts nothing about time.
 *
 *     npm run bench:measure -- [--runs N] [--only poller|agreement]
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { parseArgs } from 'node:util';
import type { UpReport } from '../../src/report/types.ts';
import { agree } from '../../src/stopwatch/statistics.ts';
import type { MeasureReport } from '../../src/stopwatch/types.ts';
import { median } from './figures.ts';

interface Pair {
  readonly campMs: number;
  readonly pollerMs: number;
}

const { values } = parseArgs({ options: { runs: { type: 'string', default: '9' }, only: { type: 'string' } } });
const camp = resolve(import.meta.dirname, '../../bin/camp.js');
const pauseMs = 5;
const deadlineMs = 60_000;
/** Whatever the resolver thinks of `.localhost`. */
const toLoopback: LookupFunction = (_name, options, done) => {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};
const base = mkdtempSync(join(tmpdir(), 'camp-bench-measure-'));
const dir = join(base, 'hello');
try {
  run('init', dir, '--yes');
  if (values.only !== 'agreement') tellPairs(await pairs(Number(values.runs)));
  if (values.only !== 'poller') tellAgreement(measured(), measured());
} finally {
  run('-C', dir, 'down', '--data', '--yes');
  rmSync(base, { recursive: true, force: true });
}

/** The first start makes the authority and the certificates, and tells the addresses: it does not count. */
async function pairs(runs: number): Promise<readonly Pair[]> {
  run('-C', dir, 'up', '-d');
  const { services, edge } = JSON.parse(run('-C', dir, 'ps', '--json')) as UpReport;
  const urls = services.flatMap(({ url }) => (url === null ? [] : [url]));
  if (!edge || urls.length === 0) throw new Error('hello has no edge');
  // the authority is read once; no connection and no session of TLS is used twice
  const secureContext = createSecureContext({ ca: readFileSync(edge.caFile) });
  const agent = new Agent({ keepAlive: false, maxCachedSessions: 0, secureContext });
  run('-C', dir, 'down');
  const all: Pair[] = [];
  for (let n = 1; n <= runs; n++) {
    const pair = await pairOf(urls, agent);
    process.stderr.write(`run ${n} of ${runs}: camp ${pair.campMs.toFixed(1)}, poller ${pair.pollerMs.toFixed(1)}\n`);
    all.push(pair);
  }
  return all;
}

async function pairOf(urls: readonly string[], agent: Agent): Promise<Pair> {
  const began = performance.now();
  const child = spawn(process.execPath, [camp, '-C', dir, 'up', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = reportOf(child);
  const answered = await Promise.all(urls.map((url) => firstGood(url, agent, began)));
  const report = await said;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  run('-C', dir, 'down');
  await ended;
  if (report.timeToFirstRequestMs === null) throw new Error('camp has timed no first request');
  return { campMs: report.timeToFirstRequestMs, pollerMs: Math.max(...answered) - began };
}

function reportOf({ stdout }: ChildProcess): Promise<UpReport> {
  return new Promise((resolve, reject) => {
    let text = '';
    stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) resolve(JSON.parse(text.slice(0, text.indexOf('\n'))) as UpReport);
    });
    stdout?.once('end', () => reject(new Error(`camp up has not said that it is up: ${text}`)));
  });
}

/** When the first 2xx has come, on the clock of this process. */
async function firstGood(url: string, agent: Agent, began: number): Promise<number> {
  for (;;) {
    const status = await statusOf(url, agent);
    const now = performance.now();
    if (status >= 200 && status < 300) return now;
    if (now - began > deadlineMs) throw new Error(`${url} did not answer within a minute, at last with ${status}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Over a connection of its own, verified by name against camp's authority; 0 where nobody has answered. */
function statusOf(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve) => {
    const asked = request(url, { agent, lookup: toLoopback, timeout: 10_000 }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked
      .on('timeout', () => asked.destroy())
      .on('error', () => resolve(0))
      .end();
  });
}

function tellPairs(all: readonly Pair[]): void {
  const rows = all.map(({ campMs, pollerMs }, at) => {
    const offMs = campMs - pollerMs;
    return `| ${at + 1} | ${campMs.toFixed(1)} | ${pollerMs.toFixed(1)} | ${signed(offMs)} | ${signed((100 * offMs) / pollerMs)} % | ${isNear(campMs, pollerMs) ? 'yes' : 'NO'} |`;
  });
  const near = all.filter(({ campMs, pollerMs }) => isNear(campMs, pollerMs)).length;
  const medians = [median(all.map(({ campMs }) => campMs)), median(all.map(({ pollerMs }) => pollerMs))] as const;
  tell([
    '| run | camp up, ms | poller, ms | off by, ms | | within 15 ms or 5 % |',
    '| ---: | ---: | ---: | ---: | ---: | --- |',
    ...rows,
    '',
    `${near} of ${all.length} within 15 ms or 5 %; medians ${medians[0].toFixed(1)} and ${medians[1].toFixed(1)}, ` +
      `median of the differences ${signed(median(all.map(({ campMs, pollerMs }) => campMs - pollerMs)))} ms`,
  ]);
}

function isNear(one: number, other: number): boolean {
  return Math.abs(one - other) <= Math.max(15, 0.05 * other);
}

function measured(): MeasureReport {
  process.stderr.write('camp measure of hello\n');
  return JSON.parse(
    run('-C', dir, 'measure', '--runs', '5', '--only', 'first-request,reload,stop', '--json'),
  ) as MeasureReport;
}

function tellAgreement(one: MeasureReport, other: MeasureReport): void {
  const rows = one.metrics.flatMap((first) => {
    const second = other.metrics.find(({ id, subject }) => id === first.id && subject === first.subject);
    if (first.status !== 'measured' || second?.status !== 'measured') return [];
    const isInside = isWithin(first.median, second) && isWithin(second.median, first);
    const name = first.subject === undefined ? first.id : `${first.id} of ${first.subject}`;
    return [
      `| ${name} | ${figureText(first)} | ${figureText(second)} | ${agree(first, second) ? 'yes' : 'NO'} | ${isInside ? 'yes' : 'no'} |`,
    ];
  });
  tell([
    '| metric, median (least to greatest) | first measuring | second measuring | spreads meet | each median in the spread of the other |',
    '| --- | ---: | ---: | --- | --- |',
    ...rows,
    '',
    'By chance alone two spreads of five are apart in one of 125 cases, and a median is outside of the other spread in two of seven.',
  ]);
}

function isWithin(value: number, { min, max }: { readonly min: number; readonly max: number }): boolean {
  return value >= min && value <= max;
}

function figureText({ median, min, max }: { readonly median: number; readonly min: number; readonly max: number }) {
  return `${median.toFixed(1)} (${min.toFixed(1)} to ${max.toFixed(1)})`;
}

function tell(lines: readonly string[]): void {
  process.stdout.write(
    `\n${lines.join('\n')}\n\nload ${(loadavg()[0] ?? 0).toFixed(1)}, node ${process.version}, run on ${new Date().toISOString().slice(0, 10)}\n`,
  );
}

function signed(value: number): string {
  return `${value >= 0 ? '+' : ''}${value.toFixed(1)}`;
}

/** Runs camp to its end; returns what it has said. */
function run(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [camp, ...words], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`camp ${words.join(' ')}: exit ${status}\n${stderr}${stdout}`);
  return stdout;
}
