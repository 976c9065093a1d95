/**
 * Blanks out the line of a problem, or the block that it opens, so that the rest of the text can be
 * checked too; every other line keeps its number. Undefined where that would only make up new
 * problems: at a site's address, at a global block, outside the text.
 */
export function maskLine(text: string, line: number): string | undefined {
  const lines = text.split('\n');
  const index = line - 1;
  if (depthBefore(lines, index) < 1 || (lines[index] ?? '').trim() === '' || (lines[index] ?? '').trim() === '}')
    return undefined;
  let depth = braceOf(lines[index] ?? '');
  lines[index] = '';
  for (let i = index + 1; depth > 0 && i < lines.length; i++) {
    depth += braceOf(lines[i] ?? '');
    lines[i] = '';
  }
  return depth > 0 ? undefined : lines.join('\n');
}

function depthBefore(lines: readonly string[], index: number): number {
  let depth = 0;
  for (const line of lines.slice(0, index)) depth += braceOf(line);
  return depth;
}

/** Caddy's rule: a brace opens a block at the end of a line and closes it on a line of its own. */
function braceOf(line: string): number {
  const code = line.replace(/(^|\s)#.*$/, '').trim();
  if (code === '{' || /\s\{$/.test(code)) return 1;
  return code === '}' ? -1 : 0;
}
