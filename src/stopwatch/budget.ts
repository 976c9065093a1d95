import { type Failure, failure } from '../kit/failure.ts';
import type { Budget, BudgetName } from '../project/measure/types.ts';
import { type Baseline, type Counted, countedOf, isSameMachine, type MeasureRecord } from './records.ts';
import { largerThan, medianAtLeast } from './statistics.ts';
import type { BudgetResult, Figure, MeasureReport, Metric, MetricId } from './types.ts';
import { inWords } from './words.ts';

type Meaning =
  | {
      readonly of: 'metric';
      readonly ids: readonly MetricId[];
      readonly words: string;
      readonly by: 'median' | 'worst';
    }
  | { readonly of: 'configuration'; readonly key: Counted; readonly words: string };

const meanings: Readonly<Record<BudgetName, Meaning>> = {
  ttfr: timed('timeToFirstRequestMs', 'time to first request'),
  cold: timed('coldTimeToFirstRequestMs', 'cold time to first request'),
  ready: timed('timeToReadyMs', 'time to ready'),
  trace: timed('timeToFirstTraceMs', 'time to first trace'),
  message: timed('timeToFirstMessageMs', 'time to first message'),
  reload: timed('timeToReloadMs', 'time to reload'),
  recover: timed('timeToRecoverMs', 'time to recover'),
  recover2: timed('timeToRecoverTwoReplicasMs', 'time to recover with two replicas'),
  add: timed('timeToAddServiceMs', 'time to add a service'),
  scale: timed('timeToScaleMs', 'time to scale'),
  stop: timed('timeToStopMs', 'time to stop'),
  memory: timed('memoryBytes', 'memory'),
  failed: {
    of: 'metric',
    ids: ['recoverFailedRequests', 'recoverTwoReplicasFailedRequests'],
    words: 'requests failed while recovering',
    by: 'worst',
  },
  lines: sized('lines', 'lines of configuration'),
  statements: sized('statements', 'statements'),
  directives: sized('directives', 'distinct directives'),
  decisions: sized('securityDecisions', 'security decisions'),
  concepts: sized('concepts', 'concepts'),
  files: sized('files', 'files of configuration'),
  steps: sized('steps', 'steps'),
  parts: sized('movingParts', 'moving parts'),
};

function timed(id: MetricId, words: string): Meaning {
  return { of: 'metric', ids: [id], words, by: 'median' };
}
function sized(key: Counted, words: string): Meaning {
  return { of: 'configuration', key, words };
}

/** What cannot be told apart: the coarsest of the instruments asks a hundred times a second. */
const resolutionMs = 10;

/** What a budget is judged by. */
export interface Evidence {
  readonly report: MeasureReport;
  readonly baseline: Baseline | null;
  /** What was recorded before this report, oldest first. */
  readonly history: readonly MeasureRecord[];
}

/**
 * Whether each budget is kept. What is counted decides exactly, and of failed requests the worst run. Of times and memory:
 * an absolute limit is exceeded where the median is above it and the lower end of its 95 % interval is too (fewer than five
 * runs have no interval: there the median alone decides); a relative one where the values are larger than the allowed
 * multiple of those of the baseline beyond noise. Where a metric has several subjects the worst decides. What
 * cannot be checked is `not-measured`, never met.
 */
export function judge(
  report: MeasureReport,
  budgets: readonly Budget[],
  baseline: Baseline | null,
  history: readonly MeasureRecord[],
): readonly BudgetResult[] {
  const evidence = { report, baseline, history };
  return budgets.map((budget) => {
    const meaning = meanings[budget.name];
    return meaning.of === 'configuration'
      ? judgeCount(budget, meaning, evidence)
      : judgeMetric(budget, meaning, evidence);
  });
}

/** One for each budget that fails a build, to be thrown or shown; none where all are kept. */
export function budgetFailures(results: readonly BudgetResult[]): readonly Failure[] {
  return results.flatMap(({ status, expression, message }) => {
    if (status === 'exceeded')
      return failure('budget', 'BUDGET_EXCEEDED', `${expression}: ${message}`, {
        hints: ['mend what made it grow, or raise the budget'],
      });
    return status === 'not-measured'
      ? failure('budget', 'BUDGET_UNCHECKED', `${expression}: ${message}`, {
          hints: ['measure what is missing, or take the budget away'],
        })
      : [];
  });
}

function judgeCount(
  budget: Budget,
  { key, words }: Meaning & { readonly of: 'configuration' },
  { report, baseline, history }: Evidence,
): BudgetResult {
  const unchecked = uncheckedOf(budget, 'count', words);
  if (!report.configuration) return unchecked('the configuration was not measured');
  const value = countedOf(report.configuration)[key];
  const before = baseline?.configuration?.[key];
  const limit = limitOf(budget, before);
  if (limit === undefined) return unchecked(withoutBaseline(baseline));
  const isExceeded = value > limit;
  const records = history.flatMap((record) => {
    const past = record.configuration?.[key];
    return past === undefined ? [] : { record, value: past };
  });
  const since = isExceeded ? sinceWhen(records, limit) : '';
  return {
    ...{ expression: budget.expression, unit: 'count', value, limit },
    status: isExceeded ? 'exceeded' : 'met',
    message: `${messageOf(words, value, limit, 'count')}${since}`,
  };
}

/** What one subject of a metric comes to. */
interface Verdict {
  readonly status: BudgetResult['status'];
  readonly metric: Metric;
  readonly value: number;
  readonly limit: number | null;
  readonly why: string;
}

function judgeMetric(budget: Budget, meaning: Meaning & { readonly of: 'metric' }, evidence: Evidence): BudgetResult {
  const { words, ids } = meaning;
  const metrics = evidence.report.metrics.filter(({ id }) => ids.includes(id));
  const unit = metrics.find((metric) => metric.status === 'measured')?.unit ?? unitOf(budget.name);
  const unchecked = uncheckedOf(budget, unit, words);
  const failed = metrics.find((metric) => metric.status === 'failed');
  if (failed) return unchecked(`${ofSubject(failed)}${failed.reason}`);
  const measured = metrics.filter((metric) => metric.status === 'measured');
  if (measured.length === 0) {
    const [reason] = metrics.flatMap((metric) => (metric.status === 'not-applicable' ? metric.reason : []));
    return unchecked(reason ?? 'it was not measured');
  }
  const [worst] = measured
    .map((metric) => verdictOf(budget, meaning, metric, evidence))
    .sort((a, b) => badness(b) - badness(a) || excess(b) - excess(a));
  if (!worst || worst.status === 'not-measured' || worst.limit === null)
    return unchecked(worst ? `${ofSubject(worst.metric)}${worst.why}` : 'it was not measured');
  const { status, value, limit, metric, why } = worst;
  const name = metric.subject === undefined ? words : `${words} of ${metric.subject}`;
  const since = status === 'exceeded' ? sinceWhen(recordsOf(metric, meaning, evidence), limit) : '';
  return {
    ...{ expression: budget.expression, status, value, limit, unit },
    message: `${messageOf(name, value, limit, unit)}${why}${since}`,
  };
}

const worstFirst = ['exceeded', 'not-measured', 'within-noise', 'met'] as const;

function badness({ status }: Verdict): number {
  return -worstFirst.indexOf(status);
}

function excess({ value, limit }: Verdict): number {
  return limit === null ? 0 : (value + 1) / (limit + 1);
}

function verdictOf(
  budget: Budget,
  { by }: Meaning & { readonly of: 'metric' },
  metric: Metric & { readonly status: 'measured' },
  { baseline }: Evidence,
): Verdict {
  const isExact = by === 'worst';
  const value = isExact ? metric.max : metric.median;
  const before = baseline?.metrics.find(({ id, subject }) => id === metric.id && subject === metric.subject)?.figure;
  const limit = limitOf(budget, before && (isExact ? before.max : before.median));
  const verdict = (status: Verdict['status'], why = ''): Verdict => ({
    status,
    metric,
    value,
    limit: limit ?? null,
    why,
  });
  if (limit === undefined) return verdict('not-measured', withoutBaseline(baseline));
  if (isExact) return verdict(value > limit ? 'exceeded' : 'met');
  return budget.limit.kind === 'relative' && before
    ? againstBaseline(metric, before, 1 + budget.limit.percent / 100, verdict)
    : againstLimit(metric, limit, verdict);
}

type ToVerdict = (status: Verdict['status'], why?: string) => Verdict;

function againstLimit({ values, median }: Figure, limit: number, verdict: ToVerdict): Verdict {
  if (median <= limit) return verdict('met');
  const least = medianAtLeast(values);
  if (least === undefined)
    return verdict('exceeded', ` (${inWords(values.length, 'run')}: too few to allow for noise)`);
  return least > limit ? verdict('exceeded') : verdict('within-noise', ', which is within the noise');
}

function againstBaseline(
  { values, median, unit }: Metric & { readonly status: 'measured' },
  before: Figure,
  factor: number,
  verdict: ToVerdict,
): Verdict {
  const result = largerThan(values, before.values, { factor, resolution: unit === 'ms' ? resolutionMs : 0 });
  if (result.status === 'too-few')
    return verdict(
      'not-measured',
      `${inWords(values.length, 'run')} against the ${before.values.length} of the baseline can never be told from noise: --runs ${result.needed}`,
    );
  if (median <= before.median * factor) return verdict('met');
  return result.status === 'larger' ? verdict('exceeded') : verdict('within-noise', ', which is within the noise');
}

function limitOf({ limit }: Budget, before: number | undefined): number | undefined {
  if (limit.kind === 'absolute') return limit.value;
  return before === undefined ? undefined : before * (1 + limit.percent / 100);
}

function withoutBaseline(baseline: Baseline | null): string {
  return baseline ? 'the baseline does not have it' : 'there is no baseline (camp measure --record writes it)';
}

function uncheckedOf(
  { expression }: Budget,
  unit: BudgetResult['unit'],
  words: string,
): (reason: string) => BudgetResult {
  return (reason) => ({
    ...{ expression, status: 'not-measured', value: null, limit: null, unit },
    message: `${words} could not be checked: ${reason}`,
  });
}

function unitOf(name: BudgetName): BudgetResult['unit'] {
  return name === 'memory' ? 'bytes' : name === 'failed' ? 'requests' : 'ms';
}

function ofSubject({ subject }: Metric): string {
  return subject === undefined ? '' : `${subject}: `;
}

/** `time to first request 4.20 s, 1.20 s (40 %) over 3.00 s`. */
function messageOf(words: string, value: number, limit: number, unit: BudgetResult['unit']): string {
  const said = (amount: number) => inWords(amount, unit);
  if (value <= limit) return `${words} ${said(value)}, not over ${said(limit)}`;
  const share = limit > 0 ? ` (${Math.max(1, Math.round((value / limit - 1) * 100))} %)` : '';
  return `${words} ${said(value)}, ${said(value - limit)}${share} over ${said(limit)}`;
}

interface Past {
  readonly record: MeasureRecord;
  readonly value: number;
}

/** What the same machine recorded of a metric. */
function recordsOf(
  { id, subject }: Metric,
  { by }: Meaning & { readonly of: 'metric' },
  { report, history }: Evidence,
): readonly Past[] {
  return history.flatMap((record) => {
    const found = record.metrics.find((each) => each.id === id && each.subject === subject);
    if (!found || !isSameMachine(record.machine, report.machine)) return [];
    return { record, value: by === 'worst' ? found.max : found.median };
  });
}

/** The first record from which on every one has been above the limit. */
function sinceWhen(past: readonly Past[], limit: number): string {
  const first = past.length - [...past].reverse().findIndex(({ value }) => value <= limit);
  const since = past[first > past.length ? 0 : first]?.record;
  if (past.length === 0) return ', since this run, the first on record';
  if (!since) return ', since this run';
  return `, since ${since.time.slice(0, 10)}${since.commit === undefined ? '' : ` (commit ${since.commit.slice(0, 7)})`}`;
}
