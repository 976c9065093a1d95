import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { measureReport } from '../../../test/rig/measure-report.ts';
import { CampError, type Failure } from '../../kit/failure.ts';
import { baselineOf } from '../../stopwatch/records.ts';
import { figureOf } from '../../stopwatch/statistics.ts';
import { metricIds } from '../../stopwatch/types.ts';
import { baselineFile, baselineNotes, parseBaseline, printBaseline, readBaseline, writeBaseline } from './baseline.ts';

const rig = mkdtempSync(join(tmpdir(), 'camp-baseline-'));
afterAll(() => rmSync(rig, { recursive: true, force: true }));
let folders = 0;
function folder(): string {
  const dir = join(rig, String(folders++));
  mkdirSync(dir);
  return dir;
}

const made = baselineOf(measureReport);
const baseline = {
  ...made,
  metrics: made.metrics.toSorted(
    (a, b) =>
      metricIds.indexOf(a.id) - metricIds.indexOf(b.id) || (a.subject ?? '').localeCompare(b.subject ?? '', 'en'),
  ),
};
const written = printBaseline(baseline);

function refusalOf(text: string): Failure {
  try {
    parseBaseline({ name: baselineFile, text });
  } catch (error) {
    if (error instanceof CampError && error.failures.length === 1 && error.failures[0]) return error.failures[0];
    throw error;
  }
  throw new Error('it was taken');
}

describe('writing', () => {
  test('what is written is read again, and written the same', () => {
    const dir = folder();
    expect(writeBaseline(dir, baseline)).toBe(join(dir, 'measure.baseline.json'));
    const read = readBaseline(dir);
    expect(read).toEqual(baseline);
    expect(readFileSync(join(dir, baselineFile), 'utf8')).toBe(printBaseline(read ?? baseline));
  });

  test('a metric a line, in one order, whatever the order of the report', () => {
    const lines = written.split('\n').filter((line) => line.includes('"id"'));
    expect(lines.length).toBe(baseline.metrics.length);
    expect(lines.length).toBeGreaterThan(5);
    expect(printBaseline({ ...baseline, metrics: baseline.metrics.toReversed() })).toBe(written);
    const versions = Object.fromEntries(Object.entries(baseline.versions).reverse());
    expect(printBaseline({ ...baseline, versions })).toBe(written);
  });

  test('one value that changes is one line that changes', () => {
    const [head, ...rest] = baseline.metrics;
    if (!head) throw new Error('no metric');
    const other = { ...head, figure: figureOf([1, 2, 3]) };
    const changed = printBaseline({ ...baseline, metrics: [other, ...rest] }).split('\n');
    expect(changed.filter((line, at) => line !== written.split('\n')[at])).toHaveLength(1);
  });

  test('says of the machine what makes it fast, and neither whose it is nor where', () => {
    expect(Object.keys(JSON.parse(written).machine)).toEqual([
      'platform',
      'release',
      'arch',
      'cpus',
      'cpu',
      'memoryBytes',
    ]);
    expect(written).not.toContain('loadAverage');
    expect(written).not.toMatch(/"\/|hostname/i);
  });

  test('a baseline with nothing in it', () => {
    const empty = { ...baseline, versions: {}, configuration: null, metrics: [] };
    expect(parseBaseline({ name: 'x', text: printBaseline(empty) })).toEqual(empty);
  });

  test('a link is replaced, and what it leads to stays as it is', () => {
    const dir = folder();
    const other = join(folder(), 'other.json');
    writeFileSync(other, 'mine');
    symlinkSync(other, join(dir, baselineFile));
    writeBaseline(dir, baseline);
    expect(readFileSync(other, 'utf8')).toBe('mine');
    expect(readBaseline(dir)).toEqual(baseline);
  });
});

describe('reading', () => {
  test('none is none', () => {
    expect(readBaseline(folder())).toBeNull();
  });

  test('files that are no text of a sensible size', () => {
    const huge = folder();
    writeFileSync(join(huge, baselineFile), `{"schema":1,"time":"${'x'.repeat(1_000_000)}"}`);
    const binary = folder();
    writeFileSync(join(binary, baselineFile), Buffer.from([0xff, 0xfe, 0x00]));
    const directory = folder();
    mkdirSync(join(directory, baselineFile));
    for (const dir of [huge, binary, directory])
      expect(() => readBaseline(dir)).toThrow(
        expect.objectContaining({ exitCode: 3, failures: [expect.objectContaining({ code: 'BASELINE_INVALID' })] }),
      );
  });

  test('what is no JSON is marked where it ends to be', () => {
    expect(refusalOf('{\n  "schema": 1,\n  oops\n}')).toMatchObject({
      ...{ fault: 'project', code: 'BASELINE_INVALID', message: 'the baseline is no JSON' },
      source: { file: 'measure.baseline.json', line: 3, col: 3 },
    });
    expect(refusalOf('{"schema": 1').source).toMatchObject({ line: 1 });
    expect(refusalOf('').source).toMatchObject({ line: 1, col: 1 });
    expect(refusalOf('\ufeff{}').message).toBe('the baseline is no JSON');
  });

  test('a conflict of git is called so', () => {
    const lines = written.split('\n');
    const text = [
      ...lines.slice(0, 3),
      '<<<<<<< HEAD',
      lines[3],
      '=======',
      lines[3],
      '>>>>>>> other',
      ...lines.slice(4),
    ].join('\n');
    expect(refusalOf(text)).toMatchObject({
      message: 'the baseline has a conflict of git in it',
      source: { line: 4, col: 1 },
    });
  });

  // what is replaced by what, the message, and the place of what replaced it
  test.each([
    ['"schema": 1', '"schema": 2', 'the baseline is of another version of camp: its schema is not 1'],
    ['"unit": "ms"', '"unit": "hours"', 'the unit of a metric must be ms, bytes or requests'],
    [/"values": \[[^\]]*\]/, '"values": []', 'the metric has no value'],
    [/"values": \[[^\]]*\]/, '"values": [1, -2]', 'metrics.values must be a number that is not negative'],
    [/"values": \[[^\]]*\]/, '"values": [1, "2"]', 'metrics.values must be a number that is not negative'],
    [/"values": \[[^\]]*\]/, '"values": [1e999]', 'metrics.values must be a number that is not negative'],
    [/"values": \[[^\]]*\]/, '"values": {"length": 1}', 'metrics.values must be a list'],
    [/"values": \[[^\]]*\]/, `"values": [${new Array(1001).fill(1)}]`, 'metrics.values has more than 1000 entries'],
    [/"time": "[^"]*"/, '"time": 3', 'time must be a text'],
    [/"time": "[^"]*"/, `"time": "${'x'.repeat(201)}"`, 'time is longer than 200 characters'],
    [/"machine": \{[^}]*\}/, '"machine": null', 'machine must be an object'],
    [/"cpus": \d+/, '"cpus": "many"', 'machine.cpus must be a number that is not negative'],
    [/"versions": \{[^}]*\}/, '"versions": {"camp": {}}', 'versions.camp must be a text'],
    [/"lines": \d+/, '"lines": null', 'configuration.lines must be a number that is not negative'],
    [/"id": "[^"]*"/, '"id": 7', 'metrics.id must be a text'],
  ])('%s → %s', (from, to, message) => {
    const text = written.replace(from, to);
    expect(text).not.toBe(written);
    const refusal = refusalOf(text);
    expect(refusal).toMatchObject({
      code: 'BASELINE_INVALID',
      message,
      hints: ['rm measure.baseline.json && camp measure --record'],
    });
    // the value of the key, or a part of it
    const line = text.split('\n')[(refusal.source?.line ?? 0) - 1] ?? '';
    const begin = line.indexOf(to) + to.indexOf(':');
    expect(refusal.source?.col).toBeGreaterThan(begin);
    expect(refusal.source?.col).toBeLessThanOrEqual(line.indexOf(to) + to.length);
  });

  test('a metric that is there twice, and one that a later camp wrote', () => {
    const [head] = written.split('\n').filter((line) => line.includes('"id"'));
    expect(refusalOf(written.replace(head ?? '', `${head}\n${head}`)).message).toBe('the metric is there twice');
    const later = written.replace(/"id": "timeToFirstRequestMs"/, '"id": "timeToSomethingNewMs"');
    expect(parseBaseline({ name: 'x', text: later }).metrics.length).toBe(baseline.metrics.length - 1);
  });

  test('names that JavaScript knows are names like others', () => {
    const text = written.replace(/"versions": \{/, '"versions": { "__proto__": "1", "constructor": "2", ');
    const { versions } = parseBaseline({ name: 'x', text });
    expect(Object.entries(versions)).toEqual(
      expect.arrayContaining([
        ['__proto__', '1'],
        ['constructor', '2'],
      ]),
    );
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });

  test('whatever the text, it is a baseline or a refusal with a place', () => {
    const bits = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '1', 'null', '\n', '\t', '\\', '\u2028', '[[[[');
    fc.assert(
      fc.property(
        fc.nat({ max: written.length }),
        fc.array(bits, { minLength: 1, maxLength: 5 }),
        fc.nat({ max: 40 }),
        (at, inserted, cut) => {
          const text = written.slice(0, at) + inserted.join('') + written.slice(at + cut);
          try {
            parseBaseline({ name: baselineFile, text });
          } catch (error) {
            expect(error).toBeInstanceOf(CampError);
            const [failure] = (error as CampError).failures;
            expect(failure?.code).toBe('BASELINE_INVALID');
            expect(failure?.source?.line).toBeLessThanOrEqual(text.split('\n').length);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('deeply nested text is refused, too', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(refusalOf(written.replace(/"machine": \{[^}]*\}/, `"machine": ${deep}`)).code).toBe('BASELINE_INVALID');
  });
});

test('a baseline of another machine is said to be one', () => {
  expect(baselineNotes(measureReport, null)).toEqual([]);
  expect(baselineNotes(measureReport, baseline)).toEqual([]);
  const machine = { ...baseline.machine, release: 'later', memoryBytes: 1 };
  expect(baselineNotes(measureReport, { ...baseline, machine })).toEqual([]);
  const [note] = baselineNotes(measureReport, { ...baseline, machine: { ...machine, cpu: 'Another 9000', cpus: 64 } });
  expect(note).toContain('another machine (64 x Another 9000, linux x64; this one: ');
});
