import type { Pattern } from './types.ts';

export const everything: Pattern = { kind: 'prefix', path: '/' };

/** Of a `path` matcher; undefined for one that is no path with at most a star at its end. */
export function patternOf(text: string): Pattern | undefined {
  if (text === '*' || text === '/*') return everything;
  const path = text.endsWith('*') ? text.slice(0, -1) : text;
  // What a server's own syntax could take for more than letters is not written into it.
  if (!/^\/[A-Za-z0-9/._~+@=,-]*$/.test(path)) return undefined;
  return { kind: text.endsWith('*') ? 'prefix' : 'exact', path };
}

/** Whether every path of the second is one of the first. */
export function contains(outer: Pattern, inner: Pattern): boolean {
  if (outer.kind === 'exact') return inner.kind === 'exact' && inner.path === outer.path;
  return inner.path.startsWith(outer.path);
}

/** Two patterns are one within the other, or have nothing in common. */
export function both(a: Pattern, b: Pattern): Pattern | undefined {
  if (contains(a, b)) return b;
  return contains(b, a) ? a : undefined;
}

/** As a regular expression from the first character of the path; what is left of it is the first group where `strip` is given. */
export function expressionOf({ kind, path }: Pattern, rest = ''): string {
  const quoted = path.replace(/[.+]/g, '\\$&');
  return kind === 'exact' ? `^${quoted}$` : `^${quoted}${rest}`;
}
