import type { Ms } from '../../kit/events.ts';
import { hasGeneratedRecord } from '../../project/generated.ts';
import { measureConfiguration } from '../../project/size/measure.ts';
import { budgetFailures, judge } from '../../stopwatch/budget.ts';
import { baselineOf } from '../../stopwatch/records.ts';
import type { MeasureReport, ServerKind } from '../../stopwatch/types.ts';
import { stateFolders } from '../folders.ts';
import { type LookRequest, readChecked } from '../look.ts';
import { version } from '../version.ts';
import { baselineNotes, readBaseline, writeBaseline } from './baseline.ts';
import { budgetsOf, parseBudgets } from './budgets.ts';
import { loadNow, machineOf, notesOnMachine } from './machine.ts';
import { type Part, partsOf } from './parts.ts';
import { commitOf, historyLines, measureRecords, recordMeasure } from './record.ts';
import { noTimes, timesOf } from './times.ts';

export interface MeasureRequest extends LookRequest {
  readonly runs: number;
  readonly parts: ReadonlySet<Part>;
  /** `--compare` */
  readonly servers: readonly ServerKind[];
  /** `--what-if add-service` */
  readonly isSplitAsked: boolean;
  /** Until a service must be ready. */
  readonly timeoutMs: Ms;
  /** One line on what is being done now. */
  onProgress(words: string): void;
  readonly signal: AbortSignal;
}

/** What of the command line is read only once it is known where the project lies. */
export interface MeasureOptions extends Omit<MeasureRequest, 'parts'> {
  /** `--only` */
  readonly only: readonly string[];
  readonly isCold: boolean;
  /** `--budget`, as written. */
  readonly budgets: readonly string[];
  /** `--record` */
  readonly isRecording: boolean;
}

/** A report, and what comes of it. */
export interface Measured {
  readonly report: MeasureReport;
  /** One for each budget that is not kept. */
  readonly failures: ReturnType<typeof budgetFailures>;
  /** Lines of the project's metrics.jsonl, this report's among them. */
  readonly history: readonly string[];
  /** The baseline that was written. */
  readonly recorded?: string;
}

/**
 * Measures a project: its time-to-X on a copy that is started and stopped again and again, as a person would, and the size of its
 * configuration. The project, its data and what runs of it are left alone. Throws BUDGET_INVALID, BASELINE_INVALID,
 * INVALID_PART, LOCKED, NOT_MEASURABLE, NOT_ISOLATED, and what keeps the project from coming up.
 */
export async function measure(options: MeasureOptions): Promise<Measured> {
  const { dir, isRecording } = options;
  process.chdir(dir);
  const asked = parseBudgets(options.budgets);
  const named = partsOf(options.only, options.isCold);
  // what a service more costs is seen of the one that is added
  const parts: ReadonlySet<Part> = options.isSplitAsked ? new Set([...named, 'add-service']) : named;
  const baseline = readBaseline(dir);
  const { project } = await readChecked(options);
  const budgets = budgetsOf(project.measure?.budget ?? [], asked);
  const time = new Date().toISOString();
  const loadBefore = loadNow();
  const request = { ...options, parts };
  const isTimed = [...parts].some((part) => part !== 'configuration') || options.servers.length > 0;
  const times = isTimed ? await timesOf(request, project) : noTimes;
  const machine = machineOf(loadBefore);
  const found: MeasureReport = {
    schema: 1,
    project: project.name,
    domain: project.domain,
    time,
    runs: options.runs,
    machine,
    versions: { camp: version, node: process.version, ...times.versions },
    metrics: times.metrics,
    services: times.services,
    phases: times.median?.phases ?? [],
    criticalChain: times.median?.criticalChain ?? [],
    configuration: parts.has('configuration') ? measureConfiguration(project) : null,
    comparison: times.comparison,
    whatIf: times.whatIf,
    budgets: [],
    notes: [...notesOnMachine(machine), ...times.notes, ...baselineNotes({ machine }, baseline), ...notesOnOrigin(dir)],
  };
  const { metrics } = stateFolders(dir);
  const report = { ...found, budgets: judge(found, budgets, baseline, measureRecords(historyLines(metrics))) };
  recordMeasure(metrics, report, await commitOf(dir), options.onProgress);
  return {
    report,
    failures: budgetFailures(report.budgets),
    history: historyLines(metrics),
    ...(isRecording ? { recorded: writeBaseline(dir, baselineOf(report)) } : {}),
  };
}

/** What camp has generated it remembers in the project's state, which is not in git. */
function notesOnOrigin(dir: string): readonly string[] {
  return hasGeneratedRecord(dir)
    ? []
    : ['which files camp has generated is not known here (a clone, or not its project): all count as hand-written'];
}
