import type { ConfigurationReport, MeasureReport, Size } from '../../stopwatch/types.ts';
import {
  barsOf,
  chainWords,
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
  timeWords,
  versionWords,
} from './words.ts';

/** The report for a pull request, in the Markdown of GitHub: tables first, what is long folded away. */
export function renderMarkdown(report: MeasureReport): string {
  const sections = [
    head(report),
    budgets(report),
    table(
      ['', 'Figure', ''],
      headlines(report).map(({ name, value, detail }) => [prose(name), `**${prose(value)}**`, prose(detail)]),
      'lrl',
    ),
    times(report),
    phases(report),
    services(report),
    configuration(report.configuration),
    comparison(report),
    split(report),
    report.notes.length === 0 ? '' : `### Notes\n\n${report.notes.map((note) => `- ${item(note)}`).join('\n')}`,
    `<sub>${prose(`${machineWords(report.machine)}, load ${loadWords(report.machine)}. ${versionWords(report.versions)}.`)}</sub>`,
  ];
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`;
}

function head(report: MeasureReport): string {
  const title = `## camp measure: ${prose(report.project)}`;
  return `${title}\n\n${runsWords(report)}, ${timeWords(report.time)}.`;
}

function budgets(report: MeasureReport): string {
  if (report.budgets.length === 0) return '';
  const signs: Readonly<Record<string, string>> = { met: '✅', exceeded: '❌', 'within-noise': '⚠️' };
  const rows = report.budgets.map(({ expression, status, message }) => [
    `${signs[status] ?? '➖'} ${budgetWords[status]}`,
    code(expression),
    prose(message),
  ]);
  return `### Budgets\n\n${table(['', 'Budget', ''], rows, 'lll')}`;
}

function times(report: MeasureReport): string {
  const rows = measuredOf(report)
    .map(metricRow)
    .map(({ metric, median, spread, runs }) => [prose(metricName(metric)), median, spread, String(runs)]);
  const missing = missingOf(report).map((metric) => [prose(metricName(metric)), '–', prose(missingWords(metric)), '–']);
  if (rows.length + missing.length === 0) return '';
  return `### Time to X\n\n${table(['Metric', 'Median', 'Spread, min – max', 'Runs'], [...rows, ...missing], 'lrlr')}`;
}

function phases(report: MeasureReport): string {
  const bars = barsOf(report);
  if (bars.length === 0) return '';
  const rows = bars.map((bar) => [
    bar.isCritical ? `**${prose(bar.name)}**` : prose(bar.name),
    amount(bar.beginMs, 'ms'),
    amount(bar.endMs, 'ms'),
    amount(bar.endMs - bar.beginMs, 'ms'),
  ]);
  const summary = `Where the time went: ${counted(bars.length, 'phase')}, the critical chain in bold`;
  const chain = chainWords(report);
  return [
    folded(summary, table(['Phase', 'Begins', 'Ends', 'Takes'], rows, 'lrrr')),
    ...(chain === '' ? [] : [`Critical chain: ${prose(chain)}`]),
  ].join('\n\n');
}

function services(report: MeasureReport): string {
  if (report.services.length === 0) return '';
  const rows = report.services.map((service) => [
    code(service.name),
    prose([service.placement, service.language ?? ''].filter((word) => word !== '').join(', ')),
    service.readyMs ? amount(service.readyMs.median, 'ms') : '–',
    service.firstRequestMs ? amount(service.firstRequestMs.median, 'ms') : '–',
    service.coldFirstRequestMs ? amount(service.coldFirstRequestMs.median, 'ms') : '–',
    service.status === null ? '–' : String(service.status),
  ]);
  const names = ['Service', 'Runs as', 'Ready', 'First request', 'Cold', 'Status'];
  return `### Services\n\n${table(names, rows, 'llrrrr')}`;
}

function configuration(found: ConfigurationReport | null): string {
  if (!found) return '';
  const sizes = (of: Omit<Size, 'files'>): readonly string[] => sizeColumns.map(({ key }) => String(of[key]));
  const rows = [
    ...found.files.map((file) => [code(file.path), file.origin, ...sizes(file)]),
    ...totals(found).map(([name, of]) => [`**${name}**`, counted(of.files, 'file'), ...sizes(of)]),
  ];
  const names = ['File', 'Origin', ...sizeColumns.map(({ name }) => `${name[0]?.toUpperCase()}${name.slice(1)}`)];
  const lines = [
    ['Lines that each service adds', found.services.map(({ name, lines: count }) => `${code(name)} ${count}`)],
    ['Steps', found.steps.map(code)],
    ['Moving parts', found.movingParts.map(code)],
    [
      'Security decisions',
      found.securityDecisions.map((one) => `${code(one.directive)} in ${code(`${one.file}:${one.line}`)}`),
    ],
  ] as const;
  const lists = lines.filter(([, items]) => items.length > 0).map(([name, items]) => `- ${name}: ${items.join(', ')}`);
  return `### Configuration\n\n${[table(names, rows, 'llrrrrr'), lists.join('\n')].filter((text) => text !== '').join('\n\n')}`;
}

function comparison(report: MeasureReport): string {
  if (!report.comparison) return '';
  const servers = comparedServers(report);
  const rows = report.comparison.rows.map((row) => [
    prose(row.name),
    ...servers.map((server) => prose(row.values[server] ?? '–')),
    prose(row.derivation),
  ]);
  const contenders = report.comparison.contenders.map((one) => {
    const passed = one.probes.filter(({ isPassed }) => isPassed).length;
    const failed = one.probes.filter(({ isPassed }) => !isPassed);
    const probes = one.probes.length === 0 ? '–' : `${passed} of ${one.probes.length}`;
    const why = [one.reason ?? '', ...failed.map(({ name, detail }) => `${name}: ${detail}`)];
    return [
      prose(serverName(one.server)),
      prose(one.version ?? '–'),
      contenderWords[one.status],
      probes,
      prose(why.filter((text) => text !== '').join('; ')),
    ];
  });
  const aligned = `l${servers.map(() => 'r').join('')}l`;
  return [
    '### The same site by other servers',
    table(['', ...servers.map(serverName), 'Derived from'], rows, aligned),
    table(['Server', 'Version', 'State', 'Probes passed', ''], contenders, 'lllrl'),
  ].join('\n\n');
}

function split({ whatIf }: MeasureReport): string {
  if (!whatIf) return '';
  const rows = splitRows(whatIf).map(([name, value]) => [prose(name), prose(value)]);
  return `### What ${code(whatIf.of)} would cost\n\n${table(['', ''], rows, 'lr')}`;
}

/** A table of GitHub; its cells must be escaped already. */
function table(names: readonly string[], rows: readonly (readonly string[])[], aligned: string): string {
  if (rows.length === 0) return '';
  const rule = [...aligned].map((side) => (side === 'r' ? '---:' : '---'));
  return [names, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function folded(summary: string, text: string): string {
  return `<details><summary>${summary}</summary>\n\n${text}\n\n</details>`;
}

/** Shown as nothing, and ends what GitHub would take for one word. */
const cut = '<!-- -->';

/**
 * A text that stands for itself: nothing in it is markup, ends a cell, or is made a link, a mention or a reference by
 * GitHub. A character that could is written as its entity; what GitHub reads from the finished text is cut by an
 * empty comment.
 */
export function prose(text: string): string {
  return clean(text).replace(/[&<>|\\`*_~[\]]|[@#](?=\w)|:\/\/|www\.|\bGH-/gi, (found) => {
    if (found.length > 1) return found.slice(0, 2) + cut + found.slice(2);
    return found === '@' || found === '#' ? found + cut : entity(found);
  });
}

/** The same at the beginning of an item of a list, where more is markup. */
function item(text: string): string {
  return prose(text).replace(/^(?:[-+=#]|\d+(?=[.)]))/, (begin) => [...begin].map(entity).join(''));
}

/** A name as code: there GitHub looks for no mentions and links. */
export function code(text: string): string {
  const name = clean(text);
  if (/^[\w./:=+%,-][\w ./:=+%,-]*$/.test(name) && !name.endsWith(' ')) return `\`${name}\``;
  return `<code>${name.replace(/[^\p{L}\p{M}\p{N} /=+%,-]/gu, (found) => entity(found) + (found === '@' ? cut : ''))}</code>`;
}

function entity(character: string): string {
  return `&#${character.codePointAt(0)};`;
}
