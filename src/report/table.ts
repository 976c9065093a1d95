import { paint, type Style, type Tone } from './style.ts';
import { displayWidth, pad, wrap } from './width.ts';

export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

export interface Column {
  /** Columns with the highest number go first where the terminal is narrow; 0 stays. */
  readonly drop: number;
}

const gap = '   ';
const indent = '  ';

/** Rows of aligned cells, indented, at most as wide as the terminal: columns are dropped first, then lines are broken. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  style: Style,
): readonly string[] {
  let kept = columns.map((_, at) => at);
  const widthOf = (at: number): number => Math.max(0, ...rows.map((row) => displayWidth(row[at]?.text ?? '')));
  const total = (): number =>
    indent.length +
    kept
      .map(widthOf)
      .filter((width) => width > 0)
      .reduce((sum, width) => sum + width + gap.length, -gap.length);
  while (total() > style.width) {
    const next = kept
      .filter((at) => (columns[at]?.drop ?? 0) > 0)
      .sort((a, b) => (columns[b]?.drop ?? 0) - (columns[a]?.drop ?? 0))[0];
    if (next === undefined) return rows.flatMap((row) => stacked(row, kept, style));
    kept = kept.filter((at) => at !== next);
  }
  const shown = kept.filter((at) => widthOf(at) > 0);
  return rows.map((row) => (indent + shown.map((at) => painted(row[at], widthOf(at), style)).join(gap)).trimEnd());
}

function painted(cell: Cell | undefined, width: number, style: Style): string {
  const text = pad(cell?.text ?? '', width);
  return cell?.tone ? paint(style, cell.tone, text) : text;
}

/** One cell a line: nothing that stays may be cut. */
function stacked(row: readonly Cell[], kept: readonly number[], style: Style): readonly string[] {
  return kept.flatMap((at, place) => {
    const margin = place === 0 ? indent : indent + indent;
    const cell = row[at];
    if (!cell || cell.text === '') return [];
    return wrap(cell.text, style.width - margin.length).map(
      (line) => margin + (cell.tone ? paint(style, cell.tone, line) : line),
    );
  });
}
