import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import type { Bench } from './bench.ts';
import type { Load, Served } from './load.ts';
import { type NotApplicable, notApplicable } from './readings.ts';
import { saveChange } from './save-change.ts';
import { type SourceFile, sourceFileOf } from './source-file.ts';
import type { Routed } from './subjects.ts';

export interface Reload {
  readonly ms: Ms;
  /** Under a hundred requests a second, from before the file was saved until after the new answer. */
  readonly failedRequests: number;
}

const deadlineMs: Ms = 60_000;
/** How long requests go on after the new answer: who drains the old replica badly fails now. */
const afterwardsMs: Ms = 300;

/** From the rename that saves a source file to the first new answer: of a page that has the new text, of a program that was not there before. */
export async function reload(bench: Bench, routed: Routed): Promise<Reload | NotApplicable> {
  const { service, placement, name } = routed;
  const file = service && sourceFileOf(service);
  if (!file) return notApplicable('no source file of it is known whose change could be seen');
  if (placement === 'container' && service.watch.length === 0)
    return notApplicable('it runs in a container and has no develop.watch: a saved file changes nothing');
  const load = bench.load(routed);
  try {
    if (!(await load.until(() => true, 5000, bench.signal)))
      fail('service', 'NOT_READY', `${name} does not answer at ${routed.url}`);
    await delay(200, undefined, { signal: bench.signal });
    const change =
      placement === 'static' ? await changePage(bench, load, file) : await changeProgram(bench, load, routed, file);
    if (!change)
      return notApplicable('its container was not started again: whether a new answer has come cannot be seen');
    await delay(afterwardsMs, undefined, { signal: bench.signal });
    const served = await load.stop();
    const firstMs = Math.min(
      ...served.filter((one) => one.isSuccess && change.isNew(one)).map((one) => one.answeredMs),
    );
    return { ms: firstMs - change.savedMs, failedRequests: served.filter(({ isSuccess }) => !isSuccess).length };
  } finally {
    await load.stop();
  }
}

interface Change {
  readonly savedMs: Ms;
  isNew(served: Served): boolean;
}

async function changePage(bench: Bench, load: Load, file: SourceFile): Promise<Change> {
  const words = `measured ${bench.nonce()}`;
  const savedMs = saveChange(file, words);
  const isNew = ({ body }: Served): boolean => body.includes(words);
  if (!(await load.until(isNew, deadlineMs, bench.signal))) noNewAnswer(file);
  return { savedMs, isNew };
}

/**
 * A program that was started again may have the address of the one before, so an answer is new when it has come from an address
 * that was not there, or was asked for after everything that ran before was gone: what the old one has answered in its last moment
 * may arrive later. Undefined where nothing was started again.
 */
async function changeProgram(
  bench: Bench,
  load: Load,
  { name, placement }: Routed,
  file: SourceFile,
): Promise<Change | undefined> {
  const before = await bench.processesOf(name);
  const addresses = new Set(load.served.map(({ upstream }) => upstream));
  const savedMs = saveChange(file, `measured ${bench.nonce()}`);
  while (await bench.isAnyAlive(before)) {
    if (performance.now() - savedMs > deadlineMs) return placement === 'container' ? undefined : noNewAnswer(file);
    await delay(3, undefined, { signal: bench.signal });
  }
  const goneMs = performance.now();
  const isNew = ({ upstream, sentMs }: Served): boolean =>
    sentMs > goneMs || (upstream !== '' && !addresses.has(upstream));
  if (!(await load.until(isNew, deadlineMs, bench.signal))) noNewAnswer(file);
  return { savedMs, isNew };
}

function noNewAnswer({ path }: SourceFile): never {
  return fail('service', 'NOT_RELOADED', `no new answer came within 60 s after ${path} was saved`, {
    hints: ['camp up, then save the file and look at camp logs'],
  });
}
