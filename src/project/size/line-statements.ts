import type { Statement } from './types.ts';

/** The directives of an Apache configuration: the first word of each line; blocks by the name of their opening line. */
export function apacheStatements(text: string): readonly Statement[] {
  const found: Statement[] = [];
  let continued = false;
  for (const [i, row] of text.split('\n').entries()) {
    const line = row.trim();
    const isMore = continued;
    continued = line.endsWith('\\');
    if (isMore || line === '' || line.startsWith('#') || line.startsWith('</')) continue;
    const [first = '', ...rest] = line.replace(/^</, '').replace(/>$/, '').split(/\s+/);
    found.push({ word: first, rest: rest.join(' '), line: i + 1 });
  }
  return found;
}

/** The commands of a shell script: the first word of each, without variables that are set before it. */
export function shellStatements(text: string): readonly Statement[] {
  return text.split('\n').flatMap((row, i) => {
    const line = row.trim();
    if (line === '' || line.startsWith('#')) return [];
    return line.split(/;|&&|\|+/).flatMap((command) => {
      const words = command.trim().split(/\s+/);
      const at = words.findIndex((word) => !/^(?:\w+=.*|sudo|then|do|else|if|while|!|\{|\()$/.test(word));
      const word = words[at] ?? '';
      return /^[\w./-]+$/.test(word) ? { word, rest: words.slice(at + 1).join(' '), line: i + 1 } : [];
    });
  });
}

/** The variables of an env file: names, no words of a language. */
export function envStatements(text: string): readonly Statement[] {
  return text.split('\n').flatMap((row, i): readonly Statement[] => {
    const found = /^\s*(?:export\s+)?([\w.-]+)\s*[=:]\s*(.*)$/.exec(row);
    return found ? [{ word: found[1] ?? '', rest: (found[2] ?? '').trim(), line: i + 1, isName: true }] : [];
  });
}
