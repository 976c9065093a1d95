import { join } from 'node:path';
import { CampError, fail, failure } from '../../kit/failure.ts';
import { writeWhole } from '../../kit/files.ts';
import { isProblem, readTextFile, sourceOf, type TextFile } from '../../project/text-file.ts';
import { at, growTree, itemsOf, type Tree } from '../../project/tree.ts';
import {
  type Baseline,
  type BaselineMetric,
  type CountedConfiguration,
  counted,
  isSameMachine,
  type MachineFacts,
  machineWords,
} from '../../stopwatch/records.ts';
import { figureOf } from '../../stopwatch/statistics.ts';
import { type MeasureReport, type MetricId, metricIds } from '../../stopwatch/types.ts';

/** At the project's root, and in git: what relative budgets are compared with. */
export const baselineFile = 'measure.baseline.json';

/** What is broken is read before anything is measured, so it has to go first. */
const again = `rm ${baselineFile} && camp measure --record`;
/** Ten times what fifty services measured fifty times take. */
const mostMetrics = 1000;
const mostValues = 1000;
const longestText = 200;

/**
 * The baseline of a project; null where there is none. Throws BASELINE_INVALID (project) with line and column for whatever
 * `writeBaseline` would not have written, NO_PERMISSION (machine).
 */
export function readBaseline(dir: string): Baseline | null {
  const file = readTextFile(join(dir, baselineFile), baselineFile);
  if (file === undefined) return null;
  if (isProblem(file)) throw new CampError({ ...file, code: 'BASELINE_INVALID', hints: [again] });
  return parseBaseline(file);
}

/** Like `readBaseline`, of a text. */
export function parseBaseline(file: TextFile): Baseline {
  const refuse: Refuse = (path, message) =>
    fail('project', 'BASELINE_INVALID', message, { hints: [again], source: sourceOf(placeOf(file, path)) });
  const value = parseJson(file);
  const root = tableOf(value, [], refuse);
  if (root['schema'] !== 1) refuse(['schema'], 'the baseline is of another version of camp: its schema is not 1');
  const metrics = listOf(root['metrics'], ['metrics'], mostMetrics, refuse);
  const read = metrics.flatMap((metric, index) => metricOf(metric, ['metrics', index], refuse) ?? []);
  const twice = read.findIndex((one, index) =>
    read.slice(0, index).some((other) => other.id === one.id && other.subject === one.subject),
  );
  if (twice !== -1) refuse(['metrics', twice], 'the metric is there twice');
  return {
    schema: 1,
    time: textOf(root['time'], ['time'], refuse),
    machine: machineOf(root['machine'], ['machine'], refuse),
    versions: versionsOf(root['versions'], ['versions'], refuse),
    configuration: configurationOf(root['configuration'], ['configuration'], refuse),
    metrics: read,
  };
}

/** Writes the baseline, whole or not at all, and gives its path. Throws like `writeWhole`. */
export function writeBaseline(dir: string, baseline: Baseline): string {
  const path = join(dir, baselineFile);
  writeWhole(path, printBaseline(baseline));
  return path;
}

/** In an order that never changes and with a metric a line, so that git shows what has changed. */
export function printBaseline({ time, machine, versions, configuration, metrics }: Baseline): string {
  const { platform, release, arch, cpus, cpu, memoryBytes } = machine;
  const order = (id: MetricId) => metricIds.indexOf(id);
  const sorted = metrics.toSorted((a, b) => order(a.id) - order(b.id) || compare(a.subject ?? '', b.subject ?? ''));
  const lines = sorted.map(({ id, subject, unit, figure }) =>
    spaced({ id, ...(subject === undefined ? {} : { subject }), unit, values: figure.values.map(rounded) }),
  );
  const sortedVersions = Object.fromEntries(Object.entries(versions).sort(([a], [b]) => compare(a, b)));
  const fields = configuration && counted.map((key) => `    ${JSON.stringify(key)}: ${configuration[key]}`);
  return [
    '{',
    '  "schema": 1,',
    `  "time": ${JSON.stringify(time)},`,
    `  "machine": ${spaced({ platform, release, arch, cpus, cpu, memoryBytes })},`,
    `  "versions": ${spaced(sortedVersions)},`,
    fields ? `  "configuration": {\n${fields.join(',\n')}\n  },` : '  "configuration": null,',
    lines.length === 0 ? '  "metrics": []' : `  "metrics": [\n${lines.map((line) => `    ${line}`).join(',\n')}\n  ]`,
    '}',
    '',
  ].join('\n');
}

/** What makes a comparison with the baseline less than it seems. */
export function baselineNotes(report: Pick<MeasureReport, 'machine'>, baseline: Baseline | null): readonly string[] {
  if (!baseline || isSameMachine(report.machine, baseline.machine)) return [];
  const [here, there] = [machineWords(report.machine), machineWords(baseline.machine)];
  return [`the baseline is of another machine (${there}; this one: ${here}): its times say little about these`];
}

/** In one line, with a blank behind each colon and comma of the first level. */
function spaced(value: object): string {
  const fields = Object.entries(value).map(
    ([key, each]) => `${JSON.stringify(key)}: ${Array.isArray(each) ? `[${each.join(', ')}]` : JSON.stringify(each)}`,
  );
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}

/** To a hundredth: no clock here is finer. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

type Path = readonly (string | number)[];
type Refuse = (path: Path, message: string) => never;

function parseJson(file: TextFile): unknown {
  try {
    return JSON.parse(file.text);
  } catch (error) {
    const conflict = /^(?:<{7}|={7}|>{7})(?: |$)/m.exec(file.text);
    const said = / at position (\d+)/.exec((error as Error).message)?.[1];
    const begin = conflict?.index ?? Math.min(Number(said ?? file.text.length), Math.max(0, file.text.length - 1));
    const message = conflict ? 'the baseline has a conflict of git in it' : 'the baseline is no JSON';
    const source = sourceOf({ file, begin, end: begin + (conflict ? 7 : 1) });
    const hints = [conflict ? `settle the conflict, or: ${again}` : again];
    throw new CampError(failure('project', 'BASELINE_INVALID', message, { hints, source }));
  }
}

/** Of the value at a path, or of what is nearest to it: JSON is YAML, whose reader knows the places. */
function placeOf(file: TextFile, path: Path): Tree['at'] {
  let found = growTree(file).trees[0];
  for (const key of path) {
    const next = typeof key === 'number' ? itemsOf(found)[key] : at(found, key);
    if (!next) break;
    found = next;
  }
  return found?.at ?? { file, begin: 0, end: 1 };
}

function tableOf(value: unknown, path: Path, refuse: Refuse): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  return refuse(path, `${nameOf(path)} must be an object`);
}

function listOf(value: unknown, path: Path, most: number, refuse: Refuse): readonly unknown[] {
  if (!Array.isArray(value)) return refuse(path, `${nameOf(path)} must be a list`);
  return value.length > most ? refuse(path, `${nameOf(path)} has more than ${most} entries`) : value;
}

function textOf(value: unknown, path: Path, refuse: Refuse): string {
  if (typeof value !== 'string') return refuse(path, `${nameOf(path)} must be a text`);
  return value.length > longestText ? refuse(path, `${nameOf(path)} is longer than ${longestText} characters`) : value;
}

function amountOf(value: unknown, path: Path, refuse: Refuse): number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
    ? value
    : refuse(path, `${nameOf(path)} must be a number that is not negative`);
}

function metricOf(value: unknown, path: Path, refuse: Refuse): BaselineMetric | undefined {
  const { id, subject, unit, values } = tableOf(value, path, refuse);
  const name = textOf(id, [...path, 'id'], refuse);
  const known = metricIds.find((each) => each === name);
  if (unit !== 'ms' && unit !== 'bytes' && unit !== 'requests')
    return refuse([...path, 'unit'], 'the unit of a metric must be ms, bytes or requests');
  const amounts = listOf(values, [...path, 'values'], mostValues, refuse).map((each, index) =>
    amountOf(each, [...path, 'values', index], refuse),
  );
  if (amounts.length === 0) return refuse([...path, 'values'], 'the metric has no value');
  if (!known) return undefined; // of a later camp, which measures more
  const of = subject === undefined ? {} : { subject: textOf(subject, [...path, 'subject'], refuse) };
  return { id: known, ...of, unit, figure: figureOf(amounts) };
}

function machineOf(value: unknown, path: Path, refuse: Refuse): MachineFacts {
  const machine = tableOf(value, path, refuse);
  const text = (key: string) => textOf(machine[key], [...path, key], refuse);
  const amount = (key: string) => amountOf(machine[key], [...path, key], refuse);
  return {
    ...{ platform: text('platform'), release: text('release'), arch: text('arch') },
    ...{ cpus: amount('cpus'), cpu: text('cpu'), memoryBytes: amount('memoryBytes') },
  };
}

function versionsOf(value: unknown, path: Path, refuse: Refuse): Readonly<Record<string, string>> {
  const entries = Object.entries(tableOf(value, path, refuse));
  return Object.fromEntries(entries.map(([key, each]) => [key, textOf(each, [...path, key], refuse)]));
}

function configurationOf(value: unknown, path: Path, refuse: Refuse): CountedConfiguration | null {
  if (value === null) return null;
  const table = tableOf(value, path, refuse);
  return Object.fromEntries(
    counted.map((key) => [key, amountOf(table[key], [...path, key], refuse)]),
  ) as unknown as CountedConfiguration;
}

function nameOf(path: Path): string {
  const names = path.filter((key) => typeof key === 'string');
  return names.length === 0 ? 'the baseline' : names.join('.');
}
