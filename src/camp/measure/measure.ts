import { isAbsolute, join, relative } from 'node:path';
import type { Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import { measureConfiguration } from '../../project/size/measure.ts';
import type { Project } from '../../project/types.ts';
import type { UpReport } from '../../report/types.ts';
import type { ComparisonReport, MeasureReport, ServerKind } from '../../stopwatch/types.ts';
import { runningSupervisor } from '../client.ts';
import { stateFolders } from '../folders.ts';
import { type LookRequest, readChecked, readProject } from '../look.ts';
import { refuseShared } from '../shared-things.ts';
import { version } from '../version.ts';
import { coldEnv } from './caches.ts';
import type { ClusterSetup } from './cluster.ts';
import { medianRun, serviceFigures } from './first-request.ts';
import { loadNow, machineOf, notesOnMachine } from './machine.ts';
import type { Part } from './parts.ts';
import { notApplicable, Readings } from './readings.ts';
import { type Run, type RunSetup, run } from './run.ts';
import { makeScratch, type Scratch, scratchEnv } from './scratch.ts';

export interface MeasureRequest extends LookRequest {
  readonly runs: number;
  readonly parts: ReadonlySet<Part>;
  readonly servers: readonly ServerKind[];
  /** Until a service must be ready. */
  readonly timeoutMs: Ms;
  /** One line on what is being done now. */
  onProgress(words: string): void;
  readonly signal: AbortSignal;
}

/** What was measured, before budgets are held against it. */
export type Measured = Omit<MeasureReport, 'budgets' | 'whatIf'>;

/**
 * Measures a project: its time-to-X on a copy that is started and stopped again and again, as a person would, and the size of its
 * configuration. The project, its data and what runs of it are left alone.
 */
export async function measure(request: MeasureRequest): Promise<Measured> {
  const { dir, parts } = request;
  process.chdir(dir);
  const { project } = await readChecked(request);
  const time = new Date().toISOString();
  const loadBefore = loadNow();
  const isTimed = [...parts].some((part) => part !== 'configuration') || request.servers.length > 0;
  const timed = isTimed ? await timesOf(request, project) : untimed;
  const machine = machineOf(loadBefore);
  return {
    schema: 1,
    project: project.name,
    domain: project.domain,
    time,
    runs: request.runs,
    machine,
    versions: { camp: version, node: process.version, ...timed.versions },
    metrics: timed.metrics,
    services: timed.services,
    phases: timed.median?.phases ?? [],
    criticalChain: timed.median?.criticalChain ?? [],
    configuration: parts.has('configuration') ? measureConfiguration(project) : null,
    comparison: timed.comparison,
    notes: [...notesOnMachine(machine), ...timed.notes],
  };
}

interface Timed extends Pick<Measured, 'metrics' | 'services' | 'comparison' | 'notes' | 'versions'> {
  readonly median: UpReport | undefined;
}

const untimed: Timed = { metrics: [], services: [], comparison: null, notes: [], versions: {}, median: undefined };

async function timesOf(request: MeasureRequest, project: Project): Promise<Timed> {
  const { dir, env, parts, signal } = request;
  refuseShared(project);
  const isRunning = runningSupervisor(stateFolders(dir)) !== undefined;
  const readings = new Readings();
  request.onProgress('copying the project');
  const scratch = await makeScratch(dir, env);
  try {
    const cluster: ClusterSetup = {
      scratch,
      env: scratchEnv(env, dir),
      flags: upFlags(request),
      timeoutMs: request.timeoutMs,
      signal,
    };
    const warm = needsWarm(request) ? await warmRuns(request, cluster, readings) : noRuns;
    if (parts.has('cold')) await coldRuns(request, cluster, readings);
    const reports = warm.runs.map(({ report }) => report);
    return {
      metrics: readings.metrics,
      services: serviceFigures(reports, project, warm.runs.at(-1)?.routed ?? []),
      comparison: warm.comparison,
      median: medianRun(reports),
      versions: warm.versions,
      notes: notesOf(scratch, isRunning),
    };
  } finally {
    await scratch.remove();
  }
}

interface WarmRuns {
  readonly runs: readonly Run[];
  readonly comparison: ComparisonReport | null;
  readonly versions: Readonly<Record<string, string>>;
}

const noRuns: WarmRuns = { runs: [], comparison: null, versions: {} };

function needsWarm({ parts, servers }: MeasureRequest): boolean {
  return servers.length > 0 || [...parts].some((part) => part !== 'cold' && part !== 'configuration');
}

async function warmRuns(request: MeasureRequest, cluster: ClusterSetup, readings: Readings): Promise<WarmRuns> {
  const { runs: count, parts } = request;
  // what is made once (what is installed, the authority, data, compiled code) is made now: it does not count
  await run({ ...runSetup(request, cluster, 'warming up'), parts: quick, readings: new Readings() });
  const runs: Run[] = [];
  for (let n = 1; n <= count; n++) {
    cluster.scratch.restore();
    runs.push(await run({ ...runSetup(request, cluster, `run ${n} of ${count}`), parts, readings }));
  }
  return { runs, comparison: null, versions: {} };
}

const quick: ReadonlySet<Part> = new Set(['first-request']);

/** Each on a new copy, with empty caches, a new authority, and nothing installed. */
async function coldRuns(request: MeasureRequest, cluster: ClusterSetup, readings: Readings): Promise<void> {
  for (let n = 1; n <= request.runs && !readings.isSettled('coldTimeToFirstRequestMs'); n++) {
    const empty = await cluster.scratch.renew();
    const cold = { ...cluster, env: coldEnv(cluster.env, empty) };
    const counted = new Readings();
    try {
      const { report } = await run({
        ...runSetup(request, cold, `cold run ${n} of ${request.runs}`),
        parts: quick,
        readings: counted,
      });
      readings.add(
        'coldTimeToFirstRequestMs',
        report.timeToFirstRequestMs ?? notApplicable('no service is reached through the edge'),
      );
    } catch (error) {
      request.signal.throwIfAborted();
      readings.fail('coldTimeToFirstRequestMs', error);
    }
  }
}

function runSetup(
  request: MeasureRequest,
  cluster: ClusterSetup,
  prefix: string,
): Pick<RunSetup, 'cluster' | 'project' | 'onStep'> {
  const { dir } = cluster.scratch;
  const files = request.files?.map((file) => inCopy(request.dir, dir, file));
  const { project } = readProject({ ...request, dir, env: cluster.env, ...(files ? { files } : {}) });
  return { cluster, project, onStep: (words) => request.onProgress(`${prefix}: ${words}`) };
}

/** What the copy is started with, in words. */
function upFlags({ dir, mode, files = [], profiles = [] }: MeasureRequest): readonly string[] {
  return [
    ...(mode === 'docker' || mode === 'native' ? [`--${mode}`] : []),
    ...files.flatMap((file) => ['--file', relative(dir, file)]),
    ...profiles.flatMap((profile) => ['--profile', profile]),
  ];
}

function inCopy(dir: string, copy: string, file: string): string {
  const inside = relative(dir, file);
  if (inside.startsWith('..') || isAbsolute(inside))
    fail('machine', 'NOT_MEASURABLE', `${file} lies outside of ${dir}: a copy of the project would not have it`);
  return join(copy, inside);
}

function notesOf({ left }: Scratch, isRunning: boolean): readonly string[] {
  return [
    ...(isRunning ? ['the project itself was running meanwhile, and took its share of the machine'] : []),
    ...(left.length > 0 ? [`not copied, because it may not be read: ${left.slice(0, 5).join(', ')}`] : []),
  ];
}
