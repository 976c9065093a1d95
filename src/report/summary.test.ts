import { describe, expect, test } from 'vitest';
import type { Style } from './style.ts';
import { renderStatus, renderUp, seconds } from './summary.ts';
import type { UpReport } from './types.ts';
import { displayWidth } from './width.ts';

const terminal: Style = { hasColour: false, hasUnicode: true, width: 100, isTty: true, isLive: true };

const report: UpReport = {
  project: 'shop',
  domain: 'shop.localhost',
  urls: ['https://shop.localhost'],
  services: [
    {
      name: 'web',
      placement: 'static',
      replicas: 1,
      state: 'ready',
      url: 'https://shop.localhost',
      readyMs: 210,
      pids: [],
    },
    {
      name: 'orders',
      placement: 'process',
      replicas: 2,
      state: 'ready',
      url: 'https://shop.localhost/api/orders',
      readyMs: 480,
      pids: [12, 13],
    },
    { name: 'db', placement: 'native server', replicas: 1, state: 'crash-loop', url: null, readyMs: null, pids: [] },
  ],
  edge: { https: 8443, http: 8080, pid: 11, caFile: '/ca.crt' },
  timeToFirstRequestMs: 1840,
  phases: [{ phase: 'start', subject: 'db:1', beginMs: 20, endMs: 1840 }],
  criticalChain: [
    { phase: 'load', subject: 'files', beginMs: 0, endMs: 2 },
    { phase: 'start', subject: 'db:1', beginMs: 20, endMs: 120 },
    { phase: 'awaitReady', subject: 'db:1', beginMs: 120, endMs: 1022 },
    { phase: 'awaitReady', subject: 'orders:2', beginMs: 1030, endMs: 1502 },
    { phase: 'route', subject: 'edge', beginMs: 1502, endMs: 1522 },
    { phase: 'first-request', subject: 'orders', beginMs: 1522, endMs: 1840 },
  ],
  config: {
    handWrittenLines: 0,
    files: [
      { path: 'Caddyfile', lines: 5, directives: 3 },
      { path: 'compose.yaml', lines: 17, directives: 9 },
    ],
    totalLines: 22,
  },
};
const status = { ...report, running: true };

describe('renderUp', () => {
  test('the summary of the contract', () => {
    expect(renderUp(report, terminal).split('\n')).toEqual([
      '✔ shop is up in 1.84 s                                 first request 1.84 s · https://shop.localhost',
      '  web      ready 0.21 s      https://shop.localhost',
      '  orders   ready 0.48 s 2x   https://shop.localhost/api/orders',
      '  db       crash-loop',
      '  critical chain: db 1.02 → orders 0.48 → route 0.02 → first request 0.32',
      '  config: you wrote 0 lines · Caddyfile 5 · compose.yaml 17',
    ]);
  });

  test('at 40 columns the times go, the addresses stay', () => {
    expect(
      renderUp(report, { ...terminal, width: 46 })
        .split('\n')
        .slice(3, 6),
    ).toEqual(['  web      https://shop.localhost', '  orders   https://shop.localhost/api/orders', '  db']);
  });

  test('without UTF-8 only ASCII', () => {
    expect(renderUp(report, { ...terminal, hasUnicode: false })).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test('a project without routes has no first request', () => {
    const text = renderUp({ ...report, urls: [], timeToFirstRequestMs: null, criticalChain: [] }, terminal);
    expect(text).not.toMatch(/first request|chain/);
    expect(text).toMatch(/^✔ shop is up in 1\.84 s$/m);
  });

  test('colour changes nothing but colour', () => {
    const coloured = renderUp(report, { ...terminal, hasColour: true });
    expect(coloured).toContain('\x1b[32m');
    const strip = (text: string): string => text.replace(/\x1b\[\d+m/g, '').replace(/ +$/gm, '');
    expect(strip(coloured)).toBe(strip(renderUp(report, terminal)));
  });
});

describe('renderStatus', () => {
  test('one line a service, and the edge', () => {
    expect(renderStatus(status, terminal).split('\n')).toEqual([
      'shop is running',
      '  web      ready             static                       https://shop.localhost',
      '  orders   ready        2x   process         pid 12, 13   https://shop.localhost/api/orders',
      '  db       crash-loop        native server',
      '  edge: https 8443 · http 8080 · pid 11',
    ]);
  });

  test('the least important columns go first', () => {
    const at = (width: number): string => renderStatus(status, { ...terminal, width }).split('\n')[2] ?? '';
    expect(at(80)).toBe('  orders   ready        2x   process         https://shop.localhost/api/orders');
    expect(at(66)).toBe('  orders   ready        2x   https://shop.localhost/api/orders');
    expect(at(60)).toBe('  orders   ready        https://shop.localhost/api/orders');
    expect(at(40)).toBe('  orders   ready');
  });

  test('nothing runs', () => {
    expect(renderStatus({ ...status, running: false, services: [], edge: null }, terminal)).toBe('shop is not running');
  });
});

test.each([80, 40, 20])('no line is wider than %i columns', (width) => {
  for (const hasUnicode of [true, false]) {
    const style = { ...terminal, width, hasUnicode };
    for (const text of [renderUp(report, style), renderStatus(status, style)])
      for (const line of text.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(width);
  }
});

test('times are short words', () => {
  expect([seconds(4), seconds(1840), seconds(59_400), seconds(59_900), seconds(125_000)]).toEqual([
    '0.00 s',
    '1.84 s',
    '59.40 s',
    '1 min 00 s',
    '2 min 05 s',
  ]);
});
