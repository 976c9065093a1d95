import { isNull, type Tree } from '../../tree.ts';
import { flagOf, isWrittenInteger, isWrittenNumber, numberOf, textOf } from '../scalars.ts';
import { byteSize, durationMs } from '../units.ts';
import { durationText, single } from './numbers.ts';
import type { Json, ModelContext } from './types.ts';

/** Prints a value as Compose does; undefined where Compose leaves its key out. */
export type Print = (tree: Tree, context: ModelContext) => Json | undefined;

/** The keys of a map that Compose prints, by their printers. */
export type Fields = Readonly<Record<string, Print>>;

/** A map with fixed keys, `always` has those that stand there even when nothing is written. */
export function struct(fields: Fields, always: Readonly<Record<string, Json>> = {}): Print {
  const printers = new Map(Object.entries(fields));
  return (tree, context) => {
    if (tree.kind !== 'table') return isNull(tree) ? undefined : always;
    const printed: [string, Json][] = Object.entries(always);
    for (const [key, { value }] of tree.entries) {
      const json = printers.get(key)?.(value, context);
      if (json !== undefined) printed.push([key, json]);
    }
    return Object.fromEntries(printed);
  };
}

/** A map whose keys the author chose; `nothing` is what stands for an empty value. */
export function mapOf(print: Print, nothing: Json | undefined = null): Print {
  return (tree, context) => {
    if (tree.kind !== 'table' || tree.entries.size === 0) return undefined;
    const printed = [...tree.entries].flatMap(([key, { value }]): [string, Json][] => {
      const json = isNull(value) ? nothing : print(value, context);
      return json === undefined ? [] : [[key, json]];
    });
    return Object.fromEntries(printed);
  };
}

/** A list; what is no list counts as its only item. */
export function listOf(print: Print): Print {
  return (tree, context) => {
    const items = tree.kind === 'list' ? tree.items : isNull(tree) ? [] : [tree];
    return filled(items.map((item) => print(item, context) ?? null));
  };
}

/** Empty lists and maps are left out. */
export function filled(json: readonly Json[]): Json | undefined {
  return json.length === 0 ? undefined : json;
}

export const text: Print = (tree) => textOf(tree) || undefined;
/** A text in a list, where an empty one counts. */
export const word: Print = (tree) => textOf(tree) ?? '';
export const texts: Print = listOf(word);
/** Without the empty ones. */
export const usedTexts: Print = (tree, context) => {
  const items = tree.kind === 'list' ? tree.items : [tree];
  return filled(items.flatMap((item) => text(item, context) ?? []));
};

export const writtenFlag: Print = (tree) => flagOf(tree);
/** Only when it is true. */
export const flag: Print = (tree) => flagOf(tree) || undefined;

export const writtenWhole: Print = (tree) => {
  const value = numberOf(tree);
  return value === undefined ? undefined : Math.trunc(value);
};
export const whole: Print = (tree, context) => writtenWhole(tree, context) || undefined;
/** Compose keeps fractions in 32 bits. */
export const fraction: Print = (tree) => single(numberOf(tree) ?? 0) || undefined;

/** Bytes in digits, as a text; a number that is written with a fraction or an exponent counts as nothing. */
export const writtenBytes: Print = (tree) => {
  if (tree.kind !== 'scalar') return '0';
  if (isWrittenNumber(tree)) return isWrittenInteger(tree) ? (textOf(tree) ?? '0') : '0';
  return String(byteSize(textOf(tree) ?? '') ?? 0);
};
export const bytes: Print = (tree, context) => {
  const size = writtenBytes(tree, context);
  return size === '0' ? undefined : size;
};

export const writtenDuration: Print = (tree) => durationText(durationMs(textOf(tree) ?? '') ?? 0);
export const duration: Print = (tree, context) => {
  const printed = writtenDuration(tree, context);
  return printed === '0s' ? undefined : printed;
};

/** Keys that Compose reads without printing them. */
export const unprinted: Print = () => undefined;
