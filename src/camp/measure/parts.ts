import { fail } from '../../kit/failure.ts';
import { nearest } from '../../kit/nearest.ts';

/** What can be measured by itself, by the names of `--only`. */
export const parts = [
  'first-request',
  'cold',
  'ready',
  'trace',
  'message',
  'memory',
  'reload',
  'recover',
  'scale',
  'add-service',
  'stop',
  'configuration',
] as const;
export type Part = (typeof parts)[number];

/** The parts that are named, with commas or again; all where none is, the cold start only when it is asked for. Throws INVALID_PART (usage). */
export function partsOf(words: readonly string[], isCold: boolean): ReadonlySet<Part> {
  const named = words.flatMap((word) => word.split(',')).filter(Boolean);
  const found = named.length === 0 ? parts.filter((part) => part !== 'cold') : named.map(partOf);
  return new Set([...found, ...(isCold ? (['cold'] as const) : [])]);
}

function partOf(name: string): Part {
  const part = parts.find((one) => one === name);
  if (part) return part;
  const meant = nearest(name, parts);
  return fail('usage', 'INVALID_PART', `"${name}" is nothing that can be measured`, {
    hints: [meant ? `did you mean ${meant}?` : `--only ${parts.join(', ')}`],
  });
}
