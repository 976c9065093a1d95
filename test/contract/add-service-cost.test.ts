import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { machineOf } from '../../src/camp/measure/machine.ts';
import { addServiceTo, init } from '../../src/camp/scaffold.ts';
import { loadProject } from '../../src/project/load.ts';
import { measureConfiguration } from '../../src/project/size/measure.ts';
import { recordOf } from '../../src/stopwatch/records.ts';
import { measureReport } from '../rig/measure-report.ts';

let root: string;
let dir: string;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'camp-cost-'));
  dir = join(root, 'shop');
  await init({ dir, starter: 'hello' }, false);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
const add = async (name: string, template: string, isDryRun = false) =>
  (await addServiceTo({ dir, name, template, env }, isDryRun)).notes;

function measured() {
  const { project } = loadProject(dir, { env });
  if (!project) throw new Error('the project cannot be read');
  return measureConfiguration(project);
}

/** The figures of the notes. */
function figuresOf(notes: readonly string[]) {
  const all = notes.join('\n');
  const number = (pattern: RegExp) => Number(pattern.exec(all)?.[1] ?? Number.NaN);
  return {
    hops: all.includes('no hop') ? 0 : number(/\+(\d+) hops?/),
    lines: number(/\+(\d+) lines? of configuration/),
    parts: number(/(\d+) moving parts/),
  };
}

test.each([
  ['node', 1, 1],
  ['python', 1, 1],
  ['static', 0, 0],
  // its database and its broker come with it
  ['worker', 2, 3],
])(
  'what a service of the template %s costs is what the project has more than before',
  async (template, hops, parts) => {
    const before = measured();
    const notes = await add('orders', template);
    const after = measured();
    expect(figuresOf(notes)).toEqual({
      hops,
      lines:
        after.services.reduce((sum, { lines }) => sum + lines, 0) -
        before.services.reduce((sum, { lines }) => sum + lines, 0),
      parts: before.movingParts.length + parts,
    });
    expect(after.movingParts.length).toBe(before.movingParts.length + parts);
    const share = (n: number) => `${(0.999 ** n * 100).toFixed(2)} %`;
    const said = `${share(after.movingParts.length)} instead of ${share(before.movingParts.length)}`;
    expect(notes.join('\n').includes(said)).toBe(parts > 0);
  },
);

test('lines are all that the files have more, but for what services share', async () => {
  const before = measured().total.lines;
  const { lines } = figuresOf(await add('orders', 'node'));
  expect(lines).toBeGreaterThan(0);
  expect(measured().total.lines - before).toBe(lines);
});

test('milliseconds and memory are there only where this machine measured them', async () => {
  expect((await add('one', 'node')).join('\n')).not.toMatch(/a call|MB/);
  const { loadAverage: _, ...machine } = machineOf(0);
  const whatIf = {
    ...{ of: 'a service', hops: 1, lines: 1 },
    millisecondsPerCall: { values: [0.62], median: 0.62, min: 0.62, max: 0.62 },
    memoryBytes: { values: [51e6], median: 51e6, min: 51e6, max: 51e6 },
    movingParts: { before: 1, after: 2 },
    availability: { before: 1, after: 1 },
  };
  const record = recordOf({ ...measureReport, whatIf }, undefined);
  mkdirSync(join(dir, '.camp'), { recursive: true });
  const history = join(dir, '.camp', 'metrics.jsonl');
  writeFileSync(history, `${JSON.stringify({ ...record, machine: { ...machine, cpu: 'another' } })}\n`);
  expect((await add('two', 'node')).join('\n')).not.toMatch(/a call|MB/);
  appendFileSync(history, `${JSON.stringify({ ...record, machine })}\n`);
  expect((await add('three', 'node')).join('\n')).toContain('+0.6 ms a call, +51 MB, ');
});

test('nothing is said of what was not added', async () => {
  expect((await add('orders', 'node', true)).join('\n')).not.toContain('what it costs');
  await add('orders', 'node');
  expect((await add('orders', 'node')).join('\n')).not.toContain('what it costs');
});

test('a project that cannot be read gets its service, and no note', async () => {
  writeFileSync(join(dir, '.env'), 'this is no line of an env file\n');
  const notes = await add('orders', 'node');
  expect(notes.join('\n')).not.toContain('what it costs');
  expect(readFileSync(join(dir, 'compose.yaml'), 'utf8')).toContain('build: services/orders');
});
