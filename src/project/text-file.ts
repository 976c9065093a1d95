import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { fail, failure, type Problem, type Source } from '../kit/failure.ts';

/** A text that a person wrote, with its name as cards show it. */
export interface TextFile {
  readonly name: string;
  readonly text: string;
}

/** A stretch of a text; turned into line and column only when somebody asks. */
export interface Span {
  readonly file: TextFile;
  readonly begin: number;
  readonly end: number;
}

/** Beyond this the YAML library needs minutes. Bytes. */
const largestFile = 1_000_000;

/**
 * Reads a text file of a project; undefined where there is none. Problems: NOT_A_FILE, FILE_TOO_LARGE,
 * NOT_TEXT. Throws NO_PERMISSION (machine).
 */
export function readTextFile(path: string, name: string): TextFile | Problem | undefined {
  try {
    const stat = statSync(path);
    if (!stat.isFile())
      return problemIn(
        name,
        'NOT_A_FILE',
        `${name} is ${stat.isDirectory() ? 'a folder' : 'not a regular file'}`,
        `replace ${name} by a text file`,
      );
    if (stat.size > largestFile) return tooLarge(name, stat.size);
    const bytes = readFileSync(path);
    if (!isUtf8(bytes)) return problemIn(name, 'NOT_TEXT', `${name} is not UTF-8 text`, `save ${name} as UTF-8`);
    return { name, text: bytes.toString('utf8') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EACCES' || code === 'EPERM')
      fail('machine', 'NO_PERMISSION', `${path} may not be read`, { hints: [`ls -l ${path}`], cause: error });
    return problemIn(name, 'NOT_A_FILE', `${name} cannot be read (${code ?? 'unknown'})`, `ls -l ${name}`);
  }
}

export function tooLarge(name: string, size: number): Problem {
  return problemIn(
    name,
    'FILE_TOO_LARGE',
    `${name} has ${size} bytes, more than ${largestFile}`,
    'move generated parts into files of their own',
  );
}

export function isProblem(value: object): value is Problem {
  return 'fault' in value && 'code' in value;
}

function problemIn(name: string, code: string, message: string, hint: string): Problem {
  return failure('project', code, message, { hints: [hint], source: { file: name, line: 1, col: 1 } }) as Problem;
}

/** Longer lines are not shown: a card has no room for them, and JSON would repeat them for each problem. */
const longestShown = 500;

/** The line, the column and the text of a span. */
export function sourceOf({ file, begin, end }: Span): Source {
  const starts = lineStarts(file);
  const line = lineAt(starts, begin);
  const start = starts[line] ?? 0;
  const next = starts[line + 1] ?? file.text.length + 1;
  const text = file.text.slice(start, next - 1).replace(/\r$/, '');
  const shown = start === 0 && text.startsWith('\uFEFF') ? text.slice(1) : text;
  const col = begin - start - (text.length - shown.length);
  const place = { file: file.name, line: line + 1, col: Math.max(0, col) + 1 };
  if (shown.length > longestShown) return place;
  return { ...place, length: Math.max(1, Math.min(end, start + text.length) - begin), text: shown };
}

const starts = new WeakMap<TextFile, readonly number[]>();

function lineStarts(file: TextFile): readonly number[] {
  const known = starts.get(file);
  if (known) return known;
  const found = [0];
  for (let at = file.text.indexOf('\n'); at !== -1; at = file.text.indexOf('\n', at + 1)) found.push(at + 1);
  starts.set(file, found);
  return found;
}

/** Index of the line that holds the offset, by bisection. */
function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A problem of fault `project` at a span. */
export function problemAt(span: Span, code: string, message: string, ...hints: readonly string[]): Problem {
  return failure('project', code, message, { hints, source: sourceOf(span) }) as Problem;
}
