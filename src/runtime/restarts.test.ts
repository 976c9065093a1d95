import { expect, it } from 'vitest';
import type { Clock } from '../kit/clock.ts';
import { type EndedRun, Restarts } from './restarts.ts';

const crashed: EndedRun = { readyFor: undefined, wasKilled: false };
const served: EndedRun = { readyFor: 500, wasKilled: false };
const sound: EndedRun = { readyFor: 10_000, wasKilled: false };
const killed: EndedRun = { readyFor: 500, wasKilled: true };

function at(time: { now: number }): Restarts {
  const clock: Clock = { now: () => time.now, sleep: () => Promise.reject(new Error('nobody sleeps here')) };
  return new Restarts(clock);
}

it('counts the ends of the last minute', () => {
  const time = { now: 0 };
  const restarts = at(time);
  for (time.now = 0; time.now < 50_000; time.now += 10_000) restarts.countEnd(crashed);
  expect(restarts.ofLate()).toBe(5);
  time.now = 70_001;
  expect(restarts.ofLate()).toBe(3);
});

it('counts no end by a signal from outside while it served, but one before it was ready', () => {
  const restarts = at({ now: 0 });
  restarts.countEnd(killed);
  expect(restarts.ofLate()).toBe(0);
  restarts.countEnd({ readyFor: undefined, wasKilled: true });
  restarts.countEnd(served);
  expect(restarts.ofLate()).toBe(2);
});

it('forgets what was counted, but not how long the next pause is, when somebody asks for a restart', () => {
  const restarts = at({ now: 0 });
  restarts.countEnd(crashed);
  restarts.nextAttempt(crashed);
  restarts.forget();
  expect(restarts.ofLate()).toBe(0);
  expect(restarts.nextAttempt(crashed)).toBe(2);
});

it('starts at once what did run, and waits longer each time after that', () => {
  const restarts = at({ now: 0 });
  expect([served, served, crashed].map((run) => restarts.nextAttempt(run))).toEqual([undefined, 2, 3]);
});

it('waits before each start of what was never ready', () => {
  const restarts = at({ now: 0 });
  expect([crashed, crashed].map((run) => restarts.nextAttempt(run))).toEqual([1, 2]);
});

it('begins anew after a run that was sound or killed from outside, or when told to', () => {
  for (const run of [sound, killed]) {
    const restarts = at({ now: 0 });
    restarts.nextAttempt(crashed);
    expect(restarts.nextAttempt(run)).toBe(undefined);
    expect(restarts.nextAttempt(crashed)).toBe(2);
    restarts.startOver();
    expect(restarts.nextAttempt(crashed)).toBe(1);
  }
});
