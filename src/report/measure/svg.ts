import type { MeasureReport } from '../../stopwatch/types.ts';
import { type Chart, label, svgOf } from './chart.ts';
import { html, raw } from './markup.ts';
import { chartRules, dark, light } from './palette.ts';
import { waterfallChart } from './waterfall.ts';

const width = 860;
const margin = 20;

/** The waterfall as a file by itself: with its own colours for light and dark, and nothing that is fetched. */
export function renderSvg(report: MeasureReport): string {
  const chart = waterfallChart(report) ?? withoutPhases(report);
  const framed: Chart = {
    ...chart,
    draw(outer) {
      const { height, content } = chart.draw(outer - 2 * margin);
      const heading = label(chart.title, margin, margin + 12, outer - 2 * margin, 't b');
      return {
        width: outer,
        height: height + margin * 2 + 26,
        content: [
          html`<rect class="p" width="100%" height="100%" rx="10"/>`,
          heading,
          html`<g transform="translate(${margin} ${margin + 32})">`,
          ...content,
          raw('</g>'),
        ],
      };
    },
  };
  const lightRules = `.p{fill:${light.card}}.b{font-weight:600}${chartRules(light)}`;
  const darkRules = `.p{fill:${dark.card}}${chartRules(dark)}`;
  const style = raw(`<style>${lightRules}@media (prefers-color-scheme: dark){${darkRules}}</style>`);
  return `${svgOf(framed, width, 'file', raw(''), style).markup}\n`;
}

function withoutPhases(report: MeasureReport): Chart {
  const text = 'no phases were measured';
  return {
    id: 'waterfall',
    title: `Where the time of ${report.project} went until its first request`,
    description: text,
    draw: (room) => ({ width: room, height: 30, content: [label(text, 0, 16, room, 's')] }),
  };
}
