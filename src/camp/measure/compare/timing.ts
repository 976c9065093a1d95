import { setTimeout as delay } from 'node:timers/promises';
import type { Site } from '../../../edge/rivals/types.ts';
import type { Ms } from '../../../kit/events.ts';
import { ask, type Question } from './ask.ts';
import type { Reference } from './probes.ts';
import { routeQuestions } from './questions.ts';
import type { Running } from './types.ts';

const pauseMs: Ms = 5;
const deadlineMs: Ms = 30_000;
const mostWaitMs: Ms = 10_000;

/**
 * Starts a server and asks for every route until each is answered with the status that camp's edge gave it, below 500:
 * milliseconds from before the start. Each try is a new connection, verified. Rejects with the last answers after 30 s,
 * or when the server has ended.
 */
export async function untilServed(
  start: () => Promise<Running>,
  site: Site,
  reference: Reference,
  signal: AbortSignal,
  keep: (running: Running) => void,
): Promise<Ms> {
  const began = performance.now();
  const running = await start();
  keep(running);
  const questions = routeQuestions(site).filter(({ name }) => (reference.get(name)?.status ?? 500) < 500);
  const waits = questions.map(async (question) => {
    const expected = reference.get(question.name)?.status;
    for (;;) {
      const answer = await ask(running, question, signal);
      if (typeof answer !== 'string' && answer.status === expected) return;
      signal.throwIfAborted();
      const end = running.ended();
      const last = typeof answer === 'string' ? answer : `status ${answer.status}`;
      if (end !== undefined) throw new Error(end);
      if (performance.now() - began > deadlineMs) throw new Error(`${question.name} was not answered: ${last}`);
      await delay(pauseMs, undefined, { signal });
    }
  });
  const settled = await Promise.allSettled(waits);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return performance.now() - began;
}

/** A certificate may still be on its way when connections are taken already; one that never is good is an answer too. */
const certificateMs: Ms = 1500;

/** Waits for an answer of each name, of what is not timed; false when the server has ended or takes too long for all of them. */
export async function untilListening(running: Running, site: Site, signal: AbortSignal): Promise<boolean> {
  // each has a certificate of its own, and the first one says nothing of the others
  const firstOfEach = new Map(
    routeQuestions(site)
      .toReversed()
      .map((one) => [`${one.isTls} ${one.host}`, one]),
  );
  const waits = [...firstOfEach.values()].map((question) => untilAnswered(running, question, signal));
  return (await Promise.all(waits)).includes(true);
}

async function untilAnswered(running: Running, question: Question, signal: AbortSignal): Promise<boolean> {
  const began = performance.now();
  let refusedSince: Ms | undefined;
  while (performance.now() - began < mostWaitMs && running.ended() === undefined) {
    const answer = await ask(running, question, signal);
    signal.throwIfAborted();
    if (typeof answer !== 'string') return true;
    const now = performance.now();
    refusedSince = /CERT|SSL|ALERT|EPROTO|UNABLE/.test(answer) ? (refusedSince ?? now) : undefined;
    if (refusedSince !== undefined && now - refusedSince > certificateMs) return true;
    await delay(pauseMs, undefined, { signal });
  }
  return false;
}
