import { describe, expect, test } from 'vitest';
import { bareReport, hostile, hostileReport, measureReport } from '../../../test/rig/measure-report.ts';
import type { Style } from '../style.ts';
import { displayWidth } from '../width.ts';
import { renderTerminal } from './terminal.ts';

const plain: Style = { hasColour: false, hasUnicode: true, width: 80, isTty: false, isLive: false };
const text = renderTerminal(measureReport, plain);
const section = (name: string): readonly string[] =>
  text
    .split('\n\n')
    .find((part) => part.startsWith(`${name}\n`))!
    .split('\n');

describe('renderTerminal', () => {
  test('begins with the figures that one looks for', () => {
    expect(text.split('\n\n')[0]!.split('\n')).toEqual([
      '✖ shop: 5 runs of each measurement',
      '  linux 6.8.0-51-generic x64, 2 × AMD EPYC 7763, 8.2 GB, load 0.42 → 1.18',
      '  camp 0.1.0, node v24.21.0, caddy 2.11.4, nginx 1.26.3, apache 2.4.66',
      '  time to first request         1.24 s   1.23 s – 1.29 s',
      '  time to first request, cold   6.81 s   6.69 s – 7.41 s',
      '  time to reload                400 ms   inventory, 388 ms – 467 ms',
      '  time to recover               101 ms   orders, 93 ms – 114 ms',
      '  lines written by hand         41       25 generated',
      '  moving parts                  7        that run once it is up',
    ]);
  });

  test('its mark is that of its worst news', () => {
    const budgets = measureReport.budgets.filter(({ status }) => status !== 'exceeded');
    expect(renderTerminal({ ...measureReport, budgets }, plain)).toMatch(/^▲ /);
    const metrics = measureReport.metrics.filter(({ status }) => status !== 'failed');
    expect(renderTerminal({ ...measureReport, budgets, metrics }, plain)).toMatch(/^✔ /);
  });

  test('each metric has its median, its spread and its runs, or says why not', () => {
    const lines = section('time to X');
    expect(lines).toContain('  time to first request                       1.24 s   1.23 s – 1.29 s      5');
    expect(lines).toContain('  requests failed, two replicas: orders            0   always 0             5');
    expect(lines).toContain('  memory: not applicable: this system does not tell what a process uses');
    expect(lines.join(' ')).toMatch(/payments \(go\): failed: .*\(NOT_READY\)/);
  });

  test('each budget has one mark and its message', () => {
    expect(section('budgets').map((line) => line.slice(2, 20))).toEqual([
      'dgets',
      '✔ ttfr=3s  met: ti',
      '✖ lines=40  exceed',
      '▲ reload=200ms  wi',
      '  ms, which is wit',
      '• memory=700MB  no',
      '  tell what a proc',
    ]);
  });

  test('hand-written and generated files are apart, and summed apart', () => {
    const lines = section('configuration').map((line) => line.trim().split(/ {2,}/));
    expect(lines).toContainEqual(['compose.yaml', 'hand-written', '41', '16', '1']);
    expect(lines).toContainEqual(['Caddyfile', 'generated', '8', '3', '0']);
    expect(lines).toContainEqual(['hand-written', '1 file', '41', '16', '1']);
    expect(lines).toContainEqual(['generated', '3 files', '25', '10', '2']);
  });

  test('where nothing was run no runs are told', () => {
    const counted = { ...measureReport, metrics: [], comparison: null, whatIf: null };
    expect(renderTerminal(counted, plain).split('\n')[0]).toBe('✖ shop: the configuration alone');
  });

  test('what was not measured has no section', () => {
    expect(renderTerminal(bareReport, plain).split('\n')).toEqual([
      '✔ shop: 5 runs of each measurement',
      '  linux 6.8.0-51-generic x64, 2 × AMD EPYC 7763, 8.2 GB, load 0.42 → 1.18',
      '  camp 0.1.0',
      '',
      'time to X',
      '  time to first request: not applicable: no service has a route',
    ]);
  });

  test('colour changes nothing but colour, and is closed on its line', () => {
    const coloured = renderTerminal(measureReport, { ...plain, hasColour: true });
    expect(coloured).not.toBe(text);
    // a painted cell keeps the spaces that fill it, also the last of its line
    expect(coloured.replace(/\x1b\[\d+m/g, '').replace(/ +$/gm, '')).toBe(text);
  });

  test('without UTF-8 only ASCII', () => {
    expect(renderTerminal(measureReport, { ...plain, hasUnicode: false })).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test('ends no line with a space', () => {
    expect(text.split('\n').filter((line) => / $/.test(line))).toEqual([]);
  });

  const cases = [measureReport, bareReport, ...hostile.map(hostileReport)];
  test.each([40, 80, 100, 200])('no line is wider than %i columns, whatever the names are', (width) => {
    for (const report of cases) {
      for (const hasUnicode of [true, false]) {
        const lines = renderTerminal(report, { ...plain, width, hasUnicode }).split('\n');
        expect(lines.filter((line) => displayWidth(line) > width)).toEqual([]);
      }
    }
  });

  test.each(hostile.map((name, at) => [at, name]))('nothing in hostile text %i steers the terminal', (_, name) => {
    expect(renderTerminal(hostileReport(name as string), plain)).not.toMatch(
      /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200f\u061c\u202a-\u202e\u2066-\u2069]/,
    );
  });
});

describe('the waterfall', () => {
  const bars = section('where the time went, in the median run').slice(1, -2);

  test('has a line for each phase, those of the critical chain marked and drawn full', () => {
    expect(bars).toHaveLength(measureReport.phases.length);
    const critical = bars.filter((line) => line.startsWith('  ● '));
    expect(critical).toHaveLength(measureReport.criticalChain.length);
    for (const line of bars) expect(line.includes('█')).toBe(line.startsWith('  ● '));
    for (const line of bars) expect(line.includes('░')).toBe(!line.startsWith('  ● '));
  });

  test('its bars begin and end where their phases do', () => {
    const column = (line: string, sign: string): number => line.indexOf(sign);
    const find = (name: string): string => bars.find((line) => line.includes(name))!;
    const nats = find('nats until ready');
    const inventory = find('inventory until ready');
    expect(nats.lastIndexOf('░') - column(nats, '░')).toBeLessThan(inventory.lastIndexOf('░') - column(inventory, '░'));
    expect(column(find('orders first request'), '█')).toBe(Math.max(...bars.map((line) => line.search(/[█░]/))));
    expect(find('orders-db until ready')).toMatch(/ 322 ms$/);
  });
});
