import type { MeasureReport } from '../../stopwatch/types.ts';
import { barChart, spreadChart } from './charts.ts';
import { barsOf, chainWords, measuredOf, metricRow, missingOf } from './facts.ts';
import { html, type Markup, name, nothing } from './markup.ts';
import { figure, folded, full, half, lead, type Section, table } from './page-parts.ts';
import { waterfallChart } from './waterfall.ts';
import { amount, budgetWords, counted, metricName, metricWords } from './words.ts';

export function budgetSection({ budgets }: MeasureReport): Section | undefined {
  if (budgets.length === 0) return undefined;
  const rows = budgets.map(({ expression, status, message, value, limit, unit }) => ({
    cells: [
      html`<code>${name(expression)}</code>`,
      verdict(status),
      value === null ? '–' : amount(value, unit),
      limit === null ? '–' : amount(limit, unit),
      name(message),
    ],
  }));
  const columns = [
    { name: 'Budget' },
    { name: 'Verdict', kind: 'word' },
    { name: 'Is', kind: 'figure' },
    { name: 'May be', kind: 'figure' },
    { name: 'In words', kind: 'text' },
  ] as const;
  return { id: 'budgets', title: 'Budgets', content: [table('Each budget and what was measured', columns, rows)] };
}

function verdict(status: MeasureReport['budgets'][number]['status']): Markup {
  const words = budgetWords[status];
  if (status === 'met') return html`<span class="good-word">✓ ${words}</span>`;
  return status === 'exceeded' ? html`<span class="bad-word">✗ ${words}</span>` : html`${words}`;
}

export function timeSection(report: MeasureReport): Section | undefined {
  const measured = measuredOf(report);
  const missing = missingOf(report);
  if (measured.length + missing.length === 0) return undefined;
  const times = measured.filter(({ unit }) => unit === 'ms');
  const chart = spreadChart(
    {
      id: 'times',
      title: `Times of ${report.project}, on a logarithmic scale`,
      description: times
        .map((one) => `${metricName(one)} ${metricRow(one).median}, ${metricRow(one).spread}`)
        .join('; '),
    },
    times.map((one) => ({ name: metricName(one), value: one.median, figure: one })),
  );
  const meaning = (metric: (typeof report.metrics)[number]): Markup =>
    html`${name(metricName(metric))}<small>${metricWords[metric.id]?.meaning ?? ''}</small>`;
  const rows = measured.map((metric) => {
    const row = metricRow(metric);
    return { cells: [meaning(metric), row.median, row.spread, String(row.runs)] };
  });
  const columns = [
    { name: 'Metric' },
    { name: 'Median', kind: 'figure' },
    { name: 'Least – most', kind: 'figure' },
    { name: 'Runs', kind: 'figure' },
  ] as const;
  const missingRows = missing.map((metric) => ({
    cells: [
      meaning(metric),
      metric.status === 'failed' ? html`<span class="bad-word">failed</span>` : 'not applicable',
      html`${name(metric.reason)}${metric.status === 'failed' ? html`<small><code>${metric.code}</code></small>` : nothing}`,
    ],
  }));
  return {
    id: 'times',
    title: 'Time to X',
    content: [
      lead(
        'The bar is the median, each dot a run, the line from the least to the most. The scale is logarithmic: each step to the right is many times longer.',
      ),
      ...(times.length === 0 ? [] : [figure(chart, full)]),
      table('Each metric: median, spread and runs', columns, rows),
      table(
        'Without a figure',
        [{ name: 'Metric' }, { name: 'State', kind: 'word' }, { name: 'Reason', kind: 'text' }],
        missingRows,
      ),
    ],
  };
}

export function waterfallSection(report: MeasureReport): Section | undefined {
  const chart = waterfallChart(report);
  if (!chart) return undefined;
  const chain = chainWords(report);
  const rows = barsOf(report).map((bar) => ({
    cells: [
      name(bar.name),
      amount(bar.beginMs, 'ms'),
      amount(bar.endMs, 'ms'),
      amount(bar.endMs - bar.beginMs, 'ms'),
      bar.isCritical ? 'critical' : '',
    ],
  }));
  const columns = [
    { name: 'Phase' },
    { name: 'Begins', kind: 'figure' },
    { name: 'Ends', kind: 'figure' },
    { name: 'Takes', kind: 'figure' },
    { name: 'Chain' },
  ] as const;
  return {
    id: 'waterfall',
    title: 'Where the time went',
    content: [
      lead('The run whose time to first request is the median, from the start of camp.'),
      figure(chart, full),
      ...(chain === '' ? [] : [html`<p><strong>Critical chain:</strong> ${name(chain)}</p>`]),
      folded(
        `${counted(rows.length, 'phase')} as a table`,
        table('The phases of the median run, in the order in which they began', columns, rows),
      ),
    ],
  };
}

export function serviceSection(report: MeasureReport): Section | undefined {
  if (report.services.length === 0) return undefined;
  const routed = report.services.flatMap((one) =>
    one.firstRequestMs ? [{ name: one.name, value: one.firstRequestMs.median, figure: one.firstRequestMs }] : [],
  );
  const ready = report.services.flatMap((one) =>
    one.readyMs ? [{ name: one.name, value: one.readyMs.median, figure: one.readyMs }] : [],
  );
  const rows = report.services.map((one) => ({
    cells: [
      name(one.name),
      name(one.placement),
      one.language === null ? '–' : name(one.language),
      one.readyMs ? amount(one.readyMs.median, 'ms') : '–',
      one.firstRequestMs ? amount(one.firstRequestMs.median, 'ms') : '–',
      one.coldFirstRequestMs ? amount(one.coldFirstRequestMs.median, 'ms') : '–',
      one.status === null ? '–' : String(one.status),
    ],
  }));
  const columns = [
    { name: 'Service' },
    { name: 'Runs as' },
    { name: 'Language' },
    { name: 'Ready', kind: 'figure' },
    { name: 'First request', kind: 'figure' },
    { name: 'Cold', kind: 'figure' },
    { name: 'Status', kind: 'figure' },
  ] as const;
  const charts = [
    ['ready', 'Until ready', ready],
    ['first-requests', 'Until the first request', routed],
  ] as const;
  return {
    id: 'services',
    title: 'Services',
    content: [
      lead('From the start of camp; medians, with the spread as a line over the end of the bar.'),
      html`<div class="pair">${charts
        .filter(([, , of]) => of.length > 0)
        .map(([id, title, of]) => {
          const description = of.map((one) => `${one.name} ${amount(one.value, 'ms')}`).join(', ');
          return figure(barChart({ id: `${id}-chart`, title, description }, of, 'ms'), half, title);
        })}</div>`,
      table('Each service: how it runs, and when it answered', columns, rows),
    ],
  };
}
