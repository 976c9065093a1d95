/**
 * Splits a command line into words as a POSIX shell does for quotes and backslashes, without replacing
 * anything (POSIX.1-2017, Shell Command Language 2.2). Undefined where a quote is not closed.
 */
export function splitWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? '';
    if (char === ' ' || char === '\t' || char === '\n' || char === '\r') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "'" || char === '"') {
      const end = closingQuote(line, i);
      if (end === -1) return undefined;
      const inside = line.slice(i + 1, end);
      word =
        (word ?? '') +
        (char === "'" ? inside : inside.replace(/\\(["\\$`\n])/g, (_, each: string) => (each === '\n' ? '' : each)));
      i = end;
    } else if (char === '\\') {
      const next = line[++i];
      if (next === undefined) return undefined;
      if (next !== '\n') word = (word ?? '') + next;
    } else word = (word ?? '') + char;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Offset of the quote that closes the one at `begin`; -1 where there is none. */
export function closingQuote(line: string, begin: number): number {
  const quote = line[begin];
  for (let i = begin + 1; i < line.length; i++) {
    if (line[i] === quote) return i;
    if (line[i] === '\\' && quote === '"') i++;
  }
  return -1;
}
