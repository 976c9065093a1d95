/**
 * Splits a `command` or `entrypoint` as Compose does (mattn/go-shellwords): quotes of three kinds and `$( )` keep
 * blanks together, a backslash takes the next character as it is, and what follows a bare `;`, `&`, `|`, `<` or
 * `>` is cut off. Undefined where something is not closed, or a parenthesis opens by itself.
 */
export function commandWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word = '';
  let isWord = false;
  /** Which of `'`, `"`, a backtick and `$(` is open; more than one can be. */
  const open = { single: false, double: false, back: false, dollar: false };
  let isEscaped = false;
  const isOpen = () => open.single || open.double || open.back || open.dollar;
  for (const char of line) {
    if (isEscaped) {
      word += char;
      isWord = true;
      isEscaped = false;
      continue;
    }
    if (char === '\\' && !open.single) {
      isEscaped = true;
      continue;
    }
    if (/[ \t\r\n]/.test(char) && !isOpen()) {
      if (isWord) words.push(word);
      if (isWord) word = '';
      isWord = false;
      continue;
    }
    if (/[ \t\r\n]/.test(char)) {
      word += char;
      continue;
    }
    if (char === '"' && !open.single && !open.dollar) {
      isWord ||= open.double;
      open.double = !open.double;
      continue;
    }
    if (char === "'" && !open.double && !open.dollar) {
      isWord ||= open.single;
      open.single = !open.single;
      continue;
    }
    if (char === '`' && !open.single && !open.double && !open.dollar) open.back = !open.back;
    if (char === ')' && !open.single && !open.double && !open.back) open.dollar = !open.dollar;
    if (char === '(' && !open.single && !open.double && !open.back) {
      if (open.dollar || !word.endsWith('$')) return undefined;
      open.dollar = true;
      word += char;
      continue;
    }
    if (/[;&|<>]/.test(char) && !isOpen()) {
      // the number of a redirected stream belongs to the redirection
      if (char === '>' && /^[0-9]/.test(word)) isWord = false;
      break;
    }
    isWord = true;
    word += char;
  }
  if (isWord) words.push(word);
  return isEscaped || isOpen() ? undefined : words;
}
