import { paint, type Style, symbolsOf } from './style.ts';
import { wrap } from './width.ts';

/** What a command wrote, or, with `diff`, would write. */
export interface ChangesReport {
  readonly project: string;
  /** Paths relative to the project's folder. */
  readonly files: readonly string[];
  /** Services that were found in a folder with code, and how each would be started. */
  readonly found: readonly { readonly name: string; readonly start: string; readonly route: string }[];
  readonly notes: readonly string[];
  readonly next: readonly string[];
  readonly diff?: string;
}

const mostFiles = 6;

/** What was found, what was written, and the commands that come next. */
export function renderChanges(report: ChangesReport, head: string, style: Style): string {
  const { diff, next, files, found, notes } = report;
  if (diff !== undefined) return diff === '' ? 'nothing would change' : colourDiff(diff.trimEnd(), style);
  const symbols = symbolsOf(style);
  const indented = (text: string): readonly string[] => wrap(text, style.width - 2).map((line) => `  ${line}`);
  const shown = files.length > mostFiles ? [...files.slice(0, mostFiles), `${files.length - mostFiles} more`] : files;
  return [
    `${paint(style, 'good', symbols.good)} ${paint(style, 'bold', head)}`,
    ...found.flatMap((one) => indented(`${one.name} at ${one.route}: ${one.start}`)),
    ...notes.flatMap(indented),
    ...(shown.length > 0 ? indented(`wrote ${shown.join(', ')}`) : []),
    `next: ${next.map((command) => paint(style, 'accent', command)).join(', ')}`,
  ].join('\n');
}

function colourDiff(diff: string, style: Style): string {
  if (!style.hasColour) return diff;
  return diff
    .split('\n')
    .map((line) => {
      if (/^(---|\+\+\+) /.test(line)) return paint(style, 'bold', line);
      if (line.startsWith('+')) return paint(style, 'good', line);
      if (line.startsWith('-')) return paint(style, 'bad', line);
      return line.startsWith('@@') ? paint(style, 'accent', line) : line;
    })
    .join('\n');
}
