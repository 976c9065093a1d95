import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { bareReport, measureHistory, measureReport } from '../../../test/rig/measure-report.ts';
import { recordOf } from '../../stopwatch/records.ts';
import { commitOf, historyLines, measureRecords, recordMeasure } from './record.ts';

const rig = mkdtempSync(join(tmpdir(), 'camp-record-'));
afterAll(() => rmSync(rig, { recursive: true, force: true }));
let dir = rig;
beforeEach(() => {
  dir = mkdtempSync(join(rig, 'one-'));
});

const commit = '0123456789abcdef0123456789abcdef01234567';

describe('the history', () => {
  test('what is recorded is read again, oldest first, a line each', () => {
    const file = join(dir, 'metrics.jsonl');
    const troubles: string[] = [];
    recordMeasure(file, measureReport, commit, (trouble) => troubles.push(trouble));
    recordMeasure(file, { ...bareReport, time: '2027-01-01T00:00:00.000Z' }, undefined, (trouble) =>
      troubles.push(trouble),
    );
    expect(troubles).toEqual([]);
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(3);
    expect(statSync(file).mode & 0o077).toBe(0);
    const records = measureRecords(historyLines(file));
    expect(records).toEqual([
      recordOf(measureReport, commit),
      recordOf({ ...bareReport, time: '2027-01-01T00:00:00.000Z' }, undefined),
    ]);
    expect(records[0]).toMatchObject({
      schema: 1,
      kind: 'measure',
      commit,
      configuration: { lines: measureReport.configuration?.total.lines },
    });
    expect(records[0]?.metrics[0]).toMatchObject({ id: 'timeToFirstRequestMs', median: expect.any(Number) });
    expect(records[0]?.metrics[0]).not.toHaveProperty('values');
    expect(records[1]).not.toHaveProperty('commit');
  });

  test('broken lines, other kinds and other schemas are left out', () => {
    const good = measureHistory.filter(
      (line) => line.includes('"kind":"measure"') && line.endsWith('}') && line.includes('"schema":1'),
    );
    expect(good.length).toBeGreaterThan(5);
    expect(measureRecords(measureHistory)).toHaveLength(good.length);
    const record = JSON.stringify(recordOf(measureReport, commit));
    const broken = [
      record.slice(0, -1),
      record.replace('"time":"2026', '"time":"\\u001b[2J'),
      record.replace(commit, '$(reboot)'),
      record.replace(/"median":[\d.]+/, '"median":"fast"'),
      record.replace('"schema":1', '"schema":2'),
      record.replace(/"machine":\{[^}]*\}/, '"machine":null'),
      record.replace(/"lines":\d+/, '"lines":[]'),
      '"measure"',
      'null "measure"',
    ];
    for (const line of broken) expect(line).not.toBe(record);
    expect(measureRecords(broken)).toEqual([]);
  });

  test('a long one is read from its end, by whole lines', () => {
    const file = join(dir, 'metrics.jsonl');
    const line = JSON.stringify(recordOf(measureReport, commit));
    const count = Math.ceil(9_000_000 / (line.length + 1));
    writeFileSync(file, `${line}\n`.repeat(count));
    appendFileSync(file, `${JSON.stringify(recordOf(bareReport, undefined))}\n`);
    const records = measureRecords(historyLines(file));
    expect(records.length).toBeLessThan(count);
    expect(records.length).toBeGreaterThan(count / 2);
    expect(records.at(-1)).toEqual(recordOf(bareReport, undefined));
  });

  test('no file, or something that is none, is no history', () => {
    expect(historyLines(join(dir, 'missing'))).toEqual([]);
    expect(historyLines(dir)).toEqual([]);
  });

  test('a place that cannot be written costs the record, and is told', () => {
    const troubles: string[] = [];
    mkdirSync(join(dir, 'metrics.jsonl'));
    recordMeasure(join(dir, 'metrics.jsonl'), measureReport, commit, (trouble) => troubles.push(trouble));
    expect(troubles).toEqual([`the figures could not be recorded in ${join(dir, 'metrics.jsonl')} (EISDIR)`]);
  });
});

describe('the commit', () => {
  test('is what git has checked out, and none where there is none', async () => {
    const git = (...words: readonly string[]) =>
      execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.com', ...words], {
        cwd: dir,
        encoding: 'utf8',
      });
    expect(await commitOf(dir)).toBeUndefined();
    git('init', '-q');
    expect(await commitOf(dir)).toBeUndefined();
    git('commit', '-q', '--allow-empty', '-m', 'one');
    expect(await commitOf(dir)).toBe(git('rev-parse', 'HEAD').trim());
    expect(await commitOf(join(dir, 'missing'))).toBeUndefined();
  });
});
