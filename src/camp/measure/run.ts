import type { Project } from '../../project/types.ts';
import type { UpReport } from '../../report/types.ts';
import type { MetricId } from '../../stopwatch/types.ts';
import { ps } from '../ps.ts';
import { addService } from './add-service.ts';
import { type Bench, openBench } from './bench.ts';
import { bringUp, type ClusterSetup } from './cluster.ts';
import { readyMsOf } from './first-request.ts';
import type { Part } from './parts.ts';
import { notApplicable, type Reading, type Readings, type Subject } from './readings.ts';
import { reload } from './reload.ts';
import { reloadBehind } from './reload-behind.ts';
import { measureReplicas, subjectOf } from './replicas.ts';
import { behind, oneOfEachLanguage, programOf, type Routed } from './subjects.ts';
import { firstMessage, firstTrace } from './trace.ts';

export interface RunSetup {
  readonly cluster: ClusterSetup;
  readonly project: Project;
  readonly parts: ReadonlySet<Part>;
  readonly readings: Readings;
  /** What is being measured now: `reload of orders`. */
  onStep(words: string): void;
  /** While the copy runs as the project is, with one replica of everything. */
  whileUp?(bench: Bench): Promise<void>;
  /** As soon as a service was added. */
  afterAdding?(bench: Bench): Promise<void>;
}

export interface Run {
  readonly report: UpReport;
  readonly routed: readonly Routed[];
}

/** One run: from `camp up` to `camp down`, with whatever is asked for between the two, in an order in which nothing disturbs what follows. */
export async function run(setup: RunSetup): Promise<Run> {
  const { parts, readings, project, onStep } = setup;
  onStep('first request');
  const cluster = await bringUp(setup.cluster);
  const { report } = cluster;
  let bench: Bench | undefined;
  try {
    if (parts.has('first-request'))
      readings.add(
        'timeToFirstRequestMs',
        report.timeToFirstRequestMs ?? notApplicable('no service is reached through the edge'),
      );
    if (parts.has('ready')) readings.add('timeToReadyMs', readyMsOf(report) ?? notApplicable('there is no service'));
    if (report.edge && report.urls.some((url) => url.startsWith('https:'))) {
      bench = await openBench(cluster, project, report.edge.caFile);
      await measureRunning(setup, bench);
    } else withoutEdge(setup);
    return { report, routed: bench?.routed ?? [] };
  } finally {
    bench?.close();
    onStep('stop');
    const stopMs = await cluster.down();
    if (parts.has('stop')) readings.add('timeToStopMs', stopMs);
  }
}

async function measureRunning(setup: RunSetup, bench: Bench): Promise<void> {
  const { parts, readings, onStep } = setup;
  const { routed } = bench;
  const program = programOf(routed);
  const attempt = async (part: Part, id: MetricId, words: string, read: () => Promise<Reading>, subject?: Subject) => {
    if (!parts.has(part) || readings.isSettled(id, subject)) return;
    onStep(words);
    try {
      readings.add(id, await read(), subject);
    } catch (error) {
      bench.signal.throwIfAborted();
      readings.fail(id, error, subject);
    }
  };
  await attempt('trace', 'timeToFirstTraceMs', 'first trace', () => firstTrace(bench, routed));
  await attempt('message', 'timeToFirstMessageMs', 'first message', () =>
    firstMessage(bench, bench.project.measure?.message),
  );
  await attempt('memory', 'memoryBytes', 'memory', () => memoryOf(bench));
  if (parts.has('reload')) for (const one of oneOfEachLanguage(routed)) await measureReload(setup, bench, one);
  for (const one of behind(bench.cluster.report.services, bench.project, routed))
    await attempt('reload', 'timeToReloadMs', `reload of ${one.name}`, () => reloadBehind(bench, one), subjectOf(one));
  await measureReplicas(setup, bench, program);
  await setup.whileUp?.(bench);
  await attempt('add-service', 'timeToAddServiceMs', 'add a service', async () => {
    const ms = await addService(bench);
    await setup.afterAdding?.(bench);
    return ms;
  });
}

async function measureReload({ readings, onStep }: RunSetup, bench: Bench, routed: Routed): Promise<void> {
  const subject = subjectOf(routed);
  if (readings.isSettled('timeToReloadMs', subject)) return;
  onStep(`reload of ${routed.name}`);
  try {
    const found = await reload(bench, routed);
    readings.add('timeToReloadMs', 'ms' in found ? found.ms : found, subject);
    readings.add('reloadFailedRequests', 'ms' in found ? found.failedRequests : found, subject);
  } catch (error) {
    bench.signal.throwIfAborted();
    for (const id of ['timeToReloadMs', 'reloadFailedRequests'] as const) readings.fail(id, error, subject);
  }
}

/** Of a project that is not reached over HTTPS only what camp itself sees can be measured. */
function withoutEdge({ parts, readings }: RunSetup): void {
  const ids: Readonly<Partial<Record<Part, readonly MetricId[]>>> = {
    trace: ['timeToFirstTraceMs'],
    message: ['timeToFirstMessageMs'],
    memory: ['memoryBytes'],
    reload: ['timeToReloadMs', 'reloadFailedRequests'],
    recover: [
      'timeToRecoverMs',
      'recoverFailedRequests',
      'timeToRecoverTwoReplicasMs',
      'recoverTwoReplicasFailedRequests',
    ],
    scale: ['timeToScaleMs'],
    'add-service': ['timeToAddServiceMs'],
  };
  for (const part of parts)
    for (const id of ids[part] ?? [])
      readings.add(id, notApplicable('no service is reached through the edge over HTTPS'));
}

async function memoryOf(bench: Bench): Promise<Reading> {
  const { memory } = await ps({ dir: bench.dir, env: bench.env });
  return memory?.totalBytes ?? notApplicable('what it uses cannot be known');
}
