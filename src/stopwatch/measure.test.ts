import { describe, expect, it } from 'vitest';
import { aService, idle, wantedOf } from '../../test/rig/services.ts';
import type { Event } from '../kit/events.ts';
import { reconcile } from '../plan/reconcile.ts';
import { measure } from './measure.ts';

const plan = reconcile(
  wantedOf([aService('api', { dependsOn: new Map([['db', 'service_healthy']]) }), aService('db')], {
    routed: new Set(['api']),
  }),
  idle,
  { recreate: 'diverged' },
);
const span = (step: number | undefined, phase: string, subject: string, from: number, to?: number): Event[] => {
  const event = { type: 'span', phase, subject, ...(step === undefined ? {} : { step }) };
  return [
    { ...event, edge: 'begin', t: from },
    ...(to === undefined ? [] : [{ ...event, edge: 'end', t: to }]),
  ] as Event[];
};
const events: Event[] = [
  ...span(undefined, 'load', 'files', 20, 25),
  ...span(1, 'start', 'db:1', 26, 30),
  ...span(2, 'awaitReady', 'db:1', 30, 130),
  ...span(3, 'start', 'api:1', 130, 133),
  ...span(4, 'awaitReady', 'api:1', 133, 250),
  ...span(5, 'startEdge', 'edge', 26, 80),
  ...span(6, 'route', 'edge', 80, 95),
  ...span(7, 'first-request', 'api', 250, 262),
];

describe('measure', () => {
  it('takes the last answer of all routed services for the time to first request', () => {
    expect(measure(plan, events).timeToFirstRequestMs).toBe(262);
  });

  it('walks the critical chain back through what each step had to wait for', () => {
    expect(measure(plan, events).criticalChain.map((one) => `${one.phase} ${one.subject}`)).toEqual([
      'load files',
      'start db:1',
      'awaitReady db:1',
      'start api:1',
      'awaitReady api:1',
      'first-request api',
    ]);
  });

  it('gives the readiness of each service', () => {
    expect([...measure(plan, events).readyMs]).toEqual([
      ['db', 130],
      ['api', 250],
    ]);
  });

  it('counts from the command that asked for it, not from the start of what runs', () => {
    const later = events.map((event) => ({ ...event, t: event.t + 60_000 })) as Event[];
    expect(measure(plan, later, 60_000)).toEqual(measure(plan, events));
  });

  it('has no figure when a routed service has not answered', () => {
    const timing = measure(plan, events.slice(0, -1));
    expect(timing.timeToFirstRequestMs).toBeUndefined();
  });

  it('takes no figure from a step that failed', () => {
    const failed = events.map((event) =>
      event.type === 'span' && event.phase === 'first-request' && event.edge === 'end'
        ? { ...event, failure: { fault: 'service', code: 'NOT_READY', message: '', hints: [] } }
        : event,
    ) as Event[];
    expect(measure(plan, failed).timeToFirstRequestMs).toBeUndefined();
  });
});
