import type { Problem } from '../../kit/failure.ts';
import { problemAt, type TextFile } from '../text-file.ts';
import type { YAMLError } from '../yaml.ts';

/** The library's error codes in plain words, with what to do. */
const words: Readonly<Record<string, readonly [string, string]>> = {
  BAD_ALIAS: ['an alias "*name" without a usable name', 'give the alias the name of an anchor'],
  BAD_DQ_ESCAPE: ['unknown escape in double quotes', "use single quotes, '...', where nothing is escaped"],
  BAD_INDENT: ['the indentation fits to no line above', 'indent with spaces, the same for all keys of one map'],
  BAD_SCALAR_START: ['a plain text may not begin with this character', 'put the value in quotes'],
  BLOCK_AS_IMPLICIT_KEY: [
    'a second ":" on one line, or a list beside a key',
    'put the value in quotes, or on a line of its own',
  ],
  BLOCK_IN_FLOW: ['a block inside of { } or [ ]', 'write the value between the brackets'],
  IMPOSSIBLE: ['this is not YAML', 'compare with a working compose file'],
  MULTILINE_IMPLICIT_KEY: ['a key goes over more than one line, or its ":" is missing', 'write "key: value"'],
  TAB_AS_INDENT: ['a tab in the indentation', 'indent with spaces'],
  UNEXPECTED_TOKEN: ['this is not expected here', 'put the value in quotes, or check the line above'],
};

/** YAML_SYNTAX for each line that the library could not read, at most ten. */
export function yamlProblem(file: TextFile, errors: readonly YAMLError[]): readonly Problem[] {
  const full = errors.find(({ message }) => /call stack/i.test(message));
  if (full)
    return [
      problemAt({ file, begin: full.pos[0], end: full.pos[0] + 1 }, 'TOO_DEEP', 'nested too deep', 'flatten the file'),
    ];
  const byLine = new Map<number, Problem>();
  let isAstray = false;
  for (const { code, message, pos } of errors) {
    const isOpenEnded = / must end with |end with a |[Mm]issing closing/.test(message);
    // behind an open bracket or a stray sign the parser stumbles over every line
    if (isAstray && (isOpenEnded || code === 'UNEXPECTED_TOKEN' || code === 'BAD_INDENT')) continue;
    isAstray ||= isOpenEnded || code === 'UNEXPECTED_TOKEN';
    const [what, hint] = isOpenEnded
      ? [unclosed(message), 'close it, or put the value in quotes']
      : (words[code] ?? [plain(message), `docker compose -f ${file.name} config`]);
    const begin = Math.min(isOpenEnded ? (openingQuote(file.text, message) ?? pos[0]) : pos[0], file.text.length);
    const problem = problemAt(
      { file, begin, end: Math.max(begin + 1, Math.min(pos[1], begin + 40)) },
      'YAML_SYNTAX',
      what,
      hint,
    );
    const line = problem.source?.line ?? 0;
    if (!byLine.has(line)) byLine.set(line, problem);
    if (byLine.size === 10) break;
  }
  return [...byLine.values()];
}

/** A quote that nothing closes is the last one of the text that is not escaped. */
function openingQuote(text: string, message: string): number | undefined {
  if (/end with/.test(message)) return undefined;
  const quote = message.includes('"') ? '"' : "'";
  let at = text.lastIndexOf(quote);
  while (at > 0 && quote === '"' && text[at - 1] === '\\') at = text.lastIndexOf(quote, at - 1);
  return at === -1 ? undefined : at;
}

/** Brackets and quotes that nothing closes. */
function unclosed(message: string): string {
  const sign = /end with a ([\]}])/.exec(message)?.[1] ?? (message.includes('"') ? '"' : "'");
  return `the closing ${sign} is missing`;
}

function plain(message: string): string {
  const [line = ''] = message.split('\n');
  return line.charAt(0).toLowerCase() + line.slice(1);
}
