import { describe, expect, test } from 'vitest';
import type { LogRecord } from '../kit/log-files.ts';
import { RequestLines, wayOf } from './request-way.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';

function record(service: string, ms: number, entry: Record<string, unknown> | string): LogRecord {
  const time = new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
  const line = typeof entry === 'string' ? entry : JSON.stringify({ time, service, ...entry });
  return { time, service, replica: service === 'edge' ? 'edge' : `${service}:1`, stream: 'stdout', line };
}

describe('RequestLines', () => {
  test('has lines that name the id, whole, and learns the trace from them', () => {
    const lines = new RequestLines('r-1');
    expect(lines.has('{"requestId":"r-1","traceId":"t-1"}')).toBe(true);
    expect(lines.has('plain text about r-1.')).toBe(true);
    expect(lines.has('{"requestId":"r-10","traceId":"t-2"}')).toBe(false);
    expect(lines.has('{"requestId":"r-1.2"}')).toBe(false);
    expect(lines.has('for-1')).toBe(false);
    expect(lines.traces).toEqual(['t-1']);
  });

  test('has lines with the trace alone, and none of another request of that trace', () => {
    const lines = new RequestLines('r-1');
    expect(lines.has(`{"traceId":"${trace}","msg":"before anybody knew"}`)).toBe(false);
    lines.has(`{"requestId":"r-1","traceId":"${trace}"}`);
    expect(lines.has(`{"traceId":"${trace}","msg":"charged"}`)).toBe(true);
    expect(lines.has(`00-${trace}-00f067aa0ba902b7-01 in a text`)).toBe(true);
    expect(lines.has(`{"traceId":"${trace}","requestId":"r-2"}`)).toBe(false);
  });

  test('an id may be any text, also one that means something to regular expressions', () => {
    expect(new RequestLines('a+b(c').has('{"requestId":"a+b(c"}')).toBe(true);
    expect(new RequestLines('a.c').has('{"requestId":"abc"}')).toBe(false);
  });
});

describe('wayOf', () => {
  test('what was served stands where it began: before what it led to', () => {
    const way = wayOf([
      record('inventory', 30, { msg: 'request', ms: 5 }),
      record('orders', 40, { msg: 'request', ms: 30 }),
      record('orders', 20, { msg: 'an order has come' }),
      record('edge', 8, { msg: 'request', ms: 40 }),
      record('payments', 90, { msg: 'charged' }),
    ]);
    expect(way.map(({ service, hop }) => `${hop} ${service}`)).toEqual([
      '1 edge',
      '2 orders',
      '2 orders',
      '3 inventory',
      '4 payments',
    ]);
    const times = way.map(({ time }) => time);
    expect(times).toEqual(times.toSorted());
  });

  test('coarse clocks do not put a service before the one that called it', () => {
    const way = wayOf([
      record('inventory', 11, { msg: 'request', ms: 1 }),
      record('orders', 13, { msg: 'request', ms: 2.4 }),
      record('edge', 11, { msg: 'request', ms: 4 }),
    ]);
    expect(way.map(({ service }) => service)).toEqual(['edge', 'orders', 'inventory']);
  });

  test.each([10, 11])(
    'a service whose line was written late comes after the edge all the same: the edge began at %s ms',
    (ms) => {
      const way = wayOf([
        record('orders', 40, { msg: 'request', ms: 29.5 }),
        record('edge', ms, { msg: 'request', ms: 12 }),
      ]);
      expect(way.map(({ service }) => service)).toEqual(['edge', 'orders']);
    },
  );

  test('lines of one moment keep the order in which they were written', () => {
    const way = wayOf([record('api', 5, 'one'), record('api', 5, 'two'), record('api', 5, 'three')]);
    expect(way.map(({ line }) => line)).toEqual(['one', 'two', 'three']);
  });
});
