import type { MeasureReport } from '../../stopwatch/types.ts';
import { headlines } from './facts.ts';
import type { History } from './history.ts';
import { html, type Markup, name, nothing, raw } from './markup.ts';
import { comparisonSection, configurationSection, splitSection } from './page-configuration.ts';
import { historySection } from './page-history.ts';
import { type Section, section } from './page-parts.ts';
import { pageStyle } from './page-style.ts';
import { budgetSection, serviceSection, timeSection, waterfallSection } from './page-times.ts';
import { counted, loadWords, machineWords, runsWords, timeWords, versionWords } from './words.ts';

/** Nothing is fetched and nothing is run: whatever a name of the project may be, the browser would not. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** The report as one page that needs nothing but itself. */
export function renderHtml(report: MeasureReport, history: History): string {
  const sections = [
    budgetSection(report),
    timeSection(report),
    waterfallSection(report),
    serviceSection(report),
    configurationSection(report),
    comparisonSection(report),
    splitSection(report),
    historySection(history),
    noteSection(report),
  ].filter((found) => found !== undefined);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${report.project}: camp measure</title>
<link rel="icon" href="data:,">
<style>${raw(pageStyle())}</style>
</head>
<body>
<a class="skip" href="#main">to the figures</a>
${head(report, sections)}
<main id="main" tabindex="-1">
${tiles(report)}
${sections.map(section)}
</main>
<footer>
<p>${machineWords(report.machine)}. Load average ${loadWords(report.machine)} while measuring.</p>
<p>${versionWords(report.versions)}.</p>
</footer>
</body>
</html>
`;
  return page.markup;
}

function head(report: MeasureReport, sections: readonly Section[]): Markup {
  const links = sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`);
  return html`<header>
<p class="eyebrow">camp measure</p>
<h1>${name(report.project)}</h1>
<p class="soft">${name(report.domain)}, ${timeWords(report.time)}, ${runsWords(report)}</p>
${verdict(report)}
<nav aria-label="Contents"><ul>${links}</ul></nav>
</header>`;
}

function verdict({ budgets }: MeasureReport): Markup {
  if (budgets.length === 0) return nothing;
  const exceeded = budgets.filter(({ status }) => status === 'exceeded');
  if (exceeded.length === 0) {
    const unmeasured = budgets.filter(({ status }) => status === 'not-measured').length;
    const rest = unmeasured === 0 ? '' : ` ${unmeasured} could not be measured.`;
    return html`<p class="verdict"><strong>No budget is exceeded.</strong>${rest}</p>`;
  }
  const which = exceeded.map(({ message }) => html`<div>${name(message)}</div>`);
  return html`<div class="verdict bad"><strong>${exceeded.length} of ${counted(budgets.length, 'budget')} exceeded</strong>${which}</div>`;
}

function tiles(report: MeasureReport): Markup {
  const all = headlines(report);
  if (all.length === 0) return nothing;
  const items = all.map(
    (one) => html`<li><b>${one.name}</b><strong>${one.value}</strong><span>${name(one.detail)}</span></li>`,
  );
  return html`<ul class="tiles">${items}</ul>`;
}

function noteSection({ notes }: MeasureReport): Section | undefined {
  if (notes.length === 0) return undefined;
  return {
    id: 'notes',
    title: 'Notes',
    content: [html`<ul class="plain">${notes.map((note) => html`<li>${name(note)}</li>`)}</ul>`],
  };
}
