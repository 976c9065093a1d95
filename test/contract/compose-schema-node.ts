import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** What this file reads of JSON Schema, draft 7. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly uniqueItems?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
  readonly oneOf?: readonly Schema[];
  readonly definitions?: Readonly<Record<string, Schema>>;
}

export const schema = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '..', 'schema', 'compose-spec.json'), 'utf8'),
) as Schema;

/** All alternatives of a place in one. */
export interface Place {
  readonly types: ReadonlySet<string>;
  readonly words?: readonly string[];
  readonly pattern?: string;
  readonly range?: readonly [number, number];
  readonly items?: Schema;
  readonly isUnique: boolean;
  readonly keys?: Readonly<Record<string, Schema>>;
  readonly required: readonly string[];
  /** Keys that the author chooses: what they look like, and what stands behind them. */
  readonly free?: readonly [names: string, values: Schema];
  /** Other keys are refused. */
  readonly isShut: boolean;
  /** `x-` keys are allowed although it is shut. */
  readonly hasNotes: boolean;
}

export function placeOf(given: Schema): Place {
  const all = alternatives(given);
  const find = <K extends keyof Schema>(key: K) => all.find((each) => each[key] !== undefined)?.[key];
  const map = all.find((each) => each.properties ?? each.patternProperties);
  const patterns = Object.entries(map?.patternProperties ?? {});
  const free = patterns.find(([pattern]) => pattern !== '^x-');
  const [words, pattern, keys, items] = [find('enum'), find('pattern'), find('properties'), find('items')];
  const [least, greatest] = [find('minimum'), find('maximum')];
  return {
    types: new Set(all.flatMap(({ type }) => type ?? [])),
    ...(words ? { words } : {}),
    ...(pattern ? { pattern } : {}),
    ...(least === undefined ? {} : { range: [least, greatest ?? Number.POSITIVE_INFINITY] }),
    ...(items ? { items } : {}),
    isUnique: find('uniqueItems') ?? false,
    ...(keys ? { keys } : {}),
    required: map?.required ?? [],
    ...(free ? { free } : {}),
    isShut: map?.additionalProperties === false,
    hasNotes: patterns.some(([each]) => each === '^x-'),
  };
}

function alternatives(given: Schema): readonly Schema[] {
  if (given.$ref) {
    const named = schema.definitions?.[given.$ref.replace('#/definitions/', '')];
    if (!named) throw new Error(`the schema has no ${given.$ref}`);
    return alternatives(named);
  }
  return given.oneOf ? given.oneOf.flatMap(alternatives) : [given];
}
