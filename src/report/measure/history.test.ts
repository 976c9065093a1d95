import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { measureHistory } from '../../../test/rig/measure-report.ts';
import { readHistory } from './history.ts';

const machine = { platform: 'linux', release: '6.1', arch: 'x64', cpus: 2, cpu: 'A' };
const measured = (more: object): string =>
  JSON.stringify({
    schema: 1,
    kind: 'measure',
    time: '2026-01-02T00:00:00Z',
    metrics: [],
    machine,
    versions: { camp: '1' },
    ...more,
  });

describe('readHistory', () => {
  const history = readHistory(measureHistory);

  test('measurements, the configuration and each up are series of their own, in this order', () => {
    expect(history.series.map(({ name, unit, points }) => `${name} ${unit} ${points.length}`)).toEqual([
      'time to first request ms 9',
      'time to first request, cold ms 9',
      'time to reload: orders ms 9',
      'lines, all files count 9',
      'directives, all files count 9',
      'each camp up: first request ms 4',
    ]);
  });

  test('points are in the order of time, whatever the order of the lines', () => {
    const times = readHistory([...measureHistory].reverse()).series.map(({ points }) => points.map(({ time }) => time));
    expect(times).toEqual(history.series.map(({ points }) => points.map(({ time }) => time).sort()));
    expect(times[0]).not.toEqual([]);
  });

  test('what cannot be read is counted, blank lines are not', () => {
    expect(history.skipped).toBe(3);
    expect(readHistory(['', '  ', '\n'])).toEqual({ series: [], machines: [], skipped: 0 });
  });

  test('a machine is the same with another kernel, and another with another processor', () => {
    const lines = ['A', 'A', 'B', 'A'].map((cpu, at) =>
      measured({
        time: `2026-01-0${at + 1}T00:00:00Z`,
        machine: { ...machine, cpu, release: `6.${at}` },
        metrics: [{ id: 'timeToStopMs', median: 2, min: 1, max: 3 }],
      }),
    );
    const { machines, series } = readHistory(lines);
    expect(machines).toEqual(['linux x64, 2 × A', 'linux x64, 2 × B']);
    expect(series[0]!.points.map((point) => point.machine)).toEqual([0, 0, 1, 0]);
  });

  test.each([
    ['half of a line', '{"schema":1,'],
    ['no object', '[1]'],
    ['another schema', measured({ schema: 2 })],
    ['an unknown kind', measured({ kind: 'guess' })],
    ['no time', measured({ time: 'soon' })],
    ['no machine', measured({ machine: null })],
    ['metrics that are no list', measured({ metrics: {} })],
  ])('%s is skipped', (_, line) => {
    expect(readHistory([line])).toEqual({ series: [], machines: [], skipped: 1 });
  });

  test('a converge is no start: it is neither shown nor counted as broken', () => {
    const line = JSON.stringify({
      schema: 1,
      kind: 'converge',
      time: '2026-01-02T00:00:00Z',
      timeToFirstRequestMs: 3,
      machine,
    });
    expect(readHistory([line])).toEqual({ series: [], machines: [], skipped: 0 });
  });

  test('a figure that cannot be one is left out, the others of its line stay', () => {
    const metrics = [
      { id: 'timeToStopMs', median: 5, min: 6, max: 7 },
      { id: 'timeToScaleMs', median: '5', min: 5, max: 5 },
      { id: 'toString', median: 5, min: 5, max: 5 },
      null,
      { id: 'memoryBytes', median: 5, min: 4, max: 6 },
    ];
    const { series, skipped } = readHistory([measured({ metrics, configuration: { lines: -1, directives: 3 } })]);
    expect(series.map(({ name, unit }) => `${name} ${unit}`)).toEqual(['memory bytes', 'directives, all files count']);
    expect(skipped).toBe(0);
  });

  test('an up whose first request never came has no point', () => {
    const up = (ms: number | null) =>
      JSON.stringify({ schema: 1, kind: 'up', time: '2026-01-02T00:00:00Z', timeToFirstRequestMs: ms, machine });
    expect(readHistory([up(null), up(12)]).series.map(({ points }) => points.map(({ median }) => median))).toEqual([
      [12],
    ]);
  });

  test('whatever the lines are, it reads or counts each', () => {
    const anything = fc.oneof(fc.string(), fc.json(), fc.constantFrom(...measureHistory));
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 20 }), (lines) => {
        const { series, skipped, machines } = readHistory(lines);
        expect(skipped).toBeLessThanOrEqual(lines.length);
        for (const { points } of series) for (const point of points) expect(machines[point.machine]).toBeDefined();
      }),
    );
  });
});
