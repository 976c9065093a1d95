import { isAbsolute, join, relative } from 'node:path';
import { CampError, fail } from '../../kit/failure.ts';
import { userFolders } from '../../kit/paths.ts';
import type { Project } from '../../project/types.ts';
import type { UpReport } from '../../report/types.ts';
import type { ComparisonReport, MeasureReport, SplitCost } from '../../stopwatch/types.ts';
import { findCaddy } from '../../tools/find-caddy.ts';
import { runningSupervisor } from '../client.ts';
import { stateFolders } from '../folders.ts';
import { readProject } from '../look.ts';
import { refuseShared } from '../shared-things.ts';
import { coldEnv } from './caches.ts';
import type { ClusterSetup } from './cluster.ts';
import { medianRun, serviceFigures } from './first-request.ts';
import type { MeasureRequest } from './measure.ts';
import type { Part } from './parts.ts';
import { notApplicable, Readings } from './readings.ts';
import { compareWithRivals } from './rivals.ts';
import { type Run, type RunSetup, run } from './run.ts';
import { makeScratch, type Scratch, scratchEnv } from './scratch.ts';
import { costOfAdded } from './split.ts';
import { isInside } from './tree.ts';

/** What needs the project to run. */
export interface Times
  extends Pick<MeasureReport, 'metrics' | 'services' | 'comparison' | 'whatIf' | 'notes' | 'versions'> {
  /** The run whose time to first request is the median. */
  readonly median: UpReport | undefined;
}

export const noTimes: Times = {
  metrics: [],
  services: [],
  comparison: null,
  whatIf: null,
  notes: [],
  versions: {},
  median: undefined,
};

/** Starts a copy of the project again and again, and measures what there is to measure. */
export async function timesOf(request: MeasureRequest, project: Project): Promise<Times> {
  const { dir, env, parts, signal } = request;
  refuseShared(project);
  const isRunning = runningSupervisor(stateFolders(dir)) !== undefined;
  const readings = new Readings();
  request.onProgress('copying the project');
  const scratch = await makeScratch(dir, env);
  const measured = async (): Promise<Times> => {
    const cluster: ClusterSetup = {
      scratch,
      // by its own name, which a Caddyfile may hold too
      env: { ...scratchEnv(env, dir), CAMP_DOMAIN: project.domain },
      flags: upFlags(request),
      timeoutMs: request.timeoutMs,
      signal,
    };
    const warm = needsWarm(request) ? await warmRuns(request, cluster, readings) : noRuns;
    const cold = parts.has('cold') ? await coldRuns(request, cluster, readings) : [];
    const reports = warm.runs.map(({ report }) => report);
    return {
      metrics: readings.metrics,
      services: serviceFigures(reports, project, warm.runs.at(-1)?.routed ?? [], cold),
      comparison: warm.comparison,
      whatIf: warm.whatIf,
      median: medianRun(reports),
      versions: versionsOf(request, warm.comparison),
      notes: [...notesOf(scratch, isRunning), ...(cold.some(hasContainers) ? [warmEngine] : [])],
    };
  };
  let times: Times;
  try {
    times = await measured();
  } catch (error) {
    await scratch.remove();
    throw error;
  }
  return { ...times, notes: [...times.notes, ...(await removal(scratch))] };
}

/** What was measured is not lost because something of the copy cannot be removed, such as what a container has written as root. */
async function removal(scratch: Scratch): Promise<readonly string[]> {
  try {
    await scratch.remove();
    return [];
  } catch (error) {
    const [first] = error instanceof CampError ? error.failures : [];
    if (!first) throw error;
    return [`the copy of the project could not be removed: ${first.message}`];
  }
}

interface WarmRuns {
  readonly runs: readonly Run[];
  readonly comparison: ComparisonReport | null;
  readonly whatIf: SplitCost | null;
}

const noRuns: WarmRuns = { runs: [], comparison: null, whatIf: null };

function needsWarm({ parts, servers }: MeasureRequest): boolean {
  return servers.length > 0 || [...parts].some((part) => part !== 'cold' && part !== 'configuration');
}

async function warmRuns(request: MeasureRequest, cluster: ClusterSetup, readings: Readings): Promise<WarmRuns> {
  const { runs: count, parts, servers, isSplitAsked, onProgress } = request;
  // what is made once (what is installed, the authority, data, compiled code) is made now: it does not count
  await run({ ...runSetup(request, cluster, 'warming up'), parts: quick, readings: new Readings() });
  cluster.scratch.keep();
  const runs: Run[] = [];
  let comparison: ComparisonReport | null = null;
  let whatIf: SplitCost | null = null;
  for (let n = 1; n <= count; n++) {
    cluster.scratch.restore();
    const last: Partial<RunSetup> = {
      whileUp: async (bench) => {
        if (servers.length > 0) comparison = await compareWithRivals(bench, { servers, runs: count, onProgress });
      },
      afterAdding: async (bench) => {
        if (isSplitAsked) whatIf = await costOfAdded(bench);
      },
    };
    const setup = { ...runSetup(request, cluster, `run ${n} of ${count}`), parts, readings };
    runs.push(await run(n === count ? { ...setup, ...last } : setup));
  }
  return { runs, comparison, whatIf };
}

/** Of what took part beside camp and Node. */
function versionsOf({ env }: MeasureRequest, comparison: ComparisonReport | null): Readonly<Record<string, string>> {
  const caddy = findCaddy(userFolders(env), env).tool?.version;
  const others = (comparison?.contenders ?? []).flatMap(({ server, version }) =>
    version === null || server === 'camp' ? [] : [[server, version] as const],
  );
  return { ...(caddy === undefined ? {} : { caddy }), ...Object.fromEntries(others) };
}

const quick: ReadonlySet<Part> = new Set(['first-request']);

const warmEngine =
  'the cold start was not cold for what runs in containers: the engine had its images and the cache of its builds';

/** Each on a new copy, with empty caches, a new authority, and nothing installed. */
async function coldRuns(
  request: MeasureRequest,
  cluster: ClusterSetup,
  readings: Readings,
): Promise<readonly UpReport[]> {
  const reports: UpReport[] = [];
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
      reports.push(report);
      readings.add(
        'coldTimeToFirstRequestMs',
        report.timeToFirstRequestMs ?? notApplicable('no service is reached through the edge'),
      );
    } catch (error) {
      request.signal.throwIfAborted();
      readings.fail('coldTimeToFirstRequestMs', error);
    }
  }
  return reports;
}

/** An engine, which keeps images and builds of its own, took part. */
function hasContainers({ services }: UpReport): boolean {
  return services.some(({ placement }) => placement === 'container');
}

function runSetup(
  request: MeasureRequest,
  cluster: ClusterSetup,
  prefix: string,
): Pick<RunSetup, 'cluster' | 'project' | 'onStep'> {
  const { dir } = cluster.scratch;
  const files = request.files?.map((file) => inCopy(request.dir, dir, file));
  const { project } = wholeInCopy(() =>
    readProject({ ...request, dir, env: cluster.env, ...(files ? { files } : {}) }),
  );
  for (const { name, start, build } of project.services.values()) {
    const folders = [start?.kind === 'static' ? start.root : start?.cwd, build?.context];
    const outside = folders.find((folder) => folder !== undefined && isAbsolute(folder) && !isInside(folder, dir));
    if (outside !== undefined) refuseOutside(`${name} lies in ${relative(dir, outside)}`);
  }
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

/** What is right in the project and wrong in the copy of it: something lies outside. Throws NOT_MEASURABLE. */
function wholeInCopy<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const [first] = error instanceof CampError ? error.failures : [];
    if (!first) throw error;
    return refuseOutside(first.message);
  }
}

function refuseOutside(what: string): never {
  return fail('machine', 'NOT_MEASURABLE', `the project needs what lies outside of its folder: ${what}`, {
    hints: ['move the compose file to the folder that holds all of it', 'camp measure --only configuration'],
  });
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
