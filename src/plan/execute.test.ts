import { describe, expect, it } from 'vitest';
import { aService, idle, wantedOf } from '../../test/rig/services.ts';
import type { Event } from '../kit/events.ts';
import { CampError, failure } from '../kit/failure.ts';
import { execute } from './execute.ts';
import { reconcile } from './reconcile.ts';
import type { Handlers, Step } from './types.ts';

function rig(fails: (step: Step) => boolean = () => false): {
  handlers: Handlers;
  done: string[];
  events: Event[];
  emit: (event: object) => void;
} {
  const done: string[] = [];
  const events: Event[] = [];
  const one = async (step: Step): Promise<void> => {
    await Promise.resolve();
    if (fails(step)) throw new CampError(failure('service', 'NOT_READY', `${step.subject} failed`));
    done.push(`${step.kind} ${step.subject}`);
  };
  const handlers = new Proxy({}, { get: () => one }) as Handlers;
  return { handlers, done, events, emit: (event) => void events.push({ t: 0, ...event } as Event) };
}

const api = aService('api', { dependsOn: new Map([['db', 'service_healthy']]) });
const plan = reconcile(wantedOf([api, aService('db'), aService('web')]), idle, { recreate: 'diverged' });

describe('execute', () => {
  it('carries out every step, each after what it depends on', async () => {
    const { handlers, done, emit } = rig();
    const outcome = await execute(plan, handlers, { signal: new AbortController().signal, emit });
    expect(outcome).toEqual({ failures: [], skipped: [] });
    expect(done).toHaveLength(plan.steps.length);
    expect(done.indexOf('awaitReady db:1')).toBeLessThan(done.indexOf('start api:1'));
  });

  it('skips what depends on a failed step and goes on with the rest', async () => {
    const { handlers, done, emit, events } = rig((step) => step.kind === 'awaitReady' && step.subject === 'db:1');
    const outcome = await execute(plan, handlers, { signal: new AbortController().signal, emit });
    expect(outcome.failures.map((one) => one.message)).toEqual(['db:1 failed']);
    expect(outcome.skipped.map((step) => `${step.kind} ${step.subject}`).sort()).toEqual([
      'awaitReady api:1',
      'firstRequest api',
      'firstRequest db',
      'start api:1',
    ]);
    expect(done).toContain('firstRequest web');
    expect(events.filter((event) => event.type === 'span' && event.failure)).toHaveLength(1);
  });

  it('begins nothing once it is aborted', async () => {
    const { handlers, done, emit } = rig();
    const outcome = await execute(plan, handlers, { signal: AbortSignal.abort(), emit });
    expect(done).toEqual([]);
    expect(outcome.skipped).toHaveLength(plan.steps.length);
  });
});
