import { displayWidth } from './width.ts';

/**
 * Breaks lines that are wider than the terminal at spaces and indents what follows: below the second column where
 * the line has one that leaves room, else by two. A word that is too long, a path or an address, stays whole, so
 * that it can be copied. Escape sequences may be part of words.
 */
export function hang(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap((line) => (displayWidth(line) <= width ? [line] : hangLine(line, width)))
    .join('\n');
}

function hangLine(line: string, width: number): readonly string[] {
  const margin = /^ */.exec(line)?.[0] ?? '';
  const head = /^\s*\S.*?\s{2,}(?=\S)/.exec(line)?.[0];
  const column = head === undefined ? Number.POSITIVE_INFINITY : displayWidth(head);
  const indent = column <= width / 2 ? column : Math.min(margin.length + 2, Math.floor(width / 2));
  const begin = head ?? margin;
  const lines = [begin.trimEnd() === '' ? begin : begin.replace(/\s+$/, (gap) => gap.slice(1))];
  for (const word of line.slice(begin.length).split(' ')) {
    const last = lines.at(-1) ?? '';
    const longer = last.trim() === '' ? `${last}${word}` : `${last} ${word}`;
    if (displayWidth(longer) <= width || last.trim() === '') lines[lines.length - 1] = longer;
    else lines.push(' '.repeat(indent) + word);
  }
  return lines.map((one) => one.trimEnd());
}
