/**
 * How a value is written in each language that templates are in. Handlebars' own escaping is off: it
 * would break `=` in code and let a name add a line to YAML. Each of these round-trips any string.
 */
export const quotes = { json, js, yaml, py: json, go: json, html, shell, docker } as const;
export type QuoteName = keyof typeof quotes;

/** A double-quoted string that JSON, JavaScript, Python, Go and YAML read alike. */
function json(value: string): string {
  const unprintable = /[\u007f-\u009f\u2028\u2029\ufeff]/g;
  return JSON.stringify(value.toWellFormed()).replace(
    unprintable,
    (ch) => `\\u${ch.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function js(value: string): string {
  return /^[^'\\\p{C}\u2028\u2029]*$/u.test(value) ? `'${value}'` : json(value);
}

/** Plain where every YAML reads a plain word as that string, else double-quoted. */
function yaml(value: string): string {
  const isWord = /^[a-z][a-z0-9._/-]*$/.test(value) && !/^(y|n|yes|no|on|off|true|false|null)$/.test(value);
  return isWord ? value : json(value);
}

function html(value: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return value.replace(/[&<>"']/g, (ch) => entities[ch] ?? ch);
}

/** POSIX shell: nothing is special between single quotes. A NUL cannot be in an argument at all. */
function shell(value: string): string {
  if (value.includes('\0')) throw new RangeError('a shell word cannot hold NUL');
  return /^[A-Za-z0-9_./:@%+,-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}

/** A word of a Dockerfile instruction in its double-quoted form, where only \ " and $ are special. */
function docker(value: string): string {
  if (/[\n\r\0]/.test(value)) throw new RangeError('a word of a Dockerfile cannot hold a line end');
  return /^[A-Za-z0-9_./:@+,-]+$/.test(value) ? value : `"${value.replace(/[\\"$]/g, '\\$&')}"`;
}
