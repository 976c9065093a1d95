import { closingQuote, splitWords } from '../words.ts';

/** Programs of a shell itself: `exec` cannot start them. */
const builtins: ReadonlySet<string> = new Set([
  ...[
    '.',
    ':',
    'alias',
    'bg',
    'break',
    'case',
    'cd',
    'command',
    'continue',
    'eval',
    'exec',
    'exit',
    'export',
    'fg',
    'for',
    'function',
    'if',
  ],
  ...[
    'jobs',
    'local',
    'read',
    'readonly',
    'return',
    'set',
    'shift',
    'source',
    'times',
    'trap',
    'ulimit',
    'umask',
    'unset',
    'until',
    'wait',
    'while',
    '!',
    '[',
    '{',
  ],
]);

/**
 * How a line that was written for a shell is started: as the program itself where the line is only words,
 * else by `sh -c` with `exec` before the last command of a chain, so that the program takes the shell's
 * place and gets its signals.
 */
export function argvOfLine(line: string): readonly string[] {
  const text = line.trim();
  if (!needsShell(text)) {
    const words = splitWords(text);
    if (words && words.length > 0 && !isAssignment(words[0] ?? '')) return words;
  }
  return ['sh', '-c', withExec(text)];
}

function isAssignment(word: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*=/.test(word);
}

/** Whether a line has anything that only a shell understands. */
export function needsShell(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === "'" || char === '"') {
      const end = closingQuote(text, i);
      if (end === -1) return true;
      if (char === '"' && /[$`]/.test(text.slice(i, end))) return true;
      i = end;
    } else if (char === '\\') i++;
    else if (/[|&;<>()$`*?[\]#~{}!\n]/.test(char)) return true;
  }
  return false;
}

/** Puts `exec` before the last command where it can only be a plain program in a chain of `&&` and `;`. */
function withExec(text: string): string {
  const begin = lastCommand(text);
  if (begin === undefined) return text;
  const command = text.slice(begin);
  const assignments = /^\s*(?:[A-Za-z_][A-Za-z0-9_]*=(?:'[^']*'|"[^"]*"|[^\s'"\\])*\s+)*/.exec(command)?.[0] ?? '';
  const word = /^[^\s;|&<>()]+/.exec(command.slice(assignments.length))?.[0];
  if (!word || builtins.has(word) || isAssignment(word) || /^[({]/.test(word)) return text;
  return `${text.slice(0, begin)}${assignments}exec ${command.slice(assignments.length)}`;
}

/** Offset of the last command; undefined where the line has pipes, `||`, background commands or groups. */
function lastCommand(text: string): number | undefined {
  let begin = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === "'" || char === '"') {
      const end = closingQuote(text, i);
      if (end === -1) return undefined;
      i = end;
    } else if (char === '\\') i++;
    else if (text.startsWith('&&', i)) begin = ++i + 1;
    else if (char === ';') begin = i + 1;
    else if (char === '>' && text[i + 1] === '&') i++;
    else if (/[|&()`\n#]/.test(char) && !(char === '(' && text[i - 1] === '$')) return undefined;
  }
  while (/\s/.test(text[begin] ?? '')) begin++;
  return begin >= text.length ? undefined : begin;
}
