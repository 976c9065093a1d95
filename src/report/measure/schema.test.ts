import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { bareReport, hostile, hostileReport, measureReport } from '../../../test/rig/measure-report.ts';
import { failure } from '../../kit/failure.ts';
import { type MeasureReport, metricIds, servers } from '../../stopwatch/types.ts';
import { errorJson } from '../json.ts';
import { measureFormats, renderMeasure } from './render.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
interface Shape {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: unknown;
  readonly enum?: readonly string[];
  readonly type?: string | readonly string[];
  readonly oneOf?: readonly Shape[];
  readonly $ref?: string;
}

const root = resolve(import.meta.dirname, '../../..');
const schema = JSON.parse(readFileSync(resolve(root, 'docs/measure.schema.json'), 'utf8')) as Shape & {
  readonly $defs: Readonly<Record<string, Shape>>;
};
const isRight = new Ajv2020({ strict: true, strictTypes: false, allErrors: true }).compile(schema);
const style = { hasColour: false, hasUnicode: true, width: 80, isTty: false, isLive: false };

describe('docs/measure.schema.json', () => {
  test.each<readonly [string, MeasureReport]>([
    ['the full report', measureReport],
    ['the least that a report can be', bareReport],
    ...hostile.map((text, at) => [`hostile text ${at}`, hostileReport(text)] as const),
  ])('accepts %s', (_, report) => {
    const written = JSON.parse(renderMeasure(report, 'json', { style })) as unknown;
    expect(isRight(written), JSON.stringify(isRight.errors)).toBe(true);
    expect(written).toEqual(JSON.parse(JSON.stringify(report)));
  });

  test('accepts what --json adds when something went wrong', () => {
    const failures = [
      failure('service', 'NOT_READY', 'the service "api" was not ready in time', { hints: ['camp logs api'] }),
    ];
    expect(isRight({ ...measureReport, ...errorJson(failures) }), JSON.stringify(isRight.errors)).toBe(true);
    expect(isRight({ ...measureReport, error: 'NOT_READY' })).toBe(false);
  });

  test('refuses the report when any key is gone, or one more is there', () => {
    const report = JSON.parse(JSON.stringify(measureReport)) as Json;
    const wrong = [...mutants(report)];
    expect(wrong.length).toBeGreaterThan(300);
    expect(wrong.filter(({ value }) => isRight(value)).map(({ what }) => what)).toEqual([]);
  });

  test.each([
    ['another schema', { schema: 2 }],
    ['a time that is none', { time: 'yesterday' }],
    ['a negative figure', { phases: [{ phase: 'load', subject: 'files', beginMs: -1, endMs: 2 }] }],
    ['an unknown metric', { metrics: [{ id: 'timeToMarketMs', status: 'not-applicable', reason: 'none' }] }],
    ['a figure without values', { metrics: [{ ...measureReport.metrics[0], values: [] }] }],
    ['a reason beside a figure', { metrics: [{ ...measureReport.metrics[0], reason: 'none' }] }],
    [
      'an unknown server',
      { comparison: { contenders: [], rows: [{ name: 'a', derivation: 'b', values: { iis: '1' } }] } },
    ],
    ['three load averages', { machine: { ...measureReport.machine, loadAverage: [1, 2, 3] } }],
    ['no version of camp', { versions: { node: 'v24' } }],
  ])('refuses %s', (_, more) => {
    expect(isRight({ ...measureReport, ...more })).toBe(false);
  });
});

/** The report with one key less or more, in every place; the maps of versions and of values are open. */
function* mutants(
  value: Json,
  path = '',
  rebuild = (next: Json): Json => next,
): Iterable<{ what: string; value: Json }> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    for (const [at, item] of list.entries())
      yield* mutants(item, `${path}[${at}]`, (next) => rebuild(list.with(at, next)));
    return;
  }
  const map = value as Readonly<Record<string, Json>>;
  const isOpen = /\.(versions|values)$/.test(path);
  if (!isOpen) yield { what: `${path} and one more`, value: rebuild({ ...map, unheardOf: 1 }) };
  for (const [key, item] of Object.entries(map)) {
    const { [key]: _, ...rest } = map;
    if (!isOpen && key !== 'subject' && key !== 'language') yield { what: `${path}.${key} gone`, value: rebuild(rest) };
    yield* mutants(item, `${path}.${key}`, (next) => rebuild({ ...map, [key]: next }));
  }
}

describe('the schema and the types', () => {
  const interfaces = new Map(
    ['src/stopwatch/types.ts', 'src/project/types.ts'].flatMap((file) => [
      ...interfacesOf(readFileSync(resolve(root, file), 'utf8')),
    ]),
  );
  const reached = reachable('MeasureReport');

  test('every interface of the report is a definition of the schema', () => {
    expect(reached.length).toBeGreaterThan(10);
    expect(reached.filter((name) => name !== 'MeasureReport' && !schema.$defs[name])).toEqual([]);
  });

  test.each(reached)('%s has the same keys, the same that may be absent or null, and the same words', (name) => {
    const shape = name === 'MeasureReport' ? schema : schema.$defs[name]!;
    const { extended, members } = interfaces.get(name)!;
    const inherited = extended
      ? interfaces.get(extended.name)!.members.filter(({ key }) => !extended.without.includes(key))
      : [];
    const all = [...inherited, ...members];
    const keys = Object.keys(shape.properties ?? {}).filter(
      (key) => name !== 'MeasureReport' || !/^errors?$/.test(key),
    );
    expect(keys.sort()).toEqual(all.map(({ key }) => key).sort());
    expect([...(shape.required ?? [])].sort()).toEqual(
      all
        .filter((one) => !one.isOptional)
        .map(({ key }) => key)
        .sort(),
    );
    for (const { key, type } of all) {
      const of = shape.properties![key]!;
      expect(isNullable(of), `${name}.${key} may be null`).toBe(/\| null$/.test(type));
      const words = [...type.matchAll(/'([^']+)'/g)].map((match) => match[1]);
      if (words.length > 0 && of.enum)
        expect([...of.enum].sort(), `${name}.${key}`).toEqual(expect.arrayContaining(words.sort()));
      if (/^('[^']+'( \| )?)+$/.test(type)) expect([...of.enum!].sort(), `${name}.${key}`).toEqual(words.sort());
    }
  });

  test('metrics and servers are those of the types', () => {
    expect(schema.$defs['MetricId']!.enum).toEqual(metricIds);
    expect(schema.$defs['ServerKind']!.enum).toEqual(servers);
  });

  test('the fixture has every metric, so that each is rendered by the tests', () => {
    expect(new Set(measureReport.metrics.map(({ id }) => id))).toEqual(new Set(metricIds));
  });

  /** Every interface that is named on the way from one, itself first. */
  function reachable(first: string): readonly string[] {
    const found = [first];
    for (const name of found) {
      const { members, extended } = interfaces.get(name)!;
      const text = [...members.map(({ type }) => type), extended?.name ?? ''].join(' ');
      for (const [word] of text.matchAll(/\b[A-Z]\w+\b/g)) {
        if (interfaces.has(word) && !found.includes(word)) found.push(word);
      }
    }
    return found;
  }
});

function isNullable(shape: Shape): boolean {
  return shape.type === 'null' || [shape.type ?? []].flat().includes('null') || (shape.oneOf ?? []).some(isNullable);
}

interface Interface {
  readonly extended?: { readonly name: string; readonly without: readonly string[] };
  readonly members: readonly { readonly key: string; readonly type: string; readonly isOptional: boolean }[];
}

/** The interfaces of a source as they are formatted here: a member a line, or its type up to the line that closes it. */
function interfacesOf(text: string): ReadonlyMap<string, Interface> {
  const found = new Map<string, Interface>();
  const heads = /^export interface (\w+)(?: extends Omit<(\w+), ([^>]+)>)? \{\n([\s\S]*?)^\}/gm;
  for (const [, name = '', base, without = '', body = ''] of text.matchAll(heads)) {
    const members = [...body.matchAll(/^ {2}readonly (\w+)(\?)?: ([\s\S]*?);$(?=\n {2}\S|\n*$)/gm)].map(
      ([, key = '', mark, type = '']) => ({
        key,
        type: type.trim(),
        isOptional: mark !== undefined,
      }),
    );
    const extended =
      base === undefined
        ? {}
        : { extended: { name: base, without: [...without.matchAll(/\w+/g)].map(([word]) => word) } };
    found.set(name, { ...extended, members });
  }
  return found;
}

test('json is the report itself, on one line', () => {
  const text = renderMeasure(measureReport, 'json', { style });
  expect(text).not.toContain('\n');
  expect(JSON.parse(text) as MeasureReport).toEqual(measureReport);
  expect(measureFormats).toContain('json');
});
