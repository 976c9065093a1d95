import type { MeasureReport } from '../../stopwatch/types.ts';
import type { Style } from '../style.ts';
import { readHistory } from './history.ts';
import { renderHtml } from './html.ts';
import { renderMarkdown } from './markdown.ts';
import { renderSvg } from './svg.ts';
import { renderTerminal } from './terminal.ts';

export const measureFormats = ['terminal', 'json', 'markdown', 'html', 'svg'] as const;
export type MeasureFormat = (typeof measureFormats)[number];

export interface MeasureOptions {
  /** Of the stream that a `terminal` report is written to; the others do not ask. */
  readonly style: Style;
  /** Columns, where they are not those of the style. */
  readonly width?: number;
  /** The lines of the project's metrics.jsonl; only `html` shows them. */
  readonly history?: Iterable<string>;
}

/** A report of `camp measure` in the format that was asked for, without a line break at its end. */
export function renderMeasure(
  report: MeasureReport,
  format: MeasureFormat,
  { style, width = style.width, history = [] }: MeasureOptions,
): string {
  switch (format) {
    case 'terminal':
      return renderTerminal(report, { ...style, width });
    case 'json':
      return JSON.stringify(report);
    case 'markdown':
      return renderMarkdown(report).trimEnd();
    case 'html':
      return renderHtml(report, readHistory(history)).trimEnd();
    case 'svg':
      return renderSvg(report).trimEnd();
  }
}
