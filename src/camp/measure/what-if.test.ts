import { expect, test } from 'vitest';
import { measureReport } from '../../../test/rig/measure-report.ts';
import { recordOf } from '../../stopwatch/records.ts';
import { figureOf } from '../../stopwatch/statistics.ts';
import { availabilityOf, measuredSplit, splitCost, splitNotes } from './what-if.ts';

const facts = { of: 'orders', hops: 1, lines: 3, parts: { before: 4, after: 5 }, callMs: null, memory: null };

test('n parts that must all be up leave 0.999 to the n', () => {
  expect(availabilityOf(0)).toBe(1);
  expect(availabilityOf(1)).toBe(0.999);
  expect(availabilityOf(5)).toBeCloseTo(0.99500999, 8);
  expect(splitCost(facts).availability).toEqual({ before: availabilityOf(4), after: availabilityOf(5) });
});

test('the notes have what was counted, and of what is measured only what was', () => {
  const share = 'all of them up at once: 99.50 % instead of 99.60 %, if each is up 99.9 % of the time';
  expect(splitNotes(splitCost(facts))).toEqual([
    'what it costs: +1 hop, +3 lines of configuration, 5 moving parts instead of 4',
    share,
  ]);
  expect(
    splitNotes(splitCost({ ...facts, hops: 2, lines: 1, callMs: figureOf([0.7]), memory: figureOf([48e6]) })),
  ).toEqual([
    'what it costs: +2 hops, +0.7 ms a call, +48 MB, +1 line of configuration, 5 moving parts instead of 4',
    share,
  ]);
  expect(splitNotes(splitCost({ ...facts, hops: 0, parts: { before: 4, after: 4 } }))).toEqual([
    'what it costs: no hop, +3 lines of configuration, 4 moving parts as before',
  ]);
});

test('the figures are the last ones of this machine', () => {
  const whatIf = splitCost({ ...facts, callMs: figureOf([1, 2, 3]), memory: figureOf([40e6]) });
  const record = recordOf({ ...measureReport, whatIf }, undefined);
  const later = recordOf({ ...measureReport, whatIf: { ...whatIf, memoryBytes: null } }, undefined);
  const elsewhere = { ...later, machine: { ...later.machine, cpu: 'another' } };
  const without = recordOf({ ...measureReport, whatIf: null }, undefined);
  const { machine } = measureReport;
  expect(measuredSplit([record, elsewhere, without], machine)).toEqual({
    callMs: { values: [], median: 2, min: 1, max: 3 },
    memory: { values: [], median: 40e6, min: 40e6, max: 40e6 },
  });
  expect(measuredSplit([record, later], machine).memory).toBeNull();
  expect(measuredSplit([elsewhere, without], machine)).toEqual({ callMs: null, memory: null });
});
