import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import type { Bench } from './bench.ts';
import { type NotApplicable, notApplicable } from './readings.ts';
import { saveChange } from './save-change.ts';
import { sourceFileOf } from './source-file.ts';
import type { Unrouted } from './subjects.ts';

const deadlineMs: Ms = 60_000;
const askMs: Ms = 1000;

/**
 * From the rename that saves a source file to the first answer of the new program, of a service that only others of the project ask:
 * it is asked where they reach it, again and again on new connections.
 */
export async function reloadBehind(bench: Bench, { name, service }: Unrouted): Promise<Ms | NotApplicable> {
  const file = sourceFileOf(service);
  if (!file) return notApplicable('no source file of it is known whose change could be seen');
  if (!(await answers(bench, name)))
    return notApplicable('it answers no HTTP: a new answer cannot be told from an old one');
  const before = await bench.replicasOf(name);
  const savedMs = saveChange(file, `measured ${bench.nonce()}`);
  let isOldGone = false;
  while (performance.now() - savedMs < deadlineMs) {
    isOldGone ||= !(await bench.isAnyAlive(before));
    if (isOldGone && (await answers(bench, name))) return performance.now() - savedMs;
    await delay(3, undefined, { signal: bench.signal });
  }
  return fail('service', 'NOT_RELOADED', `no new answer came within 60 s after ${file.path} was saved`, {
    hints: ['camp up, then save the file and look at camp logs'],
  });
}

/** Whether it says anything below 500 at its root, a 404 among it. */
async function answers(bench: Bench, name: string): Promise<boolean> {
  const address = (await bench.endpoints()).find(({ service }) => service === name)?.address;
  if (address === undefined) return false;
  return new Promise((resolve) => {
    const asked = get(`http://${address}/`, { agent: false, timeout: askMs }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 500);
    });
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => resolve(false));
  });
}
