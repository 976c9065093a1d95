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

/** The parts that are named, with commas or again; all but the cold start where none is. Throws INVALID_PART (usage). */
export function partsOf(words: readonly string[]): ReadonlySet<Part> {
  const named = words.flatMap((word) => word.split(',')).filter(Boolean);
  if (named.length === 0) return new Set(parts.filter((part) => part !== 'cold'));
  return new Set(
    named.map((name) => {
      const part = parts.find((one) => one === name);
      if (part) return part;
      const meant = nearest(name, parts);
      return fail('usage', 'INVALID_PART', `"${name}" is nothing that can be measured`, {
        hints: [meant ? `did you mean ${meant}?` : `--only ${parts.join(', ')}`],
      });
    }),
  );
}
