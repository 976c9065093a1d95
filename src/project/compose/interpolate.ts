/** The value of a variable, undefined where it is not set. */
export type Lookup = (name: string) => string | undefined;

/** What an interpolation met: `unset` leaves an empty text, the others make the whole text unusable. */
export interface Remark {
  readonly kind: 'unset' | 'required' | 'invalid';
  /** The reference as written, `${TAG` or `$TAG`. */
  readonly reference: string;
  readonly name: string;
  /** The words behind `:?`. */
  readonly message?: string;
}

const deepest = 50;
const name = /[a-zA-Z_][a-zA-Z0-9_]*/y;

/**
 * Replaces variables as the Compose specification says (compose-spec, 12-interpolation): `$X`, `${X}`,
 * `:-`, `-`, `:?`, `?`, `:+`, `+` with nested replacements, `$$` for a dollar. A dollar before anything
 * else stays.
 */
export function interpolate(text: string, lookup: Lookup, remark: (remark: Remark) => void, depth = 0): string {
  let result = '';
  let from = 0;
  for (let at = text.indexOf('$'); at !== -1; at = text.indexOf('$', from)) {
    result += text.slice(from, at);
    const next = text[at + 1];
    if (next === '$') {
      result += '$';
      from = at + 2;
    } else if (next === '{') {
      const end = closing(text, at + 2);
      const [reference = ''] = text.slice(at, end === -1 ? at + 40 : end + 1).split('\n');
      if (end === -1 || depth >= deepest) {
        remark({ kind: 'invalid', reference, name: '' });
        return '';
      }
      result += braced(text.slice(at + 2, end), reference, lookup, remark, depth);
      from = end + 1;
    } else {
      const found = nameAt(text, at + 1);
      result += found === '' ? '$' : plain(found, `$${found}`, lookup, remark);
      from = at + 1 + found.length;
    }
  }
  return result + text.slice(from);
}

function nameAt(text: string, at: number): string {
  name.lastIndex = at;
  return name.exec(text)?.[0] ?? '';
}

/** The `}` that ends a reference whose inside begins at `begin`; inner `${` and `{` count. -1 where its line has none. */
function closing(text: string, begin: number): number {
  let open = 1;
  for (let i = begin; i < text.length && text[i] !== '\n'; i++) {
    if (text[i] === '{') open++;
    else if (text[i] === '}' && --open === 0) return i;
  }
  return -1;
}

function plain(found: string, reference: string, lookup: Lookup, remark: (remark: Remark) => void): string {
  const value = lookup(found);
  if (value === undefined) remark({ kind: 'unset', reference, name: found });
  return value ?? '';
}

function braced(
  inside: string,
  reference: string,
  lookup: Lookup,
  remark: (remark: Remark) => void,
  depth: number,
): string {
  const found = nameAt(inside, 0);
  const rest = inside.slice(found.length);
  if (found !== '' && rest === '') return plain(found, reference, lookup, remark);
  const operator = /^:?[-?+]/.exec(rest)?.[0];
  if (found === '' || !operator) {
    remark({ kind: 'invalid', reference, name: found });
    return '';
  }
  const value = lookup(found);
  const isThere = value !== undefined && !(operator.startsWith(':') && value === '');
  const word = () => interpolate(rest.slice(operator.length), lookup, remark, depth + 1);
  switch (operator.at(-1)) {
    case '-':
      return isThere ? value : word();
    case '+':
      return isThere ? word() : '';
    default:
      if (!isThere) remark({ kind: 'required', reference, name: found, message: word() });
      return value ?? '';
  }
}
