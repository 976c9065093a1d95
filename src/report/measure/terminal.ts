import type { ConfigurationReport, MeasureReport, Size } from '../../stopwatch/types.ts';
import { paint, type Style, symbolsOf, type Tone } from '../style.ts';
import { type Cell, type Column, renderTable } from '../table.ts';
import { displayWidth, pad, wrap } from '../width.ts';
import {
  comparedServers,
  headlines,
  measuredOf,
  metricRow,
  missingOf,
  missingWords,
  serverName,
  sizeColumns,
  splitRows,
  totals,
} from './facts.ts';
import { drawWaterfall } from './terminal-waterfall.ts';
import { clean } from './text.ts';
import {
  amount,
  budgetWords,
  contenderWords,
  counted,
  loadWords,
  machineWords,
  metricName,
  runsWords,
  versionWords,
} from './words.ts';

const indent = '  ';

/** The whole report for a terminal, or for a file: no line is wider than `style.width` where its words allow it. */
export function renderTerminal(report: MeasureReport, style: Style): string {
  const sections = [
    head(report, style),
    budgets(report, style),
    times(report, style),
    waterfall(report, style),
    services(report, style),
    configuration(report, style),
    comparison(report, style),
    split(report, style),
    notes(report, style),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function head(report: MeasureReport, style: Style): readonly string[] {
  const tone = verdict(report);
  const title = `${clean(report.project)}: ${runsWords(report)}`;
  const rows = headlines(report).map(({ name, value, detail }) => [
    cell(name),
    cell(plain(value, style), 'bold'),
    cell(plain(detail, style), 'dim'),
  ]);
  return [
    ...wrap(title, style.width - 2).map((line, at) => {
      const mark = at === 0 ? paint(style, tone, symbolsOf(style)[tone]) : ' ';
      return `${mark} ${paint(style, 'bold', line)}`;
    }),
    ...prose(`${machineWords(report.machine)}, load ${loadWords(report.machine)}`, style, 'dim'),
    ...prose(versionWords(report.versions), style, 'dim'),
    ...renderTable([{ drop: 0 }, { drop: 0 }, { drop: 1 }], rows, style),
  ];
}

/** Bad where a budget is exceeded, a warning where a measurement failed. */
function verdict(report: MeasureReport): 'good' | 'warn' | 'bad' {
  if (report.budgets.some(({ status }) => status === 'exceeded')) return 'bad';
  return report.metrics.some(({ status }) => status === 'failed') ? 'warn' : 'good';
}

function budgets(report: MeasureReport, style: Style): readonly string[] {
  if (report.budgets.length === 0) return [];
  const symbols = symbolsOf(style);
  const marks: Readonly<Record<string, Tone>> = { met: 'good', exceeded: 'bad', 'within-noise': 'warn' };
  return [
    heading('budgets', style),
    ...report.budgets.flatMap(({ expression, status, message }) => {
      const tone = marks[status];
      const mark = tone === 'good' || tone === 'bad' || tone === 'warn' ? symbols[tone] : symbols.note;
      const margin = indent + ' '.repeat(displayWidth(mark) + 1);
      const text = `${clean(expression)}  ${budgetWords[status]}: ${clean(message)}`;
      const [first = '', ...rest] = wrap(plain(text, style), style.width - margin.length);
      return [`${indent}${paint(style, tone ?? 'dim', mark)} ${first}`, ...rest.map((line) => margin + line)];
    }),
  ];
}

function times(report: MeasureReport, style: Style): readonly string[] {
  const measured = measuredOf(report).map(metricRow);
  const missing = missingOf(report);
  if (measured.length + missing.length === 0) return [];
  const rows = measured.map(({ metric, median, spread, runs }) => [
    cell(clean(metricName(metric))),
    cell(median, 'bold'),
    cell(plain(spread, style)),
    cell(String(runs)),
  ]);
  const columns = [{ drop: 0 }, { drop: 0 }, { drop: 0 }, { drop: 1 }];
  const table = rows.length === 0 ? [] : withHeader(['', 'median', 'min – max', 'runs'], rows, columns, style, [1, 3]);
  return [
    heading('time to X', style),
    ...table,
    ...missing.flatMap((metric) =>
      prose(
        `${clean(metricName(metric))}: ${missingWords(metric)}`,
        style,
        metric.status === 'failed' ? 'warn' : 'dim',
        2,
      ),
    ),
  ];
}

function waterfall(report: MeasureReport, style: Style): readonly string[] {
  const lines = drawWaterfall(report, style);
  return lines.length === 0 ? [] : [heading('where the time went, in the median run', style), ...lines];
}

function services(report: MeasureReport, style: Style): readonly string[] {
  const rows = report.services.map((service) => [
    cell(clean(service.name), 'bold'),
    cell(clean([service.placement, service.language ?? ''].filter((word) => word !== '').join(', '))),
    cell(service.readyMs ? amount(service.readyMs.median, 'ms') : '-'),
    cell(service.firstRequestMs ? amount(service.firstRequestMs.median, 'ms') : '-'),
    cell(service.coldFirstRequestMs ? amount(service.coldFirstRequestMs.median, 'ms') : '-'),
    cell(service.status === null ? '-' : String(service.status)),
  ]);
  if (rows.length === 0) return [];
  const columns = [{ drop: 0 }, { drop: 3 }, { drop: 0 }, { drop: 0 }, { drop: 1 }, { drop: 2 }];
  const names = ['', 'runs as', 'ready', 'first request', 'cold', 'status'];
  return [heading('services', style), ...withHeader(names, rows, columns, style, [2, 3, 4, 5])];
}

function configuration({ configuration: found }: MeasureReport, style: Style): readonly string[] {
  if (!found) return [];
  const sizes = (of: Omit<Size, 'files'>): readonly Cell[] => sizeColumns.map(({ key }) => cell(String(of[key])));
  const rows = [
    ...found.files.map((file) => [cell(clean(file.path)), cell(file.origin, toneOf(file.origin)), ...sizes(file)]),
    ...totals(found).map(([name, of]) => [
      cell(name, 'bold'),
      cell(plain(counted(of.files, 'file'), style), 'dim'),
      ...sizes(of),
    ]),
  ];
  // what is left out first where it is narrow: concepts, statements, security
  const columns = [0, 1, 0, 4, 2, 3, 5].map((drop) => ({ drop }));
  const names = ['', '', ...sizeColumns.map(({ name }) => name)];
  return [
    heading('configuration', style),
    ...withHeader(names, rows, columns, style, [2, 3, 4, 5, 6]),
    ...lists(found, style),
  ];
}

function toneOf(origin: 'generated' | 'hand-written'): Tone {
  return origin === 'generated' ? 'dim' : 'accent';
}

function lists(found: ConfigurationReport, style: Style): readonly string[] {
  const { arrow } = symbolsOf(style);
  const adds = found.services.map(({ name, lines }) => `${clean(name)} ${lines}`).join(', ');
  const decisions = found.securityDecisions.map(
    ({ file, line, directive }) => `${clean(directive)} (${clean(file)}:${line})`,
  );
  return [
    ...(adds === '' ? [] : prose(`lines that each service adds: ${adds}`, style, undefined, 2)),
    ...(found.steps.length === 0
      ? []
      : prose(`steps: ${found.steps.map(clean).join(` ${arrow} `)}`, style, undefined, 2)),
    ...(found.movingParts.length === 0
      ? []
      : prose(`moving parts: ${found.movingParts.map(clean).join(', ')}`, style, undefined, 2)),
    ...(decisions.length === 0 ? [] : prose(`security decisions: ${decisions.join(', ')}`, style, undefined, 2)),
  ];
}

function comparison(report: MeasureReport, style: Style): readonly string[] {
  if (!report.comparison) return [];
  const servers = comparedServers(report);
  const rows = report.comparison.rows.map((row) => [
    cell(clean(row.name)),
    ...servers.map((server) => cell(clean(row.values[server] ?? '-'), server === 'camp' ? 'accent' : undefined)),
  ]);
  const derivations = report.comparison.rows.flatMap(({ name, derivation }) =>
    prose(`${clean(name)}: ${clean(derivation)}`, style, 'dim', 2),
  );
  const contenders = report.comparison.contenders.flatMap((one) => {
    const passed = one.probes.filter(({ isPassed }) => isPassed).length;
    const failed = one.probes.filter(({ isPassed }) => !isPassed);
    const words = [
      contenderWords[one.status],
      ...(one.reason === null ? [] : [clean(one.reason)]),
      ...(one.probes.length === 0 ? [] : [`${passed} of ${counted(one.probes.length, 'probe')} passed`]),
      ...failed.map(({ name, detail }) => `${clean(name)}: ${clean(detail)}`),
    ];
    const isLess = one.status === 'failed' || failed.length > 0;
    return prose(`${serverName(one.server)}: ${words.join('; ')}`, style, isLess ? 'warn' : undefined, 2);
  });
  const columns = [{ drop: 0 }, ...servers.map(() => ({ drop: 0 }))];
  const names = servers.map(serverName);
  return [
    heading('the same site by other servers', style),
    ...(isTooWide(rows, names, style)
      ? stacked(rows, names, style)
      : withHeader(['', ...names], rows, columns, style, [])),
    ...contenders,
    paint(style, 'dim', `${indent}how each row was derived`),
    ...derivations.map((line) => indent + line),
  ];
}

/** Whether the servers do not fit beside each other; two blanks stand between columns. */
function isTooWide(rows: readonly (readonly Cell[])[], names: readonly string[], style: Style): boolean {
  const widths = ['', ...names].map((name, at) =>
    Math.max(displayWidth(name), ...rows.map((row) => displayWidth(row[at]?.text ?? ''))),
  );
  return widths.reduce((sum, width) => sum + width + indent.length, 0) > style.width;
}

/** Each row as a few lines, one for each server, which it names. */
function stacked(rows: readonly (readonly Cell[])[], names: readonly string[], style: Style): readonly string[] {
  const width = Math.max(...names.map(displayWidth));
  return rows.flatMap(([name, ...values]) => [
    ...prose(name?.text ?? '', style),
    ...values.flatMap(({ text, tone }, at) => {
      const [first = '', ...rest] = wrap(plain(text, style), style.width - width - 3 * indent.length);
      const lines = [
        `${pad(names[at] ?? '', width)}${indent}${first}`,
        ...rest.map((line) => ' '.repeat(width + 2) + line),
      ];
      return lines.map((line) => indent + indent + (tone ? paint(style, tone, line) : line));
    }),
  ]);
}

function split({ whatIf }: MeasureReport, style: Style): readonly string[] {
  if (!whatIf) return [];
  const rows = splitRows(whatIf).map(([name, value]) => [cell(name), cell(plain(value, style), 'bold')]);
  return [
    ...wrap(`what ${clean(whatIf.of)} would cost`, style.width).map((line) => heading(line, style)),
    ...renderTable([{ drop: 0 }, { drop: 0 }], rows, style),
  ];
}

function notes(report: MeasureReport, style: Style): readonly string[] {
  if (report.notes.length === 0) return [];
  const { warn } = symbolsOf(style);
  return report.notes.flatMap((note) => prose(`${warn} ${clean(note)}`, style, 'warn', 2, ''));
}

function heading(text: string, style: Style): string {
  return paint(style, 'bold', text);
}

function cell(text: string, tone?: Tone): Cell {
  return tone ? { text, tone } : { text };
}

/** A table with the names of its columns above; figures stand at the right of their columns. */
function withHeader(
  names: readonly string[],
  rows: readonly (readonly Cell[])[],
  columns: readonly Column[],
  style: Style,
  figures: readonly number[],
): readonly string[] {
  const all = [names.map((name) => cell(plain(name, style), 'dim')), ...rows];
  const widths = names.map((_, at) => Math.max(...all.map((row) => displayWidth(row[at]?.text ?? ''))));
  const aligned = all.map((row) =>
    row.map((one, at) => {
      const room = figures.includes(at) ? (widths[at] ?? 0) - displayWidth(one.text) : 0;
      return { ...one, text: ' '.repeat(room) + one.text };
    }),
  );
  return renderTable(columns, aligned, style);
}

/** Words on as many lines as they need, each indented, what follows the first by `hanging` more. */
function prose(text: string, style: Style, tone?: Tone, hanging = 0, margin = indent): readonly string[] {
  if (text === '') return [];
  const room = style.width - indent.length - margin.length - hanging;
  return wrap(plain(text, style), room).map((line, at) => {
    const before = margin + (at === 0 ? '' : ' '.repeat(hanging));
    return before + (tone ? paint(style, tone, line) : line);
  });
}

/** The signs of these reports in ASCII, where the terminal has no others. Names of the project stay as they are. */
function plain(text: string, style: Style): string {
  return style.hasUnicode ? text : text.replaceAll('–', '-').replaceAll('→', '->').replaceAll('×', 'x');
}
