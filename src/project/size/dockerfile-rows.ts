import { splitWords } from '../words.ts';
import type { Statement } from './types.ts';

interface Instruction {
  readonly word: string;
  readonly rest: string;
  /** Physical lines from 0, comments between them left out. */
  readonly rows: readonly number[];
}

/** What an instruction says several times in one. */
const listed = new Set(['ENV', 'LABEL', 'ARG', 'EXPOSE', 'VOLUME']);

/**
 * By physical line (from 0): how many lines more an instruction would fill if each of its variables, labels or ports had
 * an instruction to itself. `countOf` says what its own lines count for already.
 */
export function dockerfileExtras(text: string, countOf: (line: string) => number): ReadonlyMap<number, number> {
  const lines = text.split('\n');
  const extras = new Map<number, number>();
  for (const { word, rest, rows } of instructionsOf(text)) {
    if (!listed.has(word)) continue;
    const own = rows.reduce((sum, row) => sum + countOf(lines[row] ?? ''), 0);
    const wanted = valuesOf(word, rest);
    if (wanted > own) extras.set(rows[0] ?? 0, wanted - own);
  }
  return extras;
}

/** The instructions of a Dockerfile, and the commands of each RUN as its children. */
export function dockerfileStatements(text: string): readonly Statement[] {
  return [...instructionsOf(text)].map(({ word, rest, rows }) => ({ word, rest, line: (rows[0] ?? 0) + 1 }));
}

function valuesOf(word: string, rest: string): number {
  if (rest.trimStart().startsWith('[')) return rest.split(',').length;
  const words = splitWords(rest) ?? rest.trim().split(/\s+/);
  // the old form of ENV and LABEL, without `=`, is one
  if ((word === 'ENV' || word === 'LABEL') && !words[0]?.includes('=')) return 1;
  return words.length;
}

/** Instructions with their lines put together; bodies of here-documents are no instructions. */
function* instructionsOf(text: string): Generator<Instruction> {
  const joiner = /^\s*#\s*escape\s*=\s*(`|\\)/im.exec(text.slice(0, 1000).split('\n', 3).join('\n'))?.[1] ?? '\\';
  let parts: string[] = [];
  let rows: number[] = [];
  let ends: string[] = [];
  for (const [row, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (ends.length > 0) {
      if (trimmed === ends[0]) ends = ends.slice(1);
      continue;
    }
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    rows.push(row);
    const isJoined = trimmed.endsWith(joiner);
    parts.push(isJoined ? trimmed.slice(0, -1) : trimmed);
    if (isJoined) continue;
    const whole = parts.join(' ');
    const space = whole.search(/\s/);
    const word = (space < 0 ? whole : whole.slice(0, space)).toUpperCase();
    yield { word, rest: space < 0 ? '' : whole.slice(space + 1), rows };
    if (word === 'RUN' || word === 'COPY' || word === 'ADD')
      ends = [...whole.matchAll(/<<-?(['"]?)([A-Za-z_]\w*)\1/g)].map((each) => each[2] ?? '');
    [parts, rows] = [[], []];
  }
}
