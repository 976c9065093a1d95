import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { checkShape } from '../../src/project/compose/check.ts';
import { composeShape, type Shape } from '../../src/project/compose/shape.ts';
import { growTree } from '../../src/project/tree.ts';
import { seed } from '../rig/seed.ts';
import { askCompose, hasCompose } from './compose-model-rig.ts';
import { placeOf, type Schema, schema } from './compose-schema-node.ts';
import { shapeAt, type Value, valuesAt } from './compose-values.ts';

/**
 * Where camp's table differs from the schema, by path and by what differs. Compose 2.40 takes less than its schema
 * says where a key is read into a narrower type; the model's own tests show that it does.
 */
const exceptions: ReadonlyMap<string, string> = new Map([
  // read as unsigned numbers, which no text can become
  ['services.*.blkio_config.weight types', 'integer'],
  ['services.*.blkio_config.weight_device.[].weight types', 'integer'],
  ['services.*.volumes.[].tmpfs.mode types', 'number'],
  ['services.*.build.ulimits.* types', 'integer,object'],
  ['services.*.build.ulimits.*.soft types', 'integer'],
  ['services.*.build.ulimits.*.hard types', 'integer'],
  // a fraction has no meaning
  ['services.*.expose.[] types', 'integer,string'],
  ['services.*.group_add.[] types', 'integer,string'],
  ['services.*.ports.[] types', 'integer,object,string'],
  ['services.*.secrets.[].mode types', 'integer,string'],
  ['services.*.configs.[].mode types', 'integer,string'],
  ['services.*.build.secrets.[].mode types', 'integer,string'],
  ['secrets.*.driver_opts.* types', 'integer,string'],
  // unsigned numbers
  ['services.*.healthcheck.retries range', '0..Infinity'],
  ['services.*.ports.[].target range', '0..Infinity'],
  ...[
    'update_config.parallelism',
    'rollback_config.parallelism',
    'restart_policy.max_attempts',
    'placement.max_replicas_per_node',
  ].map((each) => [`services.*.deploy.${each} range`, '0..Infinity'] as const),
  ['services.*.develop.watch.[].path pattern', '.'],
  // the schema says nothing of the values, Compose reads them as texts
  ['services.*.storage_opt names', 'any'],
  // Compose drops unknown keys in these without a word; camp reports them
  ['services.*.gpus.[] unknown', 'refused'],
  ['secrets.*.external unknown', 'refused'],
  ['configs.*.external unknown', 'refused'],
  ['secrets.*.external notes', 'allowed'],
  ['configs.*.external notes', 'allowed'],
  ['services.*.gpus.[] notes', 'allowed'],
  // names of services are checked where services are read, with a better sentence
  ['services names', 'any'],
  ['services unknown', 'allowed'],
  // camp's own
  ['the file keys', 'x-camp'],
  ['services.* keys', 'x-camp'],
]);

const sorted = (names: Iterable<string>) => [...names].sort().join(',');

/** What there is to say about one place, in both tables in the same words. */
function said(given: Schema): Readonly<Record<string, string>> {
  const { types, words, pattern, range, isUnique, keys, required, free, isShut, hasNotes } = placeOf(given);
  const isMap = keys !== undefined || free !== undefined;
  return {
    types: sorted(types),
    words: sorted(words ?? []),
    pattern: pattern ?? '',
    range: range ? range.join('..') : '',
    unique: String(isUnique),
    keys: sorted(Object.keys(keys ?? {})),
    required: sorted(required),
    names: usual(free?.[0]),
    unknown: isMap && (free ? isShut && !matchesAll(free[0]) : isShut) ? 'refused' : 'allowed',
    notes: keys && isShut && !hasNotes ? 'refused' : 'allowed',
  };
}

function ourWords(shape: Shape): Readonly<Record<string, string>> {
  const {
    scalar = [],
    words,
    pattern,
    range,
    items,
    isUnique,
    keys,
    values,
    required,
    names,
    isOpen,
    isClosed,
  } = shape;
  const types = [...scalar, ...(items ? ['array'] : []), ...(keys || values ? ['object'] : [])];
  return {
    types: sorted(types),
    words: sorted(words ?? []),
    pattern: pattern?.source ?? '',
    range: range ? range.join('..') : '',
    unique: String(isUnique ?? false),
    keys: sorted(keys?.keys() ?? []),
    required: sorted(required ?? []),
    names: values ? usual(names?.source) : usual(undefined),
    unknown: keys || (values && names && !isOpen && !matchesAll(names.source)) ? 'refused' : 'allowed',
    notes: keys && isClosed ? 'refused' : 'allowed',
  };
}

/** `^.+$` and `.+` are all names but the empty one. */
function matchesAll(names: string): boolean {
  return /^\^?\.\+\$?$/.test(names);
}
function usual(names: string | undefined): string {
  return names === undefined || matchesAll(names) ? 'any' : names;
}

const differences: string[] = [];
const met = new Set<string>();
let places = 0;

function compare(theirs: Schema, ours: Shape, path: string): void {
  places++;
  const [there, here] = [said(theirs), ourWords(ours)];
  for (const [what, value] of Object.entries(there)) {
    const key = `${path} ${what}`;
    const own = here[what] ?? '';
    const excepted = exceptions.get(key);
    if (excepted !== undefined) met.add(key);
    const isSame =
      excepted === undefined
        ? own === value
        : own === excepted ||
          own === [value, excepted].filter(Boolean).sort().join(',') ||
          isAddition(own, value, excepted);
    if (!isSame) differences.push(`${key}: the schema has ${value || 'nothing'}, camp has ${own || 'nothing'}`);
  }
  const { keys = {}, items, free } = placeOf(theirs);
  const inside = path === 'the file' ? '' : `${path}.`;
  for (const [key, value] of Object.entries(keys)) {
    const shape = ours.keys?.get(key);
    if (shape) compare(value, shape, `${inside}${key}`);
  }
  if (items && ours.items) compare(items, ours.items, `${inside}[]`);
  if (free && ours.values) compare(free[1], ours.values, `${inside}*`);
}

/** One key more than the schema has. */
function isAddition(own: string, value: string, added: string): boolean {
  return sorted([...value.split(','), added]) === own;
}

test('every key, type and word of the schema is in the table of shapes, and nothing more', () => {
  compare(schema, composeShape, 'the file');
  expect(differences).toEqual([]);
  expect(places).toBeGreaterThan(400);
  expect([...exceptions.keys()].filter((key) => !met.has(key))).toEqual([]);
});

const rig = realpathSync(mkdtempSync(join(tmpdir(), 'camp-schema-')));
afterAll(() => rmSync(rig, { recursive: true, force: true }));

// it names its dialect by an address that ajv does not know
const { $schema: _, ...rules } = schema as Readonly<Record<string, unknown>>;
const isRight = new Ajv({ strict: false }).compile(rules);

function complaints(file: Value): readonly string[] {
  const { trees, problems } = growTree({ name: 'compose.yaml', text: JSON.stringify(file) });
  const [tree] = trees;
  const found = tree ? [...problems, ...checkShape(tree, composeShape)] : problems;
  return found.map(({ code, message }) => `${code} ${message}`);
}

/** One value somewhere in it is another one, gone, or there twice, or a key more is there. */
function mutated(value: Value): fc.Arbitrary<Value> {
  const strange: readonly Value[] = [
    null,
    true,
    -1,
    1.5,
    'strange',
    '',
    [],
    ['a', 'a'],
    [1],
    {},
    { strange: 1 },
    { 'x-note': 1 },
  ];
  const paths = pathsIn(value, []);
  return fc
    .record({ path: fc.constantFrom(...paths), by: fc.constantFrom(...strange, 'gone', 'twice') })
    .map(({ path, by }) => change(value, path, by));
}

type Path = readonly (string | number)[];

function pathsIn(value: Value, path: Path): readonly Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const entries = Array.isArray(value) ? value.map((each, i) => [i, each] as const) : Object.entries(value);
  return [path, ...entries.flatMap(([key, each]) => pathsIn(each as Value, [...path, key]))];
}

function change(value: Value, [key, ...rest]: Path, by: Value): Value {
  if (key === undefined) return isMap(value) && isMap(by) ? { ...value, ...by } : by;
  if (Array.isArray(value)) {
    const items = [...(value as readonly Value[])];
    const index = Number(key);
    if (rest.length === 0 && by === 'gone') items.splice(index, 1);
    else if (rest.length === 0 && by === 'twice') items.splice(index, 0, items[index] as Value);
    else items[index] = change(items[index] as Value, rest, by);
    return items;
  }
  const { [key]: old, ...others } = value as Readonly<Record<string, Value>>;
  if (rest.length === 0 && by === 'gone') return others;
  return { ...others, [key]: change(old as Value, rest, by) };
}

function isMap(value: Value): value is { readonly [key: string]: Value } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

const sections = ['networks', 'volumes', 'secrets', 'configs', 'models'];
const keys = [...(shapeAt('services.*').keys?.keys() ?? [])].filter((key) => key !== 'x-camp');

/** A file with one thing in it. */
const single: fc.Arbitrary<Value> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.constantFrom(...keys).chain((key) =>
      valuesAt(`services.*.${key}`)
        .chain(mutated)
        .map((value) => ({ services: { it: { image: 'x', [key]: value } } }) as Value),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...sections).chain((section) =>
      valuesAt(`${section}.*`)
        .chain(mutated)
        .map((value) => ({ services: { it: { image: 'x' } }, [section]: { it: value } }) as Value),
    ),
  },
);

describe('mutated files', () => {
  const disputed: string[] = [];

  test('what the schema refuses is refused', () => {
    let refused = 0;
    fc.assert(
      fc.property(single, (generated) => {
        // ajv compares maps with their prototypes
        const file = JSON.parse(JSON.stringify(generated)) as Value;
        const ours = complaints(file);
        const isFine = isRight(file) as boolean;
        if (!isFine) refused++;
        if (isFine && ours.length > 0) disputed.push(JSON.stringify(file));
        expect(isFine || ours.length > 0, JSON.stringify([file, isRight.errors])).toBe(true);
      }),
      { seed, numRuns: Number(process.env['SCHEMA_RUNS'] ?? 3000) },
    );
    expect(refused).toBeGreaterThan(300);
  });

  test.skipIf(!hasCompose)('what camp alone refuses is refused by Compose, too', () => {
    const some = disputed.slice(0, Number(process.env['ORACLE_RUNS'] ?? 60));
    expect(some.length).toBeGreaterThan(0);
    for (const text of some) {
      writeFileSync(join(rig, 'compose.yaml'), text);
      if (isReportedOnly(text) || hasReplacedMount(text)) continue;
      expect(askCompose(rig).model, `${text} ${complaints(JSON.parse(text))}`).toBeUndefined();
    }
  });
});

/** Of two mounts at one place Compose does not read the first, with whatever is wrong in it. */
function hasReplacedMount(text: string): boolean {
  const targets = [...text.matchAll(/"target":"([^"]*?)\/*"/g)].map(([, target]) => target);
  return new Set(targets).size < targets.length;
}

/** Unknown keys in a place where Compose drops them. */
function isReportedOnly(text: string): boolean {
  const found = complaints(JSON.parse(text) as Value);
  return found.every((each) => each.startsWith('UNKNOWN_KEY')) && /"(?:gpus|external)"/.test(text);
}
