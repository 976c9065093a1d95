import type { Scalar, Tree } from '../tree.ts';

/**
 * A scalar as text; undefined for null, lists and maps. Numbers are printed as Compose prints them:
 * `0755` is octal and becomes 493, `1.10` becomes 1.1, `1e21` becomes 1e+21.
 */
export function textOf(tree: Tree | undefined): string | undefined {
  if (tree?.kind !== 'scalar' || tree.value === null) return undefined;
  if (typeof tree.value === 'boolean') return String(tree.value);
  return (tree.isPlain ? numberText(tree) : undefined) ?? (typeof tree.value === 'number' ? tree.raw : tree.value);
}

/** A number without quotes, as go-yaml reads it: `1_000` and `0b11` too. */
export function isWrittenNumber(tree: Scalar): boolean {
  return tree.isPlain && tree.value !== null && numberText(tree) !== undefined;
}

/** A whole number without quotes that fits into 64 bits; `1.0` and `1e3` are none for go-yaml. */
export function isWrittenInteger(tree: Scalar): boolean {
  const text = isWrittenNumber(tree) && integer.test(tree.raw) ? numberText(tree) : undefined;
  return text !== undefined && /^-?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

/** YAML 1.1 integers (yaml.org/type/int.html, without base 60) and YAML 1.2 ones, as go-yaml reads them. */
const integer = /^([-+]?)(?:0b([01_]+)|0o([0-7_]+)|0x([0-9a-fA-F_]+)|0([0-7_]+)|((?:0|[1-9][0-9_]*)))$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$/;

function numberText({ raw }: Scalar): string | undefined {
  const found = integer.exec(raw);
  if (found) {
    const [, sign, two, eight, sixteen, old, ten] = found;
    const digits = (
      two ? `0b${two}` : eight || old ? `0o${eight ?? old}` : sixteen ? `0x${sixteen}` : (ten ?? '0')
    ).replaceAll('_', '');
    if (!/[0-9a-f]$/i.test(digits) || /^0[box]$/.test(digits)) return undefined;
    const size = BigInt(digits);
    if (size <= (sign === '-' ? 2n ** 63n : 2n ** 64n - 1n)) return `${sign === '-' && size !== 0n ? '-' : ''}${size}`;
    // what has no room in 64 bits is a fraction where its digits are decimal, else a text
    if (!old && !ten) return undefined;
  }
  if (/^[-+]?\.(inf|Inf|INF)$/.test(raw)) return raw.startsWith('-') ? '-Inf' : '+Inf';
  if (/^\.(nan|NaN|NAN)$/.test(raw)) return 'NaN';
  const value = float.test(raw) ? Number(raw.replaceAll('_', '')) : Number.NaN;
  return Number.isFinite(value) ? shortest(value) : undefined;
}

/** The shortest decimal that reads back the same, with an exponent from 1e+06 on and below 1e-04 (Go's strconv, 'g'). */
function shortest(value: number): string {
  if (Object.is(value, -0)) return '-0';
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return value.toString();
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** A boolean as Compose takes it: also the words of YAML 1.1, in quotes or not. */
export function flagOf(tree: Tree | undefined): boolean | undefined {
  if (tree?.kind !== 'scalar') return undefined;
  if (typeof tree.value === 'boolean') return tree.value;
  const word = String(tree.value).toLowerCase();
  if (['true', '1', 't', 'y', 'yes', 'on'].includes(word)) return true;
  return ['false', '0', 'f', 'n', 'no', 'off'].includes(word) ? false : undefined;
}

/** A number, also one in quotes or out of a variable. */
export function numberOf(tree: Tree | undefined): number | undefined {
  const text = textOf(tree)?.trim();
  if (text === undefined || text === '' || !/^[-+]?[0-9.]/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}
